"""What an inexact reference was meant to say: a short commit id, a branch, a tag or a page's address, made exact.

Nothing is taken from it that its author could not have written: what comes out is an offer, looked up in the
repository and found to lead to documents, and never used in place of what stands in the leaf.
"""

from __future__ import annotations

import re
import tempfile
from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path

from checks.document_addresses import Resolve, system_addresses
from checks.document_hosts import check_url
from checks.document_patterns import pattern_problem
from checks.document_refusals import DocumentOffer, DocumentProblem, DocumentRefusal, RefusedError
from checks.document_repository import DocumentRepository
from checks.document_terms import Deadline, DocumentLimits, DocumentReach
from checks.documents import DocumentReference, FetchedDocuments, connect, fetch_documents
from checks.repository_links import RepositoryLink, read_link

_INEXACT = {DocumentProblem.ADDRESS, DocumentProblem.COMMIT_ID, DocumentProblem.PATTERN}
_ID = re.compile(r"[0-9a-f]{4,40}", re.IGNORECASE)
_FULL = 40
_LONGEST = 2000


def fetch_or_offer(
    reference: DocumentReference,
    reach: DocumentReach,
    limits: DocumentLimits | None = None,
    *,
    resolve: Resolve = system_addresses,
    scratch: Path | None = None,
) -> FetchedDocuments | DocumentRefusal:
    """Return the files, or why there are none: of what is not exact with an offer, if one can be made."""
    limits = limits or DocumentLimits()
    found = fetch_documents(reference, reach, limits, resolve=resolve, scratch=scratch)
    if isinstance(found, FetchedDocuments) or found.problem not in _INEXACT:
        return found
    deadline = Deadline(limits.time_s)
    try:
        offer = _offer(_Written(reference, reach), limits, resolve, scratch, deadline)
    except (RefusedError, OSError):
        return found  # what is wrong is said already; a better remedy is not to be had now
    return replace(found, offer=offer)


class _Written:
    """A reference as its author wrote it, read with the eyes of somebody who knows what people mix up."""

    def __init__(self, reference: DocumentReference, reach: DocumentReach) -> None:
        self.reach = reach
        self.commit = reference.commit[:_LONGEST]
        self.patterns = tuple(pattern[:_LONGEST] for pattern in reference.patterns)
        self._page = read_link(reference.repo[:_LONGEST], reach.hosts)
        self.repo = self._page.better or reference.repo.strip()

    @property
    def pages(self) -> Iterator[RepositoryLink]:
        """The addresses of pages that stand anywhere in it, if they are of the same repository."""
        yield self._page
        for text in (self.commit, *self.patterns):
            if "://" in text:
                link = read_link(text, self.reach.hosts)
                if _is_same(link.better, self.repo):
                    yield link


def _is_same(one: str, other: str) -> bool:
    return one.removesuffix(".git").lower() == other.rstrip("/").removesuffix(".git").lower()


def _offer(
    written: _Written, limits: DocumentLimits, resolve: Resolve, scratch: Path | None, deadline: Deadline
) -> DocumentOffer | None:
    """Return what was meant, once it was found to lead to documents. Raises RefusedError."""
    repo = check_url(written.repo, written.reach)
    with tempfile.TemporaryDirectory(prefix="documents-", dir=scratch, ignore_cleanup_errors=True) as folder:
        _, git = connect(repo, written.reach, limits, resolve, Path(folder), deadline)
        repository = DocumentRepository(git, "", limits)
        names = repository.names()
        pages = [_split(page.within, names) for page in written.pages if page.within]
        said = [written.commit, *(ref for ref, _ in pages)]
        commit = next(filter(None, (_commit(each, names, repository) for each in said)), "")
    if not commit:
        return None
    for patterns in dict.fromkeys((written.patterns, tuple(path for _, path in pages if path))):
        if not patterns or any(pattern_problem(pattern) for pattern in patterns):
            continue
        exact = DocumentReference(repo, commit, patterns)
        left = replace(limits, time_s=deadline.left_s)
        found = fetch_documents(exact, written.reach, left, resolve=resolve, scratch=scratch)
        if isinstance(found, FetchedDocuments):
            return DocumentOffer(repo, commit, patterns)
    return None


def _split(within: str, names: Mapping[str, str]) -> tuple[str, str]:
    """Take what follows "blob" in an address apart: a branch or tag, which may hold slashes, and a path."""
    steps = within.split("/")
    for count in range(len(steps), 0, -1):
        name = "/".join(steps[:count])
        if name in names:
            return name, "/".join(steps[count:])
    return steps[0], "/".join(steps[1:])


def _commit(said: str, names: Mapping[str, str], repository: DocumentRepository) -> str:
    """Return the full id of what was said; empty when it is nothing of that repository."""
    if said in names:
        return names[said]
    if _ID.fullmatch(said) is None:
        return ""
    return said.lower() if len(said) == _FULL else repository.commit_that_begins(said.lower())
