"""What is judged: the changed files, the leaves read from them, the commits and their author."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from functools import cached_property
from pathlib import PurePosixPath
from typing import TYPE_CHECKING, NewType

from checks import yaml_tree
from checks.yaml_tree import ListNode, MapNode, Node, Scalar, YamlDocument

if TYPE_CHECKING:  # those know what a leaf is
    from checks.document_refusals import DocumentRefusal
    from checks.documents import FetchedDocuments
    from checks.likeness.neighbours import Neighbour

Sha = NewType("Sha", str)
Login = NewType("Login", str)

KNOWLEDGE_ROOT = "knowledge"
SKILL_ROOT = "compositional_skills"
FOUNDATIONAL_ROOT = "foundational_skills"
ROOTS = (KNOWLEDGE_ROOT, SKILL_ROOT, FOUNDATIONAL_ROOT)
LEAF_FILE = "qna.yaml"
ATTRIBUTION_FILE = "attribution.txt"


class FileStatus(StrEnum):
    """What the contribution does to a file."""

    ADDED = "added"
    MODIFIED = "modified"
    REMOVED = "removed"
    RENAMED = "renamed"


class FileKind(StrEnum):
    """What git says the file is."""

    REGULAR = "regular"
    SYMLINK = "symlink"
    SUBMODULE = "submodule"


@dataclass(frozen=True, slots=True)
class ChangedFile:
    """One file that the contribution changes, with its bytes at the head.

    `content` is None when the file was removed, is no regular file, or is larger than the reader's limit
    (then `size` tells). `size` is in bytes.
    """

    path: str
    status: FileStatus = FileStatus.ADDED
    content: bytes | None = None
    size: int = 0
    kind: FileKind = FileKind.REGULAR
    previous_path: str | None = None

    @property
    def root(self) -> str:
        """The first folder of the path; empty for a file at the top."""
        first, slash, _ = self.path.partition("/")
        return first if slash else ""

    @property
    def folder(self) -> str:
        """The path of the folder the file lies in."""
        return self.path.rpartition("/")[0]

    @property
    def name(self) -> str:
        """The file's own name."""
        return self.path.rpartition("/")[2]

    @property
    def is_gone(self) -> bool:
        """True for a removed file: nothing of it is left to judge."""
        return self.status is FileStatus.REMOVED

    @property
    def in_taxonomy(self) -> bool:
        """True for files under knowledge/, compositional_skills/ or foundational_skills/."""
        return self.root in ROOTS


@dataclass(frozen=True, slots=True)
class Identity:
    """A name and an e-mail as git records them; neither is proof of anything."""

    name: str
    email: str


@dataclass(frozen=True, slots=True)
class Commit:
    """One commit of the contribution. `verified` means GitHub has verified its signature."""

    sha: Sha
    message: str
    author: Identity
    committer: Identity
    parents: tuple[Sha, ...] = ()
    verified: bool = False
    author_login: Login | None = None  # the account GitHub matched to the author, if any
    author_is_member: bool = False  # of the organisation, looked up; False when unknown

    @property
    def is_merge(self) -> bool:
        """True for a commit with several parents."""
        return len(self.parents) > 1

    @property
    def subject(self) -> str:
        """The first line of the message."""
        return self.message.partition("\n")[0]


@dataclass(frozen=True, slots=True)
class QuestionAnswer:
    """One question with its answer, each as a scalar that knows its place; None where it is not text."""

    question: Scalar | None
    answer: Scalar | None
    node: Node

    @property
    def line(self) -> int:
        """The line the pair starts on."""
        return self.node.mark.line


@dataclass(frozen=True, slots=True)
class SeedExample:
    """A seed example: its context, if it has one, and its question-answer pairs (a skill's has one)."""

    context: Scalar | None
    pairs: tuple[QuestionAnswer, ...]
    node: Node

    @property
    def line(self) -> int:
        """The line the seed example starts on."""
        return self.node.mark.line


class LeafKind(StrEnum):
    """What a leaf teaches, by the tree it lies in."""

    KNOWLEDGE = "knowledge"
    SKILL = "skill"
    FOUNDATIONAL = "foundational skill"


_KIND_OF_ROOT = {
    KNOWLEDGE_ROOT: LeafKind.KNOWLEDGE,
    SKILL_ROOT: LeafKind.SKILL,
    FOUNDATIONAL_ROOT: LeafKind.FOUNDATIONAL,
}


@dataclass(frozen=True)
class Leaf:
    """A `qna.yaml` as read: its text, its tree and its seed examples, as far as they can be made out.

    `text` is None when the bytes are not UTF-8 or were not handed in; `decode_error_at` is then the
    offset of the first bad byte, or None.
    """

    file: ChangedFile
    kind: LeafKind
    text: str | None
    document: YamlDocument
    decode_error_at: int | None = None
    has_bom: bool = False

    @property
    def path(self) -> str:
        """The path of the qna.yaml."""
        return self.file.path

    @property
    def is_knowledge(self) -> bool:
        """True for leaves in the knowledge tree."""
        return self.kind is LeafKind.KNOWLEDGE

    @property
    def mapping(self) -> MapNode | None:
        """The top-level mapping, or None when the file holds something else or cannot be read."""
        root = self.document.root
        return root if isinstance(root, MapNode) else None

    @cached_property
    def version(self) -> int | None:
        """The schema version the file declares; 1 when it declares none; None when it is not a whole number."""
        node = self.mapping.get("version") if self.mapping else None
        if node is None:
            return 1
        value = node.value if isinstance(node, Scalar) else None
        return value if isinstance(value, int) and not isinstance(value, bool) else None

    @cached_property
    def seed_examples(self) -> tuple[SeedExample, ...]:
        """The seed examples that are mappings; what is shaped otherwise is the schema's business."""
        listed = self.mapping.get("seed_examples") if self.mapping else None
        if not isinstance(listed, ListNode):
            return ()
        return tuple(_seed_example(item) for item in listed.items if isinstance(item, MapNode))

    @property
    def pairs(self) -> Iterator[QuestionAnswer]:
        """Every question-answer pair of the file, in order."""
        for seed in self.seed_examples:
            yield from seed.pairs

    def line_text(self, line: int) -> str:
        """Return the text of a line (counted from 1), without its line end; empty when there is none."""
        lines = self.lines
        return lines[line - 1] if 0 < line <= len(lines) else ""

    @cached_property
    def lines(self) -> list[str]:
        """The lines of the text, as YAML counts them."""
        return self.text.replace("\r\n", "\n").replace("\r", "\n").split("\n") if self.text else []


