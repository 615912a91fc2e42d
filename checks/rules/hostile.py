"""Rule: files and paths hold nothing that tricks people or programs."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterator
from itertools import islice

from checks.contribution import ChangedFile, Contribution, FileKind, FileStatus, Leaf, is_leaf, text_of
from checks.findings import Cause, Finding, Severity, Suggestion, Tidying
from checks.hidden_characters import HiddenCharacter, hidden_characters, without_hidden
from checks.policy import Policy
from checks.readable import is_binary, is_too_large, may_be_private, text_leaves
from checks.registry import rule
from checks.yaml_tree import Mark

TOO_LARGE = Cause(
    "hostile/too-large",
    "A file is too large",
    "Seed examples are short, so a file of this size cannot be right. It was not read.",
    "Keep only your seed examples in the file. Documents belong into a repository of their own.",
)
BINARY = Cause(
    "hostile/binary",
    "A file is not text",
    "The taxonomy holds text only. Pictures, PDFs and other documents cannot be reviewed here.",
    "Take the file out of the pull request, or save it as plain text.",
)
ALIAS = Cause(
    "hostile/alias",
    "YAML aliases are used",
    "An alias (`*name`) repeats another part of the file. Few lines can become gigabytes that way.",
    "Write the text out where it is needed. If the `*` is part of your text, put the text in quotes.",
)
TOO_DEEP = Cause(
    "hostile/too-deep",
    "Lists or keys are nested too deeply",
    "Seed examples need a handful of levels. Many more of them only keep programs busy.",
    "Write the file as the template shows it.",
)
TOO_MANY = Cause(
    "hostile/too-many-values",
    "A file holds far too many values",
    "Seed examples are a few dozen texts. Many thousands of them only keep programs busy.",
    "Write the file as the template shows it.",
)
TAG = Cause(
    "hostile/tag",
    "YAML tags are used",
    "A tag (`!name`) asks programs to build something other than text, which can be dangerous.",
    "Take the tag out. If the `!` is part of your text, put the text in quotes.",
)
SEVERAL = Cause(
    "hostile/several-documents",
    "A file holds more than one document",
    "The line `---` starts a new document, and only the first one would be read.",
    "Put the second part into a folder of its own, or delete the line `---`.",
)
BOM = Cause(
    "hostile/byte-order-mark",
    "A file starts with an invisible mark",
    'Some editors put a "byte order mark" in front of the text, and some programs stumble over it.',
    'Save the file as "UTF-8" without BOM, or take the suggested change.',
)
HIDDEN = Cause(
    "hostile/hidden-character",
    "Invisible characters are in the text",
    "They make a text look different from what it is, or come along unseen when text is copied.",
    "Delete the character, or type the words around it anew.",
)
LINK = Cause(
    "hostile/link",
    "A link stands where a file should be",
    "A link or a nested repository can point anywhere, so what it shows is not part of the review.",
    "Add the file itself.",
)
PATH = Cause(
    "hostile/path",
    "A file has a name that makes trouble",
    "Such names cannot be checked out everywhere, or look like other ones.",
    "Give the file a plain name: lower-case letters, digits and underscores.",
)

_PLAIN_TAGS = frozenset(
    f"tag:yaml.org,2002:{name}" for name in ("str", "int", "float", "bool", "null", "seq", "map", "timestamp")
)
_LONGEST_NAME_BYTES = 255
_LONGEST_PATH_BYTES = 1024
_MOST_PER_FILE = 50
_LONGEST_SHOWN = 2000


@rule(
    "hostile",
    title="Nothing tricks people or programs",
    why="People and programs read what strangers send: what they see has to be what is there.",
    causes=(TOO_LARGE, BINARY, ALIAS, TOO_DEEP, TOO_MANY, TAG, SEVERAL, BOM, HIDDEN, LINK, PATH),
    order=5,
    switchable=False,
)
def find(contribution: Contribution, policy: Policy) -> Iterator[Finding]:
    """Report what is too large, not text, hidden, linked, or written to exhaust a parser."""
    paths = _known_paths(contribution)
    for file in contribution.files:
        if not file.is_gone:
            yield from _path(file, paths)
            if file.in_taxonomy:
                yield from _file(file, policy)
    for leaf in text_leaves(contribution, policy):
        yield from _yaml(leaf)


def _file(file: ChangedFile, policy: Policy) -> Iterator[Finding]:
    if file.kind is FileKind.SYMLINK:
        yield Finding(LINK, Severity.ERROR, "This is a link to another file, not a file.", file.path)
    elif file.kind is FileKind.SUBMODULE:
        yield Finding(LINK, Severity.ERROR, "This is another repository nested in this one, not a file.", file.path)
    elif is_too_large(file, policy):
        size = max(file.size, len(file.content or b""))
        message = f"This file has {_size(size)}; {_size(policy.limits.file_bytes)} is the most."
        yield Finding(TOO_LARGE, Severity.ERROR, message, file.path)
    elif is_binary(file):
        yield Finding(BINARY, Severity.ERROR, "This file holds bytes that are no text.", file.path)
    else:
        text = text_of(file)
        if text is not None:
            yield from _bom(file, text)
            yield from _hidden(file, text)


def _bom(file: ChangedFile, text: str) -> Iterator[Finding]:
    if not (file.content or b"").startswith(b"\xef\xbb\xbf"):
        return
    first = text.partition("\n")[0].removesuffix("\r")
    fix = None if may_be_private(first) or len(first) > 2000 else Suggestion(1, 1, (first,))
    message = "The invisible character U+FEFF (byte order mark) stands in front of the first letter."
    mark = Tidying.BYTE_ORDER_MARK
    yield Finding(BOM, Severity.WARNING, message, file.path, 1, 1, suggestion=fix, tidying=mark)


def _hidden(file: ChangedFile, text: str) -> Iterator[Finding]:
    parsed = is_leaf(file)  # there the YAML parser complains about control characters
    found = (hidden for hidden in hidden_characters(text) if not (parsed and hidden.is_control))
    lines = text.split("\n")
    for hidden in islice(found, _MOST_PER_FILE):
        fix = _line_without_hidden(hidden.line, lines[hidden.line - 1]) if "\r" not in text else None
        yield _hidden_finding(file.path, hidden, fix)


def _hidden_finding(path: str, hidden: HiddenCharacter, fix: Suggestion | None) -> Finding:
    message = f"The invisible character {hidden.name} stands here."
    kind = Tidying.HIDDEN_CHARACTERS
    return Finding(HIDDEN, Severity.ERROR, message, path, hidden.line, hidden.column, suggestion=fix, tidying=kind)


def _line_without_hidden(number: int, line: str) -> Suggestion | None:
    better = without_hidden(line)
    is_shown = len(line) <= _LONGEST_SHOWN and not may_be_private(line) and not may_be_private(better)
    return Suggestion(number, number, (better,)) if is_shown else None


def _yaml(leaf: Leaf) -> Iterator[Finding]:
    document = leaf.document
    if document.too_deep:
        yield _at(TOO_DEEP, leaf, document.too_deep, "From here on the file is nested more deeply than is read.")
    if document.too_large:
        yield _at(TOO_MANY, leaf, document.too_large, "Up to here the file holds more values than are read.")
    for mark in document.aliases[:_MOST_PER_FILE]:
        yield _at(ALIAS, leaf, mark, "The `*` here is an alias: it repeats another part of the file.")
    for tag, mark in document.tags[:_MOST_PER_FILE]:
        if tag not in _PLAIN_TAGS:
            yield _at(TAG, leaf, mark, "The `!` here starts a tag, which asks programs to build something special.")
    if document.more_documents:
        yield _at(SEVERAL, leaf, document.more_documents, "A second document starts here.")


def _at(cause: Cause, leaf: Leaf, mark: Mark, message: str) -> Finding:
    return Finding(cause, Severity.ERROR, message, leaf.path, mark.line, mark.column)


def _known_paths(contribution: Contribution) -> dict[str, set[str]]:
    """Every path at the head, by what it is called where upper and lower case are the same."""
    known: dict[str, set[str]] = {}
    present = [f.path for f in contribution.files if not f.is_gone]
    gone = {f.path for f in contribution.files if f.is_gone}
    gone |= {f.previous_path for f in contribution.files if f.previous_path and f.status is FileStatus.RENAMED}
    for path in (*present, *((contribution.tree or frozenset()) - gone)):
        known.setdefault(_fold(path), set()).add(path)
    return known


def _fold(path: str) -> str:
    return unicodedata.normalize("NFC", path).casefold()


def _path(file: ChangedFile, known: dict[str, set[str]]) -> Iterator[Finding]:
    for message in _path_tricks(file.path):
        yield Finding(PATH, Severity.ERROR, message, file.path)
    if len(known[_fold(file.path)]) > 1:
        message = "Another file has the same name but for upper and lower case; many computers can keep only one."
        yield Finding(PATH, Severity.ERROR, message, file.path)


def _path_tricks(path: str) -> Iterator[str]:
    segments = path.split("/")
    if ".." in segments or "." in segments or "" in segments:
        yield "The path has a part that leads elsewhere (`..`, `.` or an empty name)."
    if "\\" in path:
        yield "The name holds a backslash, which separates folders on Windows."
    hidden = sorted({c for c in path if unicodedata.category(c) in {"Cc", "Cf", "Zl", "Zp", "Cs"}})
    if hidden:
        names = ", ".join(f"U+{ord(c):04X} {unicodedata.name(c, 'CONTROL CHARACTER')}" for c in hidden[:3])
        yield f"The name holds invisible characters: {names}."
    raw = [segment.encode("utf-8", "surrogatepass") for segment in segments]
    if any(len(segment) > _LONGEST_NAME_BYTES for segment in raw) or sum(map(len, raw)) > _LONGEST_PATH_BYTES:
        yield f"The name is too long; {_LONGEST_NAME_BYTES} letters for a part of it is the most."
    if unicodedata.normalize("NFC", path) != path:
        yield "Letters of the name are put together from parts (not Unicode form NFC): two names can look alike."


def _size(count: int) -> str:
    if count < 10_000:
        return f"{count:,} bytes"
    return f"{count / 1_048_576:.1f} MiB" if count >= 1_048_576 else f"{count / 1024:.0f} KiB"
