"""Rule: what knowledge is taken from is on the community's list of approved sources.

Judged by the links that attribution.txt gives; where it gives none, by where the document lies. Own work has no
source. A link to the copy that the contributor made does not count beside one to where it was copied from.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from datetime import date
from urllib.parse import urlsplit

from checks import attribution_text
from checks.attribution_text import Entry, Field, Source
from checks.contribution import Contribution, Leaf, attribution_path, text_of
from checks.documents import reference_of
from checks.findings import Cause, Finding, Severity
from checks.policy import Policy
from checks.quoting import as_code
from checks.readable import is_binary, is_too_large, mapping_leaves
from checks.registry import rule
from checks.yaml_tree import MapNode

_WHY = (
    "Of sources on the list it is known that their texts may be used, and that they keep every version. "
    "Any other has to be looked at by a maintainer first."
)
_REMEDY = (
    "There is nothing to do: a maintainer looks at it. It goes faster if the same can be taken from an approved "
    "source."
)

NOT_APPROVED = Cause("source/not-approved", "A source is not on the list of approved sources", _WHY, _REMEDY)
NOT_NAMED = Cause(
    "source/not-named",
    "Nothing says which approved source the document is from",
    _WHY,
    "Write into attribution.txt where the document was copied from: `Link to work: https://...`. If you wrote it "
    "yourself, write `Creator names: own work`.",
)

_LINK = re.compile(
    r"(?:https?://|(?<![\w./@-])(?:www\.|[a-z-]{2,20}\.wiki[a-z]{4,10}\.org))[^\s<>\"'|\])]*", re.IGNORECASE
)
_LONGEST = 2000
_MOST_LINKS = 50  # in one line


@rule(
    "source",
    title="Knowledge comes from approved sources",
    why=_WHY,
    causes=(NOT_APPROVED, NOT_NAMED),
    order=55,
    since=date(2026, 11, 21),
)
def source(contribution: Contribution, policy: Policy) -> Iterable[Finding]:
    """Return a warning for each source that is not on the list; without a list every source is as good."""
    if not policy.sources.approved:
        return
    for leaf in mapping_leaves(contribution, policy):
        if not leaf.is_knowledge:
            continue
        file = contribution.file(attribution_path(leaf))
        text = text_of(file) if file and not is_too_large(file, policy) and not is_binary(file) else None
        if text is not None and not attribution_text.is_too_long(text):
            yield from _about(leaf, attribution_path(leaf), text, policy)


def _about(leaf: Leaf, path: str, text: str, policy: Policy) -> Iterator[Finding]:
    read = attribution_text.read(text)
    if read.own_work or read.looks_like_qna:
        return
    reference = reference_of(leaf)
    copy = _repository(reference.repo) if reference else ""
    linked = [(each, _links(each)) for each in read.sources]
    if not any(links for _, links in linked):
        if reference is not None and not all(each.is_own_work for each in read.sources):
            yield from _of_document(leaf, reference.repo, policy)
        return
    names_more = any(_repository(link) != copy for _, links in linked for _, link in links)
    for each, links in linked:
        if each.is_own_work or not links or any(_is_approved(link, policy) for _, link in links):
            continue
        doubtful = [(e, link) for e, link in links if not (names_more and copy and _repository(link) == copy)]
        if doubtful:
            entry, link = doubtful[0]
            message = f"{as_code(_host(link), 100)} is not on the list."
            yield Finding(NOT_APPROVED, Severity.WARNING, message, path, entry.line, entry.column)


def _of_document(leaf: Leaf, repo: str, policy: Policy) -> Iterator[Finding]:
    block = leaf.mapping.get("document") if leaf.mapping else None
    at = block.get("repo") if isinstance(block, MapNode) else None
    if at is not None and not _is_approved(repo, policy):
        message = f"attribution.txt gives no link, and {as_code(_host(repo), 100)} is not on the list."
        yield Finding(NOT_NAMED, Severity.WARNING, message, leaf.path, at.mark.line, at.mark.column)


def _links(each: Source) -> list[tuple[Entry, str]]:
    return [
        (entry, match.group())
        for entry in each.entries
        if entry.field is Field.LINK
        for match in list(_LINK.finditer(entry.value[:_LONGEST]))[:_MOST_LINKS]
    ]


def _is_approved(link: str, policy: Policy) -> bool:
    """True for an address at an approved host, below its path if the list names one, or for an archived copy."""
    host, path = _place(link)
    if host == "web.archive.org" and (inner := re.search(r"https?:/{1,2}(?!.*https?:/)(.+)", path)):
        host, path = _place(f"https://{inner[1]}")
    for approved in policy.sources.approved:
        name, _, below = approved.lower().partition("/")
        if (host == name or host.endswith(f".{name}")) and f"{path}/".startswith(f"/{below}".rstrip("/") + "/"):
            return True
    return False


def _place(link: str) -> tuple[str, str]:
    """Return host and path in lower case; empty for an address that cannot be read, or that hides its host."""
    try:
        parts = urlsplit(link if "://" in link else f"https://{link}")
        host = (parts.hostname or "").rstrip(".")
    except ValueError:
        return "", ""
    return ("", "") if "@" in parts.netloc else (host.lower(), parts.path.lower())


def _host(link: str) -> str:
    return _place(link)[0] or link


def _repository(link: str) -> str:
    """Return host, owner and name of a repository's address, by which a copy is known again."""
    host, path = _place(link)
    steps = [step for step in path.split("/") if step][:2]
    return "/".join((host.removeprefix("www."), *steps)).removesuffix(".git")
