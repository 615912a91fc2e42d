"""YAML text to a tree that knows where everything stands, in one pass of libyaml and without ever growing.

The parser's events are folded with an explicit stack, so depth cannot exhaust the interpreter's; aliases
share their target and are bounded in what they expand to; tags are recorded and never constructed.
"""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

import yaml

try:
    from yaml import CSafeLoader as _Loader
except ImportError:  # a PyYAML built without libyaml: slower, the same tree
    from yaml import SafeLoader as _Loader  # type: ignore[assignment]

MAX_DEPTH = 32
MAX_NODES = 50_000

_resolver = yaml.resolver.Resolver()
_constructor = yaml.constructor.SafeConstructor()
_STR = "tag:yaml.org,2002:str"
_UNSEEN_LINE_BREAKS = "\x85\u2028\u2029"
_LINE_BREAK = re.compile("\r\n|\n|\r")
_STARTS_OF_TYPED = frozenset(yaml.resolver.Resolver.yaml_implicit_resolvers)
_CONSTRUCTED = {
    f"tag:yaml.org,2002:{name}": getattr(yaml.constructor.SafeConstructor, f"construct_yaml_{name}")
    for name in ("bool", "int", "float", "null", "timestamp")
}


@dataclass(frozen=True, slots=True)
class Mark:
    """A place in the text; line and column count from 1, `index` counts characters from 0."""

    line: int
    column: int
    index: int = 0


@dataclass(slots=True)
class Scalar:
    """A single value. `text` is what was written (unquoted, folded); `value` what YAML makes of it."""

    text: str
    value: Any
    plain: bool  # written without quotes and not as a block
    mark: Mark
    end: Mark
    block: bool = False  # written as a block ("|" or ">"): the text starts on the line after the mark


@dataclass(slots=True)
class ListNode:
    """A list."""

    items: list[Node]
    mark: Mark
    end: Mark


@dataclass(slots=True)
class MapNode:
    """Keys with values, in the order written, duplicates included."""

    entries: list[tuple[Node, Node]]
    mark: Mark
    end: Mark

    def get(self, key: str) -> Node | None:
        """Return the value of `key`; of duplicates the last, as YAML parsers do."""
        found = None
        for k, v in self.entries:
            if isinstance(k, Scalar) and k.text == key:
                found = v
        return found

    def key(self, key: str) -> Scalar | None:
        """Return the key itself, which knows its place."""
        for k, _ in self.entries:
            if isinstance(k, Scalar) and k.text == key:
                return k
        return None


Node = Scalar | ListNode | MapNode


@dataclass(frozen=True, slots=True)
class SyntaxProblem:
    """Why the text is not YAML: the parser's own words and the place it stopped at."""

    problem: str
    mark: Mark
    context: str = ""
    context_mark: Mark | None = None


@dataclass(slots=True)
class YamlDocument:
    """The tree of one file, or the reason there is none.

    `root` is None for an empty file, after a syntax problem, and when the text is hostile
    (`too_deep`, `too_large`): what stands in those fields says which.
    """

    root: Node | None = None
    syntax: SyntaxProblem | None = None
    duplicate_keys: list[Scalar] = field(default_factory=list)
    aliases: list[Mark] = field(default_factory=list)
    tags: list[tuple[str, Mark]] = field(default_factory=list)
    too_deep: Mark | None = None
    too_large: Mark | None = None
    more_documents: Mark | None = None

    @property
    def hostile(self) -> bool:
        """True when the tree was given up because following it could cost more than it is worth."""
        return self.too_deep is not None or self.too_large is not None

    def node_at(self, path: Sequence[str | int]) -> Node | None:
        """Return the node at a JSON path such as ("seed_examples", 0, "answer"), or the last that exists."""
        node = self.root
        for step in path:
            if isinstance(node, MapNode) and isinstance(step, str):
                child = node.get(step)
            elif isinstance(node, ListNode) and isinstance(step, int) and step < len(node.items):
                child = node.items[step]
            else:
                child = None
            if child is None:
                break
            node = child
        return node


def to_data(node: Node | None) -> Any:
    """Return the tree as plain dicts, lists and values, as a YAML loader would."""
    if node is None:
        return None
    if isinstance(node, Scalar):
        return node.value
    if isinstance(node, ListNode):
        return [to_data(item) for item in node.items]
    return {_key(k): to_data(v) for k, v in node.entries}


def _key(node: Node) -> Any:
    return node.value if isinstance(node, Scalar) else f"?{node.mark.line}"


def scalars(node: Node | None) -> Iterator[Scalar]:
    """Yield every scalar of the tree, keys included, in the order written."""
    stack = [node] if node is not None else []
    while stack:
        current = stack.pop()
        if isinstance(current, Scalar):
            yield current
        elif isinstance(current, ListNode):
            stack.extend(reversed(current.items))
        else:
            for key, value in reversed(current.entries):
                stack += (value, key)


def parse(text: str) -> YamlDocument:
    """Parse one YAML document. Never raises on any input; bounded in depth, nodes and time."""
    document = YamlDocument()
    loader: Any = _Loader(text)
    if any(separator in text for separator in _UNSEEN_LINE_BREAKS):
        loader = _PlainLines(loader, text)
    try:
        _fold(loader, document)
    except yaml.MarkedYAMLError as error:
        document.root = None
        document.syntax = SyntaxProblem(
            problem=str(error.problem or "it cannot be read"),
            mark=_mark(error.problem_mark),
            context=str(error.context or ""),
            context_mark=_mark(error.context_mark) if error.context_mark else None,
        )
    except yaml.YAMLError as error:  # characters that YAML forbids
        document.root = None
        position = getattr(error, "position", 0)
        line = text.count("\n", 0, position) + 1
        column = position - (text.rfind("\n", 0, position) + 1) + 1
        document.syntax = SyntaxProblem("a character that YAML does not allow", Mark(line, column, position))
    finally:
        loader.dispose()
    return document


