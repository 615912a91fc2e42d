"""Rule: an attribution.txt beside every leaf says where its content comes from."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Iterator
from itertools import islice

from checks import attribution_text
from checks.attribution_text import AttributionText, Field, Source
from checks.contribution import ATTRIBUTION_FILE, LEAF_FILE, ChangedFile, Contribution, FileStatus, text_of
from checks.findings import Cause, Finding, Move, Severity
from checks.policy import Policy
from checks.quoting import as_code
from checks.readable import is_binary, is_too_large
from checks.registry import rule

_MOST_TOLD = 400
_WHY = "Whoever wrote the sources must be named, and the project must know that it may use their text."
_FORM = (
    "Write five lines for each source. They are: Title of work: ..., Link to work: ..., Revision: ..., "
    "License of the work: ..., Creator names: ..."
)
_OWN = 'If you wrote everything yourself, write "self-authored" and the licence you give it.'

MISSING = Cause(
    "attribution/missing",
    "The file attribution.txt is missing",
    _WHY,
    f"Add a file named exactly attribution.txt to the same folder as the qna.yaml. {_FORM} {_OWN}",
)
EMPTY = Cause("attribution/empty", "The file attribution.txt is empty", _WHY, f"{_FORM} {_OWN}")
UNREADABLE = Cause(
    "attribution/unreadable",
    "The file attribution.txt cannot be read",
    _WHY,
    "Save it as plain text in the encoding UTF-8. Your editor offers that under Save as; or type it anew in "
    "GitHub's web editor.",
)
TOO_LONG = Cause(
    "attribution/too-long",
    "The file attribution.txt is too long",
    "It lists a handful of sources. A text of this length cannot be that, so it was not read.",
    "Keep only the list of your sources in it. " + _FORM,
)
NO_SOURCE = Cause(
    "attribution/no-source",
    "The file attribution.txt names no source",
    _WHY,
    f"{_FORM} {_OWN}",
)
INCOMPLETE = Cause(
    "attribution/incomplete-source",
    "Something is missing in what attribution.txt says about a source",
    _WHY,
    f"{_FORM} {_OWN}",
)
NO_REVISION = Cause(
    "attribution/no-revision",
    "The revision of a source is not named",
    "Web pages change. With the revision, everyone can look up the very text that you used.",
    "Add a line Revision: with a link that always shows the version you used. On Wikipedia open View history and "
    "copy the link of the version (it ends in oldid= and a number). For other pages write the date you read them.",
)


@rule(
    "attribution",
    title="Every leaf says where its content comes from",
    why=_WHY,
    causes=(MISSING, UNREADABLE, EMPTY, TOO_LONG, NO_SOURCE, INCOMPLETE, NO_REVISION),
    order=50,
)
def attribution(contribution: Contribution, policy: Policy) -> Iterable[Finding]:
    """Return what is missing: the file itself, its content, or parts of what it says about a source."""
    yield from _missing_files(contribution)
    for file in contribution.files:
        if is_attribution(file) and not is_too_large(file, policy) and not is_binary(file):
            text = text_of(file)
            if text is not None:
                yield from _in_text(file.path, text)
            elif file.content is not None:
                message = "This file is not text in the encoding UTF-8."
                yield Finding(UNREADABLE, Severity.ERROR, message, file.path, 1, 1)


def is_attribution(file: ChangedFile) -> bool:
    """True for an attribution.txt of the taxonomy that is still there."""
    return file.name == ATTRIBUTION_FILE and file.in_taxonomy and not file.is_gone


def _missing_files(contribution: Contribution) -> Iterator[Finding]:
    for folder in _leaf_folders(contribution):
        expected = f"{folder}/{ATTRIBUTION_FILE}"
        if contribution.present(expected) or not _is_knowable(contribution, folder, expected):
            continue
        near = _near_misses(contribution, folder)
        message = f"There is no attribution.txt in the folder {as_code(folder, 120)}."
        remedy = ""
        if near:
            message += f" There is {as_code(near[0])}, but the name must be exactly attribution.txt."
            remedy = f"Rename {as_code(near[0])} to attribution.txt."
        is_meant = len(near) == 1 and near[0].lower() == ATTRIBUTION_FILE
        move = Move(f"{folder}/{near[0]}", expected) if is_meant else None
        yield Finding(MISSING, Severity.ERROR, message, f"{folder}/{LEAF_FILE}", 1, 1, remedy, move=move)


def _leaf_folders(contribution: Contribution) -> list[str]:
    """Return the folders in which a leaf or its attribution file was touched and a leaf is left."""
    touched = {leaf.file.folder for leaf in contribution.leaves}
    lost = {f.folder for f in contribution.files if f.name == ATTRIBUTION_FILE and f.in_taxonomy and f.is_gone}
    moved = {
        f.previous_path.rpartition("/")[0]
        for f in contribution.files
        if f.previous_path and f.previous_path.endswith(f"/{ATTRIBUTION_FILE}") and f.status is FileStatus.RENAMED
    }
    return sorted(touched | {d for d in lost | moved if contribution.present(f"{d}/{LEAF_FILE}")})


def _is_knowable(contribution: Contribution, folder: str, expected: str) -> bool:
    """True when the facts tell that the file is not there; without the tree only changed files do."""
    if contribution.tree is not None:
        return True
    leaf = contribution.file(f"{folder}/{LEAF_FILE}")
    added = leaf is not None and leaf.status is FileStatus.ADDED
    return added or any(f.path == expected and f.is_gone for f in contribution.files)


def _near_misses(contribution: Contribution, folder: str) -> list[str]:
    """Return the names in the folder that were probably meant to be attribution.txt, the nearest first."""
    paths = {f.path for f in contribution.files if not f.is_gone} | (contribution.tree or frozenset())
    names = [path.rpartition("/")[2] for path in sorted(paths) if path.rpartition("/")[0] == folder]
    likely = [n for n in names if "attrib" in n.casefold() or _likeness(n) > 0.75]
    return sorted(likely, key=_likeness, reverse=True)


def _likeness(name: str) -> float:
    return difflib.SequenceMatcher(None, name.casefold()[:80], ATTRIBUTION_FILE).ratio()


def _in_text(path: str, text: str) -> Iterator[Finding]:
    if not text.strip():
        yield Finding(EMPTY, Severity.ERROR, "This attribution.txt is empty.", path, 1, 1)
        return
    if attribution_text.is_too_long(text):
        message = (
            f"This file is too long: at most {attribution_text.MOST_LINES:,} lines and "
            f"{attribution_text.MOST_CHARACTERS:,} characters are read."
        )
        yield Finding(TOO_LONG, Severity.ERROR, message, path, 1, 1)
        return
    said = attribution_text.read(text)
    if said.looks_like_qna:
        message = "This looks like the text of a qna.yaml. Here belongs where its content comes from."
        yield Finding(NO_SOURCE, Severity.WARNING, message, path, 1, 1)
    elif not said.sources and not said.own_work:
        message = 'This file neither names a source nor says "self-authored".'
        yield Finding(NO_SOURCE, Severity.WARNING, message, path, 1, 1)
    else:
        yield from islice(_about_sources(path, said), _MOST_TOLD)


def _about_sources(path: str, said: AttributionText) -> Iterator[Finding]:
    several = len(said.sources) > 1
    for source in said.sources:
        own = said.own_work or source.is_own_work
        if missing := _missing_fields(source, own):
            which = f"The source that begins on line {source.line}" if several else "The source"
            message = f"{which} lacks {_listed(missing)}."
            yield Finding(INCOMPLETE, Severity.WARNING, message, path, source.line, 1)
        if source.is_online and not own and not source.names_revision:
            message = "A link is given here, but not which revision of the page was used."
            line = next(e.line for e in source.entries if e.field is Field.LINK)
            yield Finding(NO_REVISION, Severity.WARNING, message, path, line, 1)


def _missing_fields(source: Source, own: bool) -> list[str]:
    """Return the names of what is not said; of one's own work only what was begun has to be complete."""
    if own and not source.has(Field.TITLE) and not source.has(Field.LICENCE):
        return []
    asked = (Field.LICENCE,) if own else (Field.TITLE, Field.LINK, Field.LICENCE, Field.CREATOR)
    return [str(field) for field in asked if not source.has(field)]


def _listed(words: list[str]) -> str:
    with_article = [f"its {word}" if n == 0 else word for n, word in enumerate(words)]
    return with_article[0] if len(words) == 1 else f"{', '.join(with_article[:-1])} and {with_article[-1]}"
