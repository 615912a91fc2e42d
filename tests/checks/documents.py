"""Documents as if somebody had fetched them, for rules that are handed them."""

from __future__ import annotations

import hashlib
from typing import Any

from checks.contribution import Contribution
from checks.document_refusals import DocumentOffer, DocumentProblem, DocumentRefusal
from checks.documents import DocumentFile, FetchedDocuments
from tests.checks.contributions import COMMIT, KNOWLEDGE_PATH, REPO, a_knowledge, attribution, contribution_of


def fetched(*unread: str, **files: str | bytes) -> FetchedDocuments:
    "Documents by their names, with `_` for the dot."
    made = []
    for name, content in files.items():
        raw = content.encode() if isinstance(content, str) else content
        made.append(DocumentFile(name.replace("_", "."), raw, hashlib.sha256(raw).hexdigest()))
    return FetchedDocuments(REPO, COMMIT, tuple(made), unread=unread)


def refused(problem: str, offer: DocumentOffer | None = None) -> DocumentRefusal:
    return DocumentRefusal(DocumentProblem(problem), f"It was refused: {problem}.", "10.0.0.7", offer)


def knowledge_with(found: FetchedDocuments | DocumentRefusal | None, **keys: Any) -> Contribution:
    "A knowledge leaf whose document was asked for; None: nobody has."
    documents = {} if found is None else {KNOWLEDGE_PATH: found}
    beside = KNOWLEDGE_PATH.replace("qna.yaml", "attribution.txt")
    return contribution_of((KNOWLEDGE_PATH, a_knowledge(**keys)), (beside, attribution()), documents=documents)
