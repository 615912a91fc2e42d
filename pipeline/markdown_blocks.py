"""The blocks of a Markdown text, by lines: every line that is not blank belongs to exactly one of them."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from functools import cache

from markdown_it import MarkdownIt
from markdown_it.token import Token


class BlockKind(StrEnum):
    """What a block is, as far as it matters for cutting it."""

    HEADING = "heading"
    TEXT = "text"
    TABLE = "table"
    FENCE = "fence"
    CONTAINER = "container"  # lists, their items, quotes


@dataclass(slots=True)
class Block:
    """Lines `start` to `end` (counted from 0, the end not included). `level` and `title` are a heading's."""

    kind: BlockKind
    start: int
    end: int
    level: int = 0
    title: str = ""
    children: list[Block] = field(default_factory=list)


_KINDS = {
    "heading_open": BlockKind.HEADING,
    "table_open": BlockKind.TABLE,
    "fence": BlockKind.FENCE,
    "bullet_list_open": BlockKind.CONTAINER,
    "ordered_list_open": BlockKind.CONTAINER,
    "list_item_open": BlockKind.CONTAINER,
    "blockquote_open": BlockKind.CONTAINER,
}
_INNER = ("thead", "tbody", "tr", "th", "td", "inline")
_DEEPEST = 12  # a list is two levels; deeper ones stay text
_LONGEST_TITLE = 200
_FRONT_MATTER = re.compile(r"(?:---[ \t]*\n(?=\s*[\w\"'-]+[ \t]*:)|\+\+\+[ \t]*\n)")
_FRONT_END = re.compile(r"^(?:---|\.\.\.|\+\+\+)[ \t]*$", re.MULTILINE)
_MOST_FRONT = 20_000


def markdown_lines(text: str) -> list[str]:
    """Return the lines of a document without its front matter (data for programs before the text)."""
    plain = text.removeprefix("\ufeff").replace("\r\n", "\n").replace("\r", "\n")
    opening = _FRONT_MATTER.match(plain)
    closing = _FRONT_END.search(plain, opening.end(), _MOST_FRONT) if opening else None
    return (plain[closing.end() :] if closing else plain).split("\n")


def read_blocks(lines: Sequence[str]) -> list[Block]:
    """Return the blocks at the top, in order; what the parser passes over is a block of text."""
    tokens: list[Token] = []
    parser = _parser()
    parser.block.parse("\n".join(lines), parser, {}, tokens)
    top = Block(BlockKind.CONTAINER, 0, len(lines))
    open_blocks = [top]
    for number, token in enumerate(tokens):
        if token.type.startswith(_INNER):
            continue
        if token.nesting < 0:
            open_blocks.pop()
            continue
        block = _block(token, tokens[number + 1 : number + 2])
        open_blocks[-1].children.append(block)
        if token.nesting > 0:
            open_blocks.append(block)
    _fill(top, lines)
    return top.children


def _block(token: Token, following: Sequence[Token]) -> Block:
    start, end = token.map or (0, 0)
    kind = _KINDS.get(token.type, BlockKind.TEXT)
    if kind is not BlockKind.HEADING:
        return Block(kind, start, end)
    title = " ".join(following[0].content[: 4 * _LONGEST_TITLE].split())[:_LONGEST_TITLE] if following else ""
    return Block(kind, start, end, int(token.tag[1]), title)


def _fill(block: Block, lines: Sequence[str]) -> None:
    """Make the children of containers cover every line of theirs that is not blank, once."""
    if block.kind is not BlockKind.CONTAINER:
        block.children = []
        return
    at, whole = block.start, []
    for child in block.children:
        child.start, child.end = max(child.start, at), min(child.end, block.end)
        if child.start >= child.end:
            continue
        whole += [*_between(at, child.start, lines), child]
        at = child.end
        _fill(child, lines)
    block.children = [*whole, *_between(at, block.end, lines)]


def _between(start: int, end: int, lines: Sequence[str]) -> Iterator[Block]:
    if any(lines[number].strip() for number in range(start, end)):
        yield Block(BlockKind.TEXT, start, end)


@cache
def _parser() -> MarkdownIt:
    """Blocks only: what stands inside a line is not looked at. Link definitions stay text, so that none is lost."""
    return MarkdownIt("commonmark", {"maxNesting": _DEEPEST}).enable("table").disable("reference")
