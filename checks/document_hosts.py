"""Finds the git server of a document: an accepted host, all its addresses checked, redirects followed by ourselves.

The addresses are looked up once and handed on, so that whoever connects later cannot be led elsewhere by a name
that has come to mean something else.
"""

from __future__ import annotations

import re
import socket
import ssl
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urljoin, urlsplit

from checks.document_addresses import NameNotFoundError, Resolve, addresses_of, is_acceptable
from checks.document_refusals import DocumentProblem, RefusedError
from checks.document_terms import Deadline, DocumentReach
from checks.quoting import as_code
from checks.repository_links import LinkProblem, read_link

_QUESTION = "/info/refs?service=git-upload-pack"
_GIT_ANSWER = "application/x-git-upload-pack-advertisement"
_PLAIN_URL = re.compile(r"https://[a-z0-9.-]+(:\d{1,5})?/[!-~]+", re.IGNORECASE)
_STATUS = re.compile(r"HTTP/1\.[01] (\d{3})")
_MOST_REDIRECTS = 3
_MOST_HEAD_BYTES = 32 * 1024
_ONE_ADDRESS_S = 10.0
_GONE = {401, 404, 410, 451}  # hosts answer 401 for what is not there, so as not to tell what is private


@dataclass(frozen=True, slots=True)
class GitPlace:
    """A repository on its server, with the addresses that were checked."""

    url: str
    host: str
    port: int
    addresses: tuple[str, ...]

    @property
    def pin(self) -> str:
        """The host's addresses as curl takes them: it asks no resolver then."""
        shown = ",".join(f"[{a}]" if ":" in a else a for a in self.addresses)
        return f"{self.host}:{self.port}:{shown}"


@dataclass(frozen=True, slots=True)
class _Answer:
    status: int
    headers: dict[str, str]


def find_git_place(
    repo: str, reach: DocumentReach, trust: ssl.SSLContext, resolve: Resolve, deadline: Deadline
) -> GitPlace:
    """Return where the repository's git server answers. Raises RefusedError."""
    url = check_url(repo, reach)
    for _ in range(_MOST_REDIRECTS + 1):
        place = _place(url, reach, resolve, deadline)
        answer = _ask(place, trust, deadline)
        if not 300 <= answer.status < 400:
            _judge(answer, place)
            return place
        url = _redirected(url, answer, reach)
    raise RefusedError(DocumentProblem.REDIRECT, "The document's address is redirected again and again.")


def check_url(repo: str, reach: DocumentReach) -> str:
    """Return the address without blanks around it. Raises RefusedError unless it is one that may be asked."""
    link = read_link(repo, reach.hosts)
    if link.problem is LinkProblem.HOST:
        hosts = ", ".join(reach.hosts) or "none"
        raise RefusedError(
            DocumentProblem.HOST, f"The document lies on a host that is not accepted. Accepted: {hosts}."
        )
    if link.problem is not None:
        raise RefusedError(DocumentProblem.ADDRESS, f"The document's address cannot be used: {link.problem}.")
    if _PLAIN_URL.fullmatch(repo.strip()) is None:
        raise RefusedError(
            DocumentProblem.ADDRESS, "The document's address holds characters that no address of git has."
        )
    return repo.strip().rstrip("/")


def _place(url: str, reach: DocumentReach, resolve: Resolve, deadline: Deadline) -> GitPlace:
    parts = urlsplit(url)
    host, port = parts.hostname or "", parts.port or 443
    try:
        addresses = addresses_of(host, port, resolve, deadline.left_s)
    except TimeoutError:
        raise _timeout(f"the name {host} was not resolved") from None
    except NameNotFoundError as error:
        raise _offline(host, f"{host}: {error}") from None
    refused = [address for address in addresses if not is_acceptable(address, reach.networks)]
    if refused:
        raise RefusedError(
            DocumentProblem.PRIVATE_ADDRESS,
            f"{as_code(host)} does not lie on the public internet.",
            f"{host} has the address {', '.join(refused[:5])}, which is not public and in no network you allow",
        )
    return GitPlace(url, host, port, tuple(addresses))


def _ask(place: GitPlace, trust: ssl.SSLContext, deadline: Deadline) -> _Answer:
    """Ask each address in turn for what git will ask, and read only the head of the answer."""
    trouble = ""
    for address in place.addresses:
        try:
            return _ask_at(address, place, trust, deadline)
        except ssl.SSLCertVerificationError as error:
            raise RefusedError(
                DocumentProblem.CERTIFICATE,
                f"Could not verify the document: the certificate of {as_code(place.host)} is not trusted.",
                error.verify_message,
            ) from None
        except OSError as error:
            trouble = f"{address}: {error}"
        if deadline.has_passed:
            raise _timeout(trouble)
    raise _offline(place.host, trouble)


