"""Rule: the document of a knowledge leaf is named so that exactly one text can be meant."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

from checks.contribution import Contribution, Leaf
from checks.document_refusals import DocumentOffer, DocumentRefusal
from checks.findings import Cause, Finding, Severity, Suggestion
from checks.leaf_documents import is_filled_in
from checks.policy import Policy
from checks.quoting import as_code
from checks.readable import line_suggestion, mapping_leaves, may_be_private
from checks.registry import rule
from checks.repository_links import LinkProblem, RepositoryLink, read_link
from checks.yaml_tree import ListNode, MapNode, Scalar

_WHY_REPO = (
    "The training fetches your document by itself, from a public repository, years from now as well as today."
)
_REPO_FORM = "Write the address of the repository itself, such as https://github.com/NAME/REPOSITORY.git."

NOT_HTTPS = Cause(
    "document/not-https", "The document's address does not begin with https://", _WHY_REPO, _REPO_FORM
)
HOST = Cause(
    "document/host",
    "The document lies on a host that is not accepted",
    _WHY_REPO + " Only hosts that keep every version of a file can be used.",
    "Put your document into a public repository of your own on an accepted host. " + _REPO_FORM,
)
ADDRESS = Cause("document/address", "The document's address cannot be used", _WHY_REPO, _REPO_FORM)
PAGE_LINK = Cause(
    "document/page-link",
    "The document's address is that of a page, not of the repository",
    _WHY_REPO,
    _REPO_FORM + " What follows it names the file: write that under patterns instead.",
)
NOT_FULL_COMMIT = Cause(
    "document/commit",
    "The document's commit is not a full commit id",
    "A branch changes with every push; only the full id (40 characters) always means the same text.",
    "Copy the full id of the newest commit. The list of commits on the repository's page has a button for that; or "
    "run git rev-parse HEAD.",
)
PATTERN_PATH = Cause(
    "document/pattern-path",
    "A document pattern does not name a file inside the repository",
    "Patterns are looked up from the top folder of the document's repository.",
    "Write the path from the top folder of that repository, such as docs/birds.md.",
)
PATTERN_TYPE = Cause(
    "document/pattern-type",
    "A document is of a kind that cannot be used",
    "The training can read only some kinds of documents.",
    "Convert it to Markdown, put that into your repository, and name it here.",
)
MIXED_TYPES = Cause(
    "document/mixed-types",
    "Documents of different kinds are mixed",
    "The training reads all documents of one leaf in one way.",
    "Use only one kind: all .md or all .pdf.",
)

_FULL_ID = re.compile(r"[0-9a-fA-F]{40}")
_PLAIN_PATH = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_./-]*")  # as YAML takes it, with quotation marks or without
_SHORT_ID = re.compile(r"[0-9a-fA-F]{4,39}")
_LONGEST = 2000


@rule(
    "document",
    title="The document of a knowledge leaf is named exactly",
    why=_WHY_REPO,
    causes=(NOT_HTTPS, HOST, ADDRESS, PAGE_LINK, NOT_FULL_COMMIT, PATTERN_PATH, PATTERN_TYPE, MIXED_TYPES),
    order=60,
)
def document(contribution: Contribution, policy: Policy) -> Iterable[Finding]:
    """Return what is wrong with repo, commit and patterns as written; what needs the network is asked elsewhere."""
    for leaf in mapping_leaves(contribution, policy):
        block = leaf.mapping.get("document") if leaf.mapping and leaf.is_knowledge else None
        if isinstance(block, MapNode):
            offer = _offer(contribution, leaf)
            yield from _about_repo(leaf, _text_at(block, "repo"), policy, offer)
            yield from _about_commit(leaf, _text_at(block, "commit"), offer)
            yield from _about_patterns(leaf, block, policy, offer)


def _offer(contribution: Contribution, leaf: Leaf) -> DocumentOffer | None:
    """Return what was meant, if somebody has looked it up in the repository."""
    refusal = (contribution.documents or {}).get(leaf.path)
    return refusal.offer if isinstance(refusal, DocumentRefusal) else None


def _whole_block(offer: DocumentOffer) -> str:
    """Return the finished block in words, on one line."""
    patterns = ", ".join(as_code(pattern, 200) for pattern in offer.patterns[:5])
    more = f" and {len(offer.patterns) - 5} more" if len(offer.patterns) > 5 else ""
    return (
        f"Write under repo {as_code(offer.repo, 200)}, under commit `{offer.commit}` and under patterns "
        f"{patterns}{more}: we looked it up there."
    )


def _text_at(block: MapNode, key: str) -> Scalar | None:
    node = block.get(key)
    return node if isinstance(node, Scalar) and _is_judged(node) else None


def _is_judged(node: Scalar) -> bool:
    """True for text that is neither empty nor a placeholder: those have findings of their own."""
    return isinstance(node.value, str) and is_filled_in(node.text)


def _about_repo(leaf: Leaf, repo: Scalar | None, policy: Policy, offer: DocumentOffer | None) -> Iterator[Finding]:
    if repo is None:
        return
    link = read_link(repo.text[:_LONGEST], policy.documents.allowed_hosts)
    if link.problem is None:
        return
    cause, message = _repo_problem(repo.text, link, policy)
    instead = f"Write {as_code(link.better, 200)} instead." if link.better else ""
    if link.file:
        instead += f" Under patterns write {as_code(link.file, 200)}."
    if link.commit:
        instead += f" Under commit write {link.commit}."
    instead = _whole_block(offer) if offer else instead
    suggestion = _replacement(leaf, repo, link.better) if link.better else None
    yield _finding(cause, message, leaf, repo, instead, suggestion)


def _repo_problem(written: str, link: RepositoryLink, policy: Policy) -> tuple[Cause, str]:
    hosts = ", ".join(policy.documents.allowed_hosts)
    accepted = f"Accepted: {hosts}." if hosts else "This project accepts no host at present."
    shown = "It" if "@" in written else as_code(written, 100)
    match link.problem:
        case LinkProblem.NOT_HTTPS:
            return NOT_HTTPS, f"{shown} is not an address that begins with https://."
        case LinkProblem.HOST:
            return HOST, f"The address is on {as_code(link.host)}, which is not accepted. {accepted}"
        case LinkProblem.CREDENTIALS:
            return ADDRESS, "The address holds a user name or password before an @. Public repositories need none."
        case LinkProblem.PORT:
            return ADDRESS, "The address holds a port number (after a colon). Public repositories need none."
        case LinkProblem.NO_REPOSITORY:
            return (
                ADDRESS,
                f"{shown} names no repository: after the host come its owner and its name.",
            )
        case LinkProblem.PAGE:
            return PAGE_LINK, "The address leads to a page inside the repository."
        case _:
            return ADDRESS, f"{shown} is not an address that can be read."


def _about_commit(leaf: Leaf, commit: Scalar | None, offer: DocumentOffer | None) -> Iterator[Finding]:
    if commit is None or _FULL_ID.fullmatch(commit.text.strip()):
        return
    text = commit.text.strip()
    if _SHORT_ID.fullmatch(text):
        message = f"The commit id has {len(text)} characters; the full one has 40."
    elif re.fullmatch(r"[0-9a-fA-F]{41,}", text):
        message = f"The commit id has {len(text)} characters; a full one has exactly 40."
    elif "/commit/" in text or "://" in text:
        message = "`commit` holds an address; only the 40 characters of the commit id belong there."
    else:
        message = f"{as_code(text)} is not a commit id; the name of a branch or tag is not enough."
    found = re.search(r"(?<![0-9a-fA-F])[0-9a-fA-F]{40}(?![0-9a-fA-F])", text)
    exact = found.group().lower() if found else offer.commit if offer else ""
    remedy = _whole_block(offer) if offer else f"Write {exact}." if exact else ""
    suggestion = _replacement(leaf, commit, exact) if exact else None
    yield _finding(NOT_FULL_COMMIT, message, leaf, commit, remedy, suggestion)


def _about_patterns(leaf: Leaf, block: MapNode, policy: Policy, offer: DocumentOffer | None) -> Iterator[Finding]:
    listed = block.get("patterns")
    if not isinstance(listed, ListNode):
        return
    patterns = [node for node in listed.items if isinstance(node, Scalar) and _is_judged(node)]
    suffixes: dict[str, Scalar] = {}
    for pattern in patterns:
        problem = _path_problem(pattern.text.strip())
        if problem:
            meant = offer.patterns[0] if offer and len(offer.patterns) == len(listed.items) == 1 else ""
            suggestion = _replacement(leaf, pattern, meant) if _PLAIN_PATH.fullmatch(meant) else None
            remedy = _whole_block(offer) if offer else ""
            message = f"{as_code(pattern.text, 100)} {problem}"
            yield _finding(PATTERN_PATH, message, leaf, pattern, remedy, suggestion)
            continue
        suffix = _suffix(pattern.text.strip())
        if suffix not in policy.documents.allowed_suffixes:
            yield _finding(PATTERN_TYPE, _type_message(pattern.text, policy), leaf, pattern)
        else:
            suffixes.setdefault(suffix, pattern)
    if len(suffixes) > 1:
        _, odd = list(suffixes.items())[1]
        message = f"Here the documents are mixed: {' and '.join(suffixes)} files in one leaf."
        yield _finding(MIXED_TYPES, message, leaf, odd)


def _path_problem(pattern: str) -> str:
    if "://" in pattern:
        return "is a web address; only the path inside the repository belongs here."
    if pattern.startswith(("/", "~")) or re.match(r"[A-Za-z]:", pattern):
        return "begins at the root of a computer; begin at the top folder of the repository."
    if ".." in re.split(r"[/\\]", pattern):
        return 'leads out of its folder with ".."; write the path without it.'
    if "\\" in pattern:
        return "holds a backslash; write / between folders."
    return ""


def _suffix(pattern: str) -> str:
    name = pattern.rpartition("/")[2].lower()
    return f".{name.rpartition('.')[2]}" if "." in name else ""


def _type_message(pattern: str, policy: Policy) -> str:
    accepted = " or ".join(policy.documents.allowed_suffixes)
    if not accepted:
        return f"{as_code(pattern, 100)} cannot be used. This project accepts no documents at present."
    return f"{as_code(pattern, 100)} does not end in {accepted}."


def _finding(
    cause: Cause, message: str, leaf: Leaf, at: Scalar, remedy: str = "", suggestion: Suggestion | None = None
) -> Finding:
    mark = at.mark
    return Finding(cause, Severity.ERROR, message, leaf.path, mark.line, mark.column, remedy.strip(), suggestion)


def _replacement(leaf: Leaf, value: Scalar, better: str) -> Suggestion | None:
    if value.block or value.mark.line != value.end.line:
        return None
    line = leaf.line_text(value.mark.line)
    start, end = value.mark.column - 1, value.end.column - 1
    quote = line[start] if not value.plain and line[start : start + 1] in {'"', "'"} else ""
    instead = f"{line[:start]}{quote}{better}{quote}{line[end:]}"
    if _FULL_ID.fullmatch(better) and not may_be_private(line[:start] + line[end:]) and len(instead) <= _LONGEST:
        return Suggestion(value.mark.line, value.mark.line, (instead,))  # its digits are nobody's number
    return line_suggestion(leaf, value.mark.line, instead)
