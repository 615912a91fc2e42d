"""Documents as the teacher reads them: cut into chunks on headings and sentences, never mid-sentence.

Nothing of the text is lost and nothing stands in two chunks, but for what makes a part readable by itself: the
header of a table and the marks around code are repeated where these had to be cut.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from checks.tokens import count_tokens
from pipeline.document_cutting import CountTokens, Cutter, Piece
from pipeline.markdown_blocks import BlockKind, markdown_lines, read_blocks
from pipeline.sentences import sentences

CHUNK_TOKENS = 500


@dataclass(frozen=True, slots=True)
class Chunk:
    """A part of a document. `headings` are those it stands under, the outermost first.

    `repeated` are the pieces of `text` that stand in another chunk already, or mark that code goes on.
    """

    text: str
    tokens: int
    headings: tuple[str, ...] = ()
    repeated: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Chunks:
    """A document in parts. `cut_sentences` had to be cut inside, being longer than a chunk."""

    chunks: tuple[Chunk, ...]
    cut_sentences: int = 0


def chunk_markdown(text: str, limit: int = CHUNK_TOKENS, count: CountTokens = count_tokens) -> Chunks:
    """Return the chunks of a Markdown text, each of at most `limit` tokens as `count` counts them.

    The same text gives the same chunks. Time grows with the length of the text, whatever it holds.
    """
    lines = markdown_lines(text)
    cutter = Cutter(lines, limit, count)
    packer = _Packer(cutter, limit, count)
    headings: list[tuple[int, str]] = []
    for block in read_blocks(lines):
        if block.kind is BlockKind.HEADING:
            headings = [(level, title) for level, title in headings if level < block.level]
            headings.append((block.level, block.title))
        path = tuple(title for _, title in headings if title)
        for piece in cutter.pieces(block):
            packer.take(replace(piece, headings=path))
    return Chunks(packer.finished(), cutter.cut_sentences)


class _Packer:
    """Puts pieces together into chunks.

    A heading begins a chunk unless little stands in the open one, and never ends one. A paragraph or a list that
    does not fit is cut to fill the open chunk only where that is less than half full.
    """

    def __init__(self, cutter: Cutter, limit: int, count: CountTokens) -> None:
        self._cutter = cutter
        self._limit = limit
        self._count = count
        self._open: list[Piece] = []
        self._room = limit
        self._body = 0  # tokens of what is no heading
        self._done: list[Chunk] = []

    def take(self, piece: Piece) -> None:
        """Add a piece to the open chunk, or begin the next one with it."""
        if piece.is_heading and self._body >= self._limit // 4:
            self._close()
        if self._open and self._cost(piece) > self._room:
            if self._room > self._limit // 2 and piece.block is not None and _can_fill(piece):
                for part in list(self._cutter.parts(piece.block)):
                    self.take(replace(part, headings=piece.headings))
                return
            headings = self._headings_at_end()
            needed = sum(kept.tokens + len(piece.glue) for kept in headings) + piece.tokens
            self._close(kept=len(headings) if needed <= self._limit else 0)
        self._append(piece)

    def finished(self) -> tuple[Chunk, ...]:
        """Return all chunks; nothing can be taken any more."""
        self._close()
        return tuple(self._done)

    def _append(self, piece: Piece) -> None:
        self._room -= self._cost(piece)
        self._open.append(piece)
        self._body += 0 if piece.is_heading else piece.tokens

    def _cost(self, piece: Piece) -> int:
        return piece.tokens + (len(piece.glue) if self._open else 0)

    def _headings_at_end(self) -> list[Piece]:
        start = len(self._open)
        while start and self._open[start - 1].is_heading:
            start -= 1
        return self._open[start:]

    def _close(self, kept: int = 0) -> None:
        """End the open chunk; its last `kept` pieces begin the next one."""
        end = len(self._open) - kept
        pieces, rest = self._open[:end], self._open[end:]
        while pieces:
            fitting = len(pieces)
            while fitting > 1 and self._count(_joined(pieces[:fitting])) > self._limit:
                fitting -= 1  # a counter for which the whole is more than its parts
            self._done.append(self._chunk(pieces[:fitting]))
            pieces = pieces[fitting:]
        self._open, self._room, self._body = [], self._limit, 0
        for piece in rest:
            self._append(piece)

    def _chunk(self, pieces: Sequence[Piece]) -> Chunk:
        text = _joined(pieces)
        first = next((piece for piece in pieces if not piece.is_heading), pieces[-1])
        repeated = tuple(part for piece in pieces for part in piece.repeated)
        return Chunk(text, self._count(text), first.headings, repeated)


def _can_fill(piece: Piece) -> bool:
    """True for what may be cut though it would fit into a chunk of its own: texts and lists."""
    if piece.block is None or piece.block.kind not in (BlockKind.TEXT, BlockKind.CONTAINER):
        return False
    return bool(piece.block.children) or len(sentences(piece.text)) > 1


def _joined(pieces: Sequence[Piece]) -> str:
    text = "".join((piece.glue if number else "") + piece.text for number, piece in enumerate(pieces))
    return text.strip("\n").rstrip()
