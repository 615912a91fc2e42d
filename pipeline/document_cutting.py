"""Cuts the blocks of a document into pieces that fit into a chunk, each whole where it can be."""

from __future__ import annotations

import textwrap
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from pipeline.markdown_blocks import Block, BlockKind
from pipeline.sentences import sentences

CountTokens = Callable[[str], int]

PARAGRAPH = "\n\n"
_CHARACTERS_A_TOKEN = 12  # more than any text has on average: what is longer is not even counted


@dataclass(frozen=True, slots=True)
class Piece:
    """A part of a document. `glue` goes before it where something stands before it in its chunk.

    `headings` are those it stands under; `repeated` is what of the text stands elsewhere already; `block` is what
    the piece was made of, where it can be cut further.
    """

    text: str
    tokens: int
    glue: str = PARAGRAPH
    headings: tuple[str, ...] = ()
    repeated: tuple[str, ...] = ()
    is_heading: bool = False
    block: Block | None = None


class Cutter:
    """Cuts blocks. `cut_sentences` counts what had to be cut inside a sentence, a row or a line of code."""

    def __init__(self, lines: Sequence[str], limit: int, count: CountTokens) -> None:
        self._lines = lines
        self._limit = limit
        self._count = count
        self._most_characters = limit * _CHARACTERS_A_TOKEN
        self.cut_sentences = 0

    def pieces(self, block: Block) -> Iterator[Piece]:
        """Yield the block as one piece if it fits, else in parts."""
        text = textwrap.dedent("\n".join(self._lines[block.start : block.end])).rstrip()
        tokens = self._fitting(text)
        if tokens is None:
            yield from self.parts(block)
        elif text:
            yield Piece(text, tokens, is_heading=block.kind is BlockKind.HEADING, block=block)

    def parts(self, block: Block) -> Iterator[Piece]:
        """Yield the block in parts."""
        own = [line.rstrip() for line in self._lines[block.start : block.end]]
        if block.kind is BlockKind.TABLE:
            yield from self._rows(own)
        elif block.kind is BlockKind.FENCE:
            yield from self._code(own)
        elif block.children:
            for child in block.children:
                yield from self.pieces(child)
        else:
            yield from self._sentences(textwrap.dedent("\n".join(own)))

    def _sentences(self, text: str) -> Iterator[Piece]:
        glue = PARAGRAPH
        for sentence in sentences(text):
            tokens = self._fitting(sentence.rstrip(" "))
            if tokens is not None:
                yield Piece(sentence, tokens, glue)
            else:
                yield from self._words(sentence, glue)
            glue = ""

    def _words(self, text: str, glue: str) -> Iterator[Piece]:
        """Cut at blanks, and inside of words only where there is none."""
        self.cut_sentences += 1
        at = 0
        while at < len(text):
            end, tokens = self._longest_start(text, at)
            if text[at:end].strip():
                yield Piece(text[at:end], tokens, glue)
                glue = ""
            at = end

    def _longest_start(self, text: str, at: int) -> tuple[int, int]:
        size = self._most_characters
        while True:
            end = min(at + size, len(text))
            if end < len(text):
                blank = max(text.rfind(blank, at + 1, end) for blank in (" ", "\n", "\t"))
                end = blank + 1 if blank > at else end
            tokens = self._count(text[at:end])
            if tokens <= self._limit or end - at == 1:
                return end, tokens
            size = max(1, min((end - at) * self._limit // tokens, end - at - 1))

    def _rows(self, lines: list[str]) -> Iterator[Piece]:
        """Cut a table between rows, with its header above each part."""
        header = "\n".join(lines[:2])
        if self._is_small(header):
            yield from self._framed(lines[2:], header, "", is_foot_own=False)
        else:
            yield from self._framed(lines, "", "", is_foot_own=False)

    def _code(self, lines: list[str]) -> Iterator[Piece]:
        """Cut code between lines, with its marks around each part."""
        head, ending = lines[0], lines[-1].strip()
        mark = head.strip()
        foot = mark[: len(mark) - len(mark.lstrip(mark[:1]))]
        is_closed = len(lines) > 1 and len(ending) >= len(foot) and not ending.strip(foot[:1])
        if self._is_small(head) and self._is_small(foot):
            inner = lines[1:-1] if is_closed else lines[1:]
            yield from self._framed(inner, head, ending if is_closed else foot, is_foot_own=is_closed)
        else:
            yield from self._framed(lines, "", "", is_foot_own=False)

    def _framed(self, lines: list[str], head: str, foot: str, *, is_foot_own: bool) -> Iterator[Piece]:
        """Yield groups of lines between head and foot, which are the text's own at its beginning and its end."""
        groups = list(self._groups(lines, self._limit - self._count(head) - self._count(foot) - 4)) or [[]]
        for number, group in enumerate(groups):
            is_first, is_last = number == 0, number == len(groups) - 1
            if isinstance(group, str):
                yield from self._framed_line(
                    group, head if is_first else "", foot if is_last and is_foot_own else ""
                )
                continue
            below = foot if is_foot_own or not is_last else ""
            text = "\n".join(part for part in (head, *group, below) if part)
            repeated = (head if not is_first else "", below if not is_last else "")
            yield Piece(text, self._count(text), repeated=tuple(part for part in repeated if part))

    def _framed_line(self, line: str, head: str, foot: str) -> Iterator[Piece]:
        """Yield a line that is too long for any frame."""
        if head:
            yield Piece(head, self._count(head))
        yield from self._words(line, "\n")
        if foot:
            yield Piece(foot, self._count(foot), "\n")

    def _groups(self, lines: list[str], room: int) -> Iterator[list[str] | str]:
        """Yield as many lines together as fit, and lines that never fit by themselves."""
        group: list[str] = []
        left = room
        for line in lines:
            tokens = self._fitting(line)
            if tokens is None or tokens + 1 > room:
                if group:
                    yield group
                yield line
                group, left = [], room
                continue
            if group and tokens + 1 > left:
                yield group
                group, left = [], room
            group.append(line)
            left -= tokens + 1
        if group:
            yield group

    def _is_small(self, text: str) -> bool:
        """True for a frame that leaves room for what stands in it."""
        return len(text) < self._most_characters and self._count(text) <= self._limit // 4

    def _fitting(self, text: str) -> int | None:
        """Return how many tokens a text has; None when they are too many."""
        if len(text) > self._most_characters:
            return None
        tokens = self._count(text)
        return tokens if tokens <= self._limit else None
