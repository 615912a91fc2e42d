"""Rule: every leaf lies where it can be found: the right tree, folder and file name."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

from checks.contribution import (
    ATTRIBUTION_FILE,
    FOUNDATIONAL_ROOT,
    LEAF_FILE,
    ChangedFile,
    Contribution,
    FileStatus,
    Leaf,
    LeafKind,
)
from checks.findings import Cause, Finding, Move, Severity
from checks.policy import Policy
from checks.quoting import as_code
from checks.registry import rule
from checks.taxonomy_paths import (
    GROUNDED,
    better_path,
    category,
    is_good_name,
    meant_root,
    proposed_leaf,
    without_wrapper,
)

_WHY = "The folders decide what the model learns together, and how people find it."

FOUNDATIONAL = Cause(
    "placement/foundational",
    "Foundational skills are not open for contributions yet",
    "They are the basis that everything else is built on, so only the maintainers change them.",
    "If what you have is a skill of its own, move it below compositional_skills/. If it is about facts, it may "
    "become knowledge. Unsure? Ask in a comment; somebody will gladly help to find a place for it.",
)
WRONG_ROOT = Cause(
    "placement/wrong-root",
    "A contribution lies outside the taxonomy's folders",
    "Only what lies below knowledge/ or compositional_skills/ is read.",
    "Move the folder below knowledge/ (facts with a document) or compositional_skills/ (skills).",
)
WRONG_NAME = Cause(
    "placement/wrong-file-name",
    "A file is not named exactly qna.yaml",
    "Only files of exactly this name are read; others would be passed over in silence.",
    "Rename the file to qna.yaml, in lower case and without another ending.",
)
NESTED = Cause(
    "placement/nested",
    "One contribution lies inside the folder of another",
    "A folder holds either a qna.yaml or further folders. " + _WHY,
    "Move one of them into a folder of its own beside the other.",
)
TOO_HIGH = Cause(
    "placement/in-category",
    "A qna.yaml lies directly in a category",
    "A category such as knowledge/technology is shared by many contributions; each has a folder of its own in it.",
    "Make a folder for your topic there and move the qna.yaml and attribution.txt into it.",
)
FOLDER_NAME = Cause(
    "placement/folder-name",
    "A folder's name is not in lower case with underscores",
    "With one way to write names, nothing ends up in two places.",
    "Rename the folder: lower-case letters, digits and underscores only.",
)
UNGROUNDED_FOLDER = Cause(
    "placement/not-in-grounded",
    "A skill with contexts lies outside a grounded folder",
    "Skills with a context in each seed example usually lie below a folder named grounded.",
    "A triager decides whether it should move.",
)
MIXED = Cause(
    "placement/mixed-contexts",
    "Some seed examples have a context and some have none",
    "A skill is taught either with contexts (grounded) or without; a mixture teaches neither well.",
    "Give every seed example a context, or none of them. Or make two skills of it.",
)
DOCUMENT = Cause(
    "placement/document-here",
    "A document lies in the taxonomy",
    "The taxonomy holds only qna.yaml and attribution.txt; documents are fetched from repositories of their own.",
    "Put it into a public repository of your own and remove it here. Name that repository under document in the "
    "qna.yaml.",
)
OTHER_FILE = Cause(
    "placement/other-file",
    "A file lies in the taxonomy that does not belong there",
    "A folder of the taxonomy holds a qna.yaml and an attribution.txt, nothing else.",
    "Remove the file.",
)

_OWN_BUSINESS = frozenset(
    {"docs", "doc", "tests", "test", "scripts", "src", "tools", "examples", "schema", "templates"}
)
_LEAF_LIKE = re.compile(r"(?:qna|q&a|q_and_a|gna|qan|qnas)\b.*|.*\.ya?ml", re.IGNORECASE)
_MEANT_AS_LEAF = frozenset({LEAF_FILE, "qna.yml"})
_DOCUMENT_ENDINGS = (
    ".md",
    ".pdf",
    ".docx",
    ".doc",
    ".odt",
    ".html",
    ".htm",
    ".rtf",
    ".tex",
    ".adoc",
    ".rst",
    ".epub",
)
_PICTURE_ENDINGS = (".png", ".jpg", ".jpeg", ".gif", ".svg", ".webp", ".bmp")
_WELCOME = frozenset({LEAF_FILE, ATTRIBUTION_FILE, ".gitignore", ".gitkeep", ".keep"})


@rule(
    "placement",
    title="Every leaf lies in the right place under the right name",
    why=_WHY,
    causes=(
        FOUNDATIONAL,
        WRONG_ROOT,
        WRONG_NAME,
        NESTED,
        TOO_HIGH,
        MIXED,
        FOLDER_NAME,
        DOCUMENT,
        OTHER_FILE,
        UNGROUNDED_FOLDER,
    ),
    order=30,
)
def placement(contribution: Contribution, policy: Policy) -> Iterable[Finding]:
    """Return what lies in a wrong place or under a wrong name; what the contribution removes is no matter."""
    files = [f for f in contribution.files if not f.is_gone]
    yield from _foundational(contribution, files)
    for file in files:
        yield from _outside(file) if not file.in_taxonomy else _strange_file(file, contribution)
    leaf_paths = _leaf_paths(contribution)
    for leaf in contribution.leaves:
        if leaf.kind is LeafKind.FOUNDATIONAL and not contribution.author_is_maintainer:
            continue
        yield from _depth(leaf, leaf_paths)
        yield from _folder_names(leaf, contribution)
        yield from _contexts(leaf)


def _foundational(contribution: Contribution, files: Iterable[ChangedFile]) -> Iterator[Finding]:
    if contribution.author_is_maintainer:
        return
    told: set[str] = set()
    for file in sorted(files, key=lambda f: (f.folder, f.name != LEAF_FILE)):
        if file.root == FOUNDATIONAL_ROOT and file.folder not in told:
            told.add(file.folder)
            message = (
                "Foundational skills are looked after by the maintainers alone. Thank you for this work anyway!"
            )
            yield Finding(FOUNDATIONAL, Severity.ERROR, message, file.path, 1, 1)


def _outside(file: ChangedFile) -> Iterator[Finding]:
    """Report a leaf that missed the three roots, with the path it was probably meant for."""
    if file.name.lower() != LEAF_FILE or file.root.startswith(".") or file.root.lower() in _OWN_BUSINESS:
        return
    if not file.root:
        message = "This qna.yaml lies at the top of the repository."
        yield Finding(WRONG_ROOT, Severity.ERROR, message, file.path, 1, 1)
        return
    meant = meant_root(file.root)
    path = f"{meant}/{file.path.partition('/')[2]}" if meant else without_wrapper(file.path)
    message = f"There is no place for contributions in the folder {as_code(file.root)}."
    remedy = f"Move it to {as_code(path, 150)}." if path else ""
    yield Finding(WRONG_ROOT, Severity.ERROR, message, file.path, 1, 1, remedy)


def _strange_file(file: ChangedFile, contribution: Contribution) -> Iterator[Finding]:
    if file.name in _WELCOME or "attrib" in file.name.lower():
        return
    name = file.name.lower()
    if "/" not in file.folder and not name.endswith(".txt"):
        return
    if _LEAF_LIKE.fullmatch(name):
        yield _wrong_name(file, contribution)
    elif file.status is FileStatus.MODIFIED:
        return
    elif name.endswith((*_DOCUMENT_ENDINGS, *_PICTURE_ENDINGS)):
        what = "picture" if name.endswith(_PICTURE_ENDINGS) else "document"
        message = f"{as_code(file.name)} is a {what}; it does not belong into the taxonomy."
        yield Finding(DOCUMENT, Severity.WARNING, message, file.path, 1, 1)
    else:
        message = f"{as_code(file.name)} is neither a qna.yaml nor an attribution.txt."
        if not any(contribution.present(f"{file.folder}/{name}") for name in (LEAF_FILE, ATTRIBUTION_FILE)):
            message = f"{as_code(file.name)} alone teaches nothing: only qna.yaml and attribution.txt are read."
        yield Finding(OTHER_FILE, Severity.WARNING, message, file.path, 1, 1)


def _wrong_name(file: ChangedFile, contribution: Contribution) -> Finding:
    message = f"This file is named {as_code(file.name)}; only qna.yaml is read."
    if contribution.present(f"{file.folder}/{LEAF_FILE}"):
        remedy = "There is a qna.yaml in this folder already. Put both into one file, or each into its own folder."
    else:
        remedy = f"Rename {as_code(file.name)} to qna.yaml."
    is_meant = remedy.startswith("Rename") and file.name.lower() in _MEANT_AS_LEAF
    move = Move(file.path, f"{file.folder}/{LEAF_FILE}") if is_meant else None
    return Finding(WRONG_NAME, Severity.ERROR, message, file.path, 1, 1, remedy, move=move)


def _leaf_paths(contribution: Contribution) -> frozenset[str]:
    changed = {leaf.path for leaf in contribution.leaves}
    return frozenset(changed | {p for p in contribution.tree or () if p.endswith(f"/{LEAF_FILE}")})


def _depth(leaf: Leaf, leaf_paths: frozenset[str]) -> Iterator[Finding]:
    lies_in = category(leaf.path)
    if lies_in is not None:
        path = proposed_leaf(leaf, lies_in)
        message = f"This qna.yaml lies directly in {as_code(lies_in)}."
        remedy = f"Move it, and its attribution.txt, into a folder of its own, for example {as_code(path, 150)}."
        yield Finding(TOO_HIGH, Severity.ERROR, message, leaf.path, 1, 1, remedy)
    above = _leaf_above(leaf.path, leaf_paths)
    if above is not None and category(above) is None:
        message = f"This contribution lies inside the folder of another: {as_code(above, 150)}."
        yield Finding(NESTED, Severity.ERROR, message, leaf.path, 1, 1)
    elif lies_in is None and leaf.file.status is not FileStatus.MODIFIED:
        yield from _leaves_below(leaf, leaf_paths)


def _leaf_above(path: str, leaf_paths: frozenset[str]) -> str | None:
    folders = path.split("/")[:-2]
    for depth in range(len(folders), 0, -1):
        candidate = "/".join([*folders[:depth], LEAF_FILE])
        if candidate in leaf_paths:
            return candidate
    return None


def _leaves_below(leaf: Leaf, leaf_paths: frozenset[str]) -> Iterator[Finding]:
    """Report a new leaf put above existing ones; leaves of the same contribution are reported from below."""
    prefix = f"{leaf.file.folder}/"
    below = min((p for p in leaf_paths if p.startswith(prefix) and p != leaf.path), default=None)
    if below is not None:
        message = f"Below this folder there is another contribution already: {as_code(below, 150)}."
        yield Finding(NESTED, Severity.ERROR, message, leaf.path, 1, 1)


def _folder_names(leaf: Leaf, contribution: Contribution) -> Iterator[Finding]:
    bad = [step for step in leaf.file.folder.split("/") if not is_good_name(step)]
    if bad and leaf.file.status is not FileStatus.MODIFIED:
        path = better_path(leaf.path)
        message = f"{' and '.join(as_code(name) for name in bad)} should be in lower case, with underscores only."
        remedy = f"Move it to {as_code(path, 150)}." if path else ""
        move = _folder_move(leaf.path, path, contribution) if path else None
        yield Finding(FOLDER_NAME, Severity.WARNING, message, leaf.path, 1, 1, remedy, move=move)


def _folder_move(path: str, better: str, contribution: Contribution) -> Move | None:
    """Return how the folders get their better names, where nobody else's files would move along."""
    if contribution.tree is None:
        return None
    steps, named = path.split("/"), better.split("/")
    for depth in range(len(steps) - 1, 0, -1):
        if steps[depth - 1] != named[depth - 1]:
            source, target = "/".join(steps[:depth]), "/".join(named[:depth])
            break
    else:
        return None
    own = {f.path for f in contribution.files if f.status in (FileStatus.ADDED, FileStatus.RENAMED)}
    moved = {p for p in contribution.tree | own if p.startswith(f"{source}/")}
    would_meet = {f"{target}{p.removeprefix(source)}" for p in moved} & contribution.tree
    return None if moved - own or would_meet else Move(source, target)


def _contexts(leaf: Leaf) -> Iterator[Finding]:
    if leaf.kind is not LeafKind.SKILL or not leaf.seed_examples:
        return
    having = [seed for seed in leaf.seed_examples if seed.context is not None]
    lacking = [seed for seed in leaf.seed_examples if seed.context is None]
    if having and lacking:
        fewer, what = (having, "has a context") if len(having) < len(lacking) else (lacking, "has no context")
        seed = fewer[0]
        count = f"{len(having)} of {len(leaf.seed_examples)} seed examples have a context"
        message = f"{count}; this one {what}."
        mark = seed.node.mark
        yield Finding(MIXED, Severity.WARNING, message, leaf.path, mark.line, mark.column)
    elif having and GROUNDED not in leaf.path.split("/") and leaf.file.status is not FileStatus.MODIFIED:
        message = "Every seed example of this skill has a context, but no folder above it is named grounded."
        yield Finding(UNGROUNDED_FOLDER, Severity.NOTICE, message, leaf.path, 1, 1)
