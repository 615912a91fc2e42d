"""What a `document.repo` address points to, told from its text alone."""

from __future__ import annotations

import re
from collections.abc import Collection
from dataclasses import dataclass
from enum import StrEnum
from urllib.parse import unquote, urlsplit


class LinkProblem(StrEnum):
    """Why an address is not that of a repository we can fetch."""

    NOT_HTTPS = "not https"
    UNREADABLE = "unreadable"
    CREDENTIALS = "a name or password in it"
    PORT = "a port number in it"
    HOST = "host not allowed"
    NO_REPOSITORY = "no repository named"
    PAGE = "a page inside the repository"


@dataclass(frozen=True, slots=True)
class RepositoryLink:
    """The reading of an address: its problem if it has one, what to write instead, and the file it pointed to.

    `within` is what a page's address says after its kind: a branch, tag or commit, then the path of a file if any.
    """

    problem: LinkProblem | None = None
    host: str = ""
    better: str = ""
    file: str = ""
    commit: str = ""
    within: str = ""


_SCP = re.compile(r"(?:ssh://)?git@([\w.-]+)[:/](.+?)(?:\.git)?/?$")
_PAGE = re.compile(r"^(?P<kind>blob|tree|raw|edit|blame|commits?|src)$")
_RAW_HOSTS = {"raw.githubusercontent.com": "github.com", "www.github.com": "github.com"}
_CONTROL = re.compile(r"[\s\x00-\x1f\x7f\\<>]")
_SHA = re.compile(r"[0-9a-fA-F]{40}")


def read_link(address: str, allowed_hosts: Collection[str]) -> RepositoryLink:
    """Return what is wrong with the address, the first problem first. Never raises."""
    text = address.strip()
    if scp := _SCP.fullmatch(text):
        return RepositoryLink(LinkProblem.NOT_HTTPS, better=f"https://{scp[1]}/{scp[2]}.git")
    scheme, separator, rest = text.partition("://")
    if not separator or scheme.lower() != "https":
        return _not_https(text, scheme.lower() if separator else "", rest, allowed_hosts)
    if _CONTROL.search(text):
        return RepositoryLink(LinkProblem.UNREADABLE)
    try:
        parts = urlsplit(text)
        host, port = (parts.hostname or "").lower(), parts.port
    except ValueError:
        return RepositoryLink(LinkProblem.UNREADABLE)
    if "@" in parts.netloc:
        return RepositoryLink(LinkProblem.CREDENTIALS, host)
    allowed = {h.lower() for h in allowed_hosts}
    if port is not None and f"{host}:{port}" in allowed:
        host = f"{host}:{port}"  # a community may name a server of its own by host and port
    elif port is not None or parts.netloc.endswith(":"):
        return RepositoryLink(LinkProblem.PORT, host, better=f"https://{host}{parts.path}")
    return _on_host(host, parts.path, bool(parts.query or parts.fragment), allowed)


def _not_https(text: str, scheme: str, rest: str, allowed_hosts: Collection[str]) -> RepositoryLink:
    """Read the address as if it began with https://; what is wrong beyond that weighs more."""
    web = scheme in {"http", "git"} or (not scheme and re.match(r"[\w-]+(\.[\w-]+)+/", text))
    if not web or "@" in text:
        return RepositoryLink(LinkProblem.NOT_HTTPS)
    better = f"https://{rest if scheme else text}"
    inner = read_link(better, allowed_hosts)
    return inner if inner.problem else RepositoryLink(LinkProblem.NOT_HTTPS, better=better)


def _on_host(host: str, path: str, has_query: bool, allowed: Collection[str]) -> RepositoryLink:
    steps = [unquote(step) for step in path.split("/") if step]
    home = _RAW_HOSTS.get(host)
    if host not in allowed:
        if home is not None and home in allowed and len(steps) >= 2:
            return RepositoryLink(LinkProblem.PAGE, host, _repository(home, steps), *_inside_raw(steps))
        return RepositoryLink(LinkProblem.HOST, host)
    if len(steps) < 2 or any(step in {".", ".."} or "/" in step for step in steps):
        return RepositoryLink(LinkProblem.NO_REPOSITORY, host)
    end = _page_start(host, steps)
    if end < len(steps):
        commit, file, within = _inside(steps[end:])
        return RepositoryLink(LinkProblem.PAGE, host, _repository(host, steps[:end]), file, commit, within)
    if has_query:
        return RepositoryLink(LinkProblem.PAGE, host, _repository(host, steps))
    return RepositoryLink(None, host)


def _page_start(host: str, steps: list[str]) -> int:
    """Return how many steps belong to the repository; two everywhere but on hosts with groups of groups."""
    if host == "gitlab.com" or host.startswith("gitlab."):
        if "-" in steps:
            return steps.index("-")
        marks = [n for n, step in enumerate(steps) if n >= 2 and _PAGE.fullmatch(step)]
        return marks[0] if marks else len(steps)
    return 2


def _inside(steps: list[str]) -> tuple[str, str, str]:
    """Return the commit, if a full one is named, the file that a page address shows, and all after its kind."""
    kind = next((n for n, step in enumerate(steps) if _PAGE.fullmatch(step)), None)
    if kind is None:
        return "", "", ""
    rest = steps[kind + 1 :]
    if steps[kind] == "src" and rest[:1] and rest[0] in {"branch", "commit", "tag"}:
        rest = rest[1:]
    commit = rest[0].lower() if rest and _SHA.fullmatch(rest[0]) else ""
    shows_file = steps[kind] in {"blob", "raw", "edit", "blame", "src"}
    return commit, "/".join(rest[1:]) if shows_file else "", "/".join(rest)


def _inside_raw(steps: list[str]) -> tuple[str, str, str]:
    rest = steps[2:]
    if rest[:2] == ["refs", "heads"]:
        rest = rest[2:]
    commit = rest[0].lower() if rest and _SHA.fullmatch(rest[0]) else ""
    return "/".join(rest[1:]), commit, "/".join(rest)


def _repository(host: str, steps: list[str]) -> str:
    name = "/".join(steps[:2] if host == "github.com" else steps)
    return f"https://{host}/{name.removesuffix('.git')}.git"