@dataclass(frozen=True)
class Contribution:
    """All facts the rules may use. What is None was not asked for, and rules about it stay silent."""

    files: tuple[ChangedFile, ...]
    leaves: tuple[Leaf, ...] = ()
    commits: tuple[Commit, ...] | None = None
    author: Login | None = None
    author_is_maintainer: bool = False
    tree: frozenset[str] | None = None  # every path at the head
    refusals: tuple[Refusal, ...] = field(default=())
    documents: Mapping[str, FetchedDocuments | DocumentRefusal] | None = None  # of leaves, by their paths
    neighbours: tuple[Neighbour, ...] | None = None  # what elsewhere comes closest to what is new here
    description: str | None = None  # what the pull request says of itself
    templates: tuple[str, ...] | None = None  # what descriptions begin with, as the base branch has it

    def present(self, path: str) -> bool:
        """True when `path` exists at the head, as far as the facts tell."""
        if any(f.path == path and not f.is_gone for f in self.files):
            return True
        return self.tree is not None and path in self.tree

    def file(self, path: str) -> ChangedFile | None:
        """Return the changed file at `path` that is still there."""
        return next((f for f in self.files if f.path == path and not f.is_gone), None)


@dataclass(frozen=True, slots=True)
class Refusal:
    """Why a part of the contribution was not read at all, in words for its author (e.g. too many files)."""

    message: str
    remedy: str


def read_contribution(
    files: Iterable[ChangedFile],
    *,
    commits: Iterable[Commit] | None = None,
    author: str | None = None,
    author_is_maintainer: bool = False,
    tree: Iterable[str] | None = None,
    refusals: Iterable[Refusal] = (),
    documents: Mapping[str, FetchedDocuments | DocumentRefusal] | None = None,
    description: str | None = None,
    templates: Iterable[str] | None = None,
) -> Contribution:
    """Read the leaves out of the changed files. Never raises on any content; files are taken in path order."""
    ordered = tuple(sorted(files, key=lambda f: f.path))
    return Contribution(
        files=ordered,
        leaves=tuple(read_leaf(f) for f in ordered if is_leaf(f)),
        commits=tuple(commits) if commits is not None else None,
        author=Login(author) if author is not None else None,
        author_is_maintainer=author_is_maintainer,
        tree=frozenset(tree) if tree is not None else None,
        refusals=tuple(refusals),
        documents=documents,
        description=description,
        templates=tuple(templates) if templates is not None else None,
    )


def is_leaf(file: ChangedFile) -> bool:
    """True for a regular `qna.yaml` that is still there, in one of the three trees."""
    return file.name == LEAF_FILE and file.in_taxonomy and not file.is_gone and file.kind is FileKind.REGULAR


def read_leaf(file: ChangedFile) -> Leaf:
    """Read one leaf. Bytes that are not UTF-8 give a leaf without text."""
    kind = _KIND_OF_ROOT[file.root]
    if file.content is None:
        return Leaf(file, kind, None, YamlDocument())
    try:
        text = file.content.decode("utf-8")
    except UnicodeDecodeError as error:
        return Leaf(file, kind, None, YamlDocument(), decode_error_at=error.start)
    has_bom = text.startswith("\ufeff")
    text = text.removeprefix("\ufeff")
    return Leaf(file, kind, text, yaml_tree.parse(text), has_bom=has_bom)


def text_of(file: ChangedFile) -> str | None:
    """Return a file's text, or None when it has no content here or is not UTF-8."""
    if file.content is None:
        return None
    try:
        return file.content.decode("utf-8").removeprefix("\ufeff")
    except UnicodeDecodeError:
        return None


def attribution_path(leaf: Leaf) -> str:
    """Return the path where the leaf's attribution file belongs."""
    return str(PurePosixPath(leaf.file.folder) / ATTRIBUTION_FILE)


def _seed_example(item: MapNode) -> SeedExample:
    listed = item.get("questions_and_answers")
    if isinstance(listed, ListNode):
        pairs = tuple(_pair(entry) for entry in listed.items if isinstance(entry, MapNode))
    elif item.get("question") is not None or item.get("answer") is not None:
        pairs = (_pair(item),)
    else:
        pairs = ()
    return SeedExample(_scalar(item, "context"), pairs, item)


def _pair(entry: MapNode) -> QuestionAnswer:
    return QuestionAnswer(_scalar(entry, "question"), _scalar(entry, "answer"), entry)


def _scalar(mapping: MapNode, key: str) -> Scalar | None:
    node = mapping.get(key)
    return node if isinstance(node, Scalar) else None