def _ask_at(address: str, place: GitPlace, trust: ssl.SSLContext, deadline: Deadline) -> _Answer:
    patience_s = max(0.001, min(_ONE_ADDRESS_S, deadline.left_s))
    path = urlsplit(place.url).path + _QUESTION
    named = place.host if place.port == 443 else f"{place.host}:{place.port}"
    question = (
        f"GET {path} HTTP/1.1\r\nHost: {named}\r\nUser-Agent: git/taxonomy-check\r\nAccept: */*\r\n"
        "Git-Protocol: version=2\r\nConnection: close\r\n\r\n"
    )
    with (
        socket.create_connection((address, place.port), timeout=patience_s) as plain,
        trust.wrap_socket(plain, server_hostname=place.host) as stream,
    ):
        stream.sendall(question.encode("ascii"))
        return _read_head(stream, deadline)


def _read_head(stream: ssl.SSLSocket, deadline: Deadline) -> _Answer:
    head = b""
    while b"\r\n\r\n" not in head:
        if deadline.has_passed:
            raise _timeout("the server began an answer and did not end it")
        stream.settimeout(max(0.001, deadline.left_s))
        more = stream.recv(4096)
        head += more
        if not more or len(head) > _MOST_HEAD_BYTES:
            raise _server("the answer has no end of its head" if more else "the connection was closed early")
    first, *lines = head.partition(b"\r\n\r\n")[0].decode("latin-1").split("\r\n")
    status = _STATUS.match(first)
    if status is None:
        raise _server("the answer is not HTTP")
    headers = {name.strip().lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)}
    return _Answer(int(status[1]), headers)


def _judge(answer: _Answer, place: GitPlace) -> None:
    """Raise RefusedError unless the answer is that of a git server that speaks of this repository."""
    if answer.status in _GONE:
        raise RefusedError(
            DocumentProblem.NO_REPOSITORY,
            f"There is no public repository at {as_code(place.url, 200)}: it is private, gone, or spelt otherwise.",
            f"status {answer.status}",
        )
    if answer.status != 200:
        raise _server(f"status {answer.status}")
    if answer.headers.get("content-type", "").lower() != _GIT_ANSWER:
        raise RefusedError(
            DocumentProblem.NO_REPOSITORY,
            f"At {as_code(place.url, 200)} lies something else than a git repository.",
        )


def _redirected(url: str, answer: _Answer, reach: DocumentReach) -> str:
    """Return the repository's other address. Raises RefusedError when that could not have been written itself."""
    target = urljoin(url + _QUESTION, answer.headers.get("location", ""))
    try:
        if not answer.headers.get("location") or not target.endswith(_QUESTION):
            raise RefusedError(DocumentProblem.REDIRECT, "")
        return check_url(target.removesuffix(_QUESTION), reach)
    except RefusedError:
        raise RefusedError(
            DocumentProblem.REDIRECT,
            "The document's address is redirected to a place that is not an accepted address of a repository.",
            f"redirected to {target[:300]!r}",
        ) from None


def trust_in(authorities: Path | None) -> ssl.SSLContext:
    """Return what certificates are checked with: the system's authorities and those of a PEM file.

    Raises RefusedError when the file cannot be read.
    """
    context = ssl.create_default_context()
    try:
        if authorities is not None:
            context.load_verify_locations(cafile=authorities)
    except (OSError, ssl.SSLError) as error:
        raise unreadable_authorities(str(error)) from None
    return context


def unreadable_authorities(detail: str) -> RefusedError:
    """Return what is said when the operator's file of authorities is of no use."""
    words = "Could not verify the document: the file of trusted authorities here cannot be read."
    return RefusedError(DocumentProblem.OWN_SIDE, words, detail)


def _offline(host: str, detail: str) -> RefusedError:
    message = f"Could not verify the document: {as_code(host)} cannot be reached from here. Is there a network?"
    return RefusedError(DocumentProblem.OFFLINE, message, detail)


def _timeout(detail: str) -> RefusedError:
    return RefusedError(
        DocumentProblem.TIMEOUT, "Could not verify the document: its server did not answer in time.", detail
    )


def _server(detail: str) -> RefusedError:
    return RefusedError(
        DocumentProblem.SERVER, "Could not verify the document: its server answers with an error.", detail
    )