class _PlainLines:
    """A loader whose marks count lines as editors and git do, though YAML 1.1 knows three more line breaks."""

    def __init__(self, loader: Any, text: str) -> None:
        self.loader = loader
        self.starts = [0, *(match.end() for match in _LINE_BREAK.finditer(text))]

    def get_event(self) -> Any:
        try:
            event = self.loader.get_event()
        except yaml.MarkedYAMLError as error:
            error.problem_mark = self.placed(error.problem_mark)
            error.context_mark = self.placed(error.context_mark)
            raise
        event.start_mark, event.end_mark = self.placed(event.start_mark), self.placed(event.end_mark)
        return event

    def placed(self, mark: Any) -> Any:
        if mark is None:
            return None
        line = bisect_right(self.starts, mark.index) - 1
        return yaml.Mark("", mark.index, line, mark.index - self.starts[line], None, 0)

    def dispose(self) -> None:
        self.loader.dispose()


class _Builder:
    """Folds parser events into nodes; knows the anchors and how much each would expand to."""

    def __init__(self, document: YamlDocument) -> None:
        self.document = document
        self.stack: list[tuple[ListNode | MapNode, str | None, int]] = []
        self.pending_keys: list[Node | None] = []
        self.anchors: dict[str, tuple[Node, int]] = {}
        self.nodes = 0

    def add(self, node: Node, anchor: str | None, size: int) -> None:
        self.nodes += size
        if anchor:
            self.anchors[anchor] = (node, size)
        if not self.stack:
            self.document.root = node
            return
        parent = self.stack[-1][0]
        if isinstance(parent, ListNode):
            parent.items.append(node)
        elif self.pending_keys[-1] is None:
            self.pending_keys[-1] = node
        else:
            parent.entries.append((self.pending_keys[-1], node))
            self.pending_keys[-1] = None

    def open(self, node: ListNode | MapNode, anchor: str | None) -> None:
        self.stack.append((node, anchor, self.nodes))
        self.pending_keys.append(None)

    def close(self, end: Mark) -> None:
        node, anchor, nodes_before = self.stack.pop()
        self.pending_keys.pop()
        node.end = end
        if isinstance(node, MapNode):
            self._note_duplicates(node)
        size = self.nodes - nodes_before
        self.nodes = nodes_before
        self.add(node, anchor, size + 1)

    def _note_duplicates(self, mapping: MapNode) -> None:
        seen: set[str] = set()
        for key, _ in mapping.entries:
            if isinstance(key, Scalar):
                if key.text in seen:
                    self.document.duplicate_keys.append(key)
                seen.add(key.text)


def _fold(loader: Any, document: YamlDocument) -> None:
    builder = _Builder(document)
    documents = 0
    while True:
        event = loader.get_event()
        kind = type(event)
        if kind is yaml.ScalarEvent:
            _note_tag(event, document)
            builder.add(_scalar(event), event.anchor, 1)
        elif kind is yaml.MappingStartEvent or kind is yaml.SequenceStartEvent:
            _note_tag(event, document)
            mark, end = _mark(event.start_mark), _mark(event.end_mark)
            if len(builder.stack) >= MAX_DEPTH:
                document.too_deep, document.root = mark, None
                return
            empty = MapNode([], mark, end) if kind is yaml.MappingStartEvent else ListNode([], mark, end)
            builder.open(empty, event.anchor)
        elif kind is yaml.MappingEndEvent or kind is yaml.SequenceEndEvent:
            builder.close(_mark(event.end_mark))
        elif kind is yaml.AliasEvent:
            mark = _mark(event.start_mark)
            document.aliases.append(mark)
            target = builder.anchors.get(event.anchor)
            if target is None:
                raise yaml.composer.ComposerError(
                    None, None, f"found undefined alias {event.anchor!r}", event.start_mark
                )
            builder.add(target[0], None, target[1])
        elif kind is yaml.DocumentStartEvent:
            documents += 1
            if documents > 1:
                document.more_documents = _mark(event.start_mark)
                return
        elif kind is yaml.StreamEndEvent:
            return
        if builder.nodes > MAX_NODES:
            document.too_large, document.root = _mark(event.start_mark), None
            return


def _note_tag(event: Any, document: YamlDocument) -> None:
    if event.tag and event.tag != "!":
        document.tags.append((event.tag, _mark(event.start_mark)))


def _scalar(event: Any) -> Scalar:
    plain = event.style is None or event.style == ""
    text = event.value
    value: Any = text
    if plain and event.implicit[0]:
        value = _plain_value(text)
    return Scalar(text, value, plain, _mark(event.start_mark), _mark(event.end_mark), event.style in ("|", ">"))


def _plain_value(text: str) -> Any:
    """Return what YAML 1.1 makes of an unquoted word: `yes` is True, `1.10` a number, `2020-01-01` a date."""
    if text and text[0] not in _STARTS_OF_TYPED:
        return text
    tag = _resolver.resolve(yaml.ScalarNode, text, (True, False))  # type: ignore[no-untyped-call]
    if tag == _STR:
        return text
    construct = _CONSTRUCTED.get(tag)
    if construct is None or len(text) > 64:
        return text
    try:
        return construct(_constructor, yaml.ScalarNode(tag, text))
    except (ValueError, OverflowError):  # `2020-13-45` looks like a date and is none
        return text


def _mark(mark: Any) -> Mark:
    if mark is None:
        return Mark(1, 1)
    return Mark(mark.line + 1, mark.column + 1, mark.index)
