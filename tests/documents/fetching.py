"""How the tests fetch: as an operator would who runs a git server in a network of their own."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from ipaddress import ip_network
from typing import Any

from checks.documents import (
    DocumentLimits,
    DocumentProblem,
    DocumentReach,
    DocumentReference,
    DocumentRefusal,
    FetchedDocuments,
    RefusalKind,
    fetch_documents,
)
from tests.documents.git_host import NAME, GitHost, Repository

LOOPBACK = ip_network("127.0.0.0/8")


def on_loopback(host: str, port: int) -> Sequence[str]:
    return ["127.0.0.1"]


def reach_of(host: GitHost, **other: Any) -> DocumentReach:
    "The host is accepted, its network is allowed, its authority is trusted."
    usual = DocumentReach((f"{NAME}:{host.port}",), networks=(LOOPBACK,), ca_file=host.ca_file)
    return replace(usual, **other)


def fetch(
    repository: Repository,
    commit: str,
    *patterns: str,
    reach: dict[str, Any] | None = None,
    resolve: Any = on_loopback,
    url: str = "",
    **limits: Any,
) -> FetchedDocuments | DocumentRefusal:
    reference = DocumentReference(url or repository.url, commit, patterns or ("kingfisher.md",))
    terms = reach_of(repository.host, **(reach or {}))
    return fetch_documents(reference, terms, DocumentLimits(**limits), resolve=resolve)


def fetched(answer: FetchedDocuments | DocumentRefusal) -> dict[str, bytes]:
    assert isinstance(answer, FetchedDocuments), f"{answer} ({answer.detail})"
    return {file.path: file.content for file in answer.files}


def refused(answer: FetchedDocuments | DocumentRefusal, problem: str, kind: str = "contribution") -> str:
    "Hold the refusal against what is expected; return its words."
    assert isinstance(answer, DocumentRefusal), answer
    assert answer.problem is DocumentProblem(problem), f"{answer} ({answer.detail})"
    assert answer.kind is RefusalKind(kind)
    return answer.message
