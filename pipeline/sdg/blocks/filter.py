"""The block `filter`: keeps rows whose text has a sensible size and does not begin like a refusal."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, ClassVar

from pydantic import Field

from pipeline.sdg.blocks.block import RowBlock, TextName, Work
from pipeline.sdg.rows import Row


class Filter(RowBlock):
    """Counts words, and looks at how the text begins; upper and lower case are the same."""

    KIND: ClassVar[str] = "filter"

    text: TextName
    fewest_words: Annotated[int, Field(ge=0)] = 1
    most_words: Annotated[int, Field(ge=1)] = 5_000
    beginnings: tuple[Annotated[str, Field(min_length=2)], ...] = ()  # of texts that are dropped
    unlike: TextName | None = None  # another text of the row that it must not repeat word for word

    def reads(self) -> frozenset[str]:
        """Return what it looks at."""
        return frozenset({self.text, *((self.unlike,) if self.unlike else ())})

    async def rows_of(self, row: Row, work: Work) -> Sequence[Row]:
        """Return the row if it passes."""
        reason = self._reason(row)
        if not reason:
            return (row,)
        work.count.drop(row, self.because or reason)
        return ()

    def _reason(self, row: Row) -> str:
        text = row.texts[self.text]
        words = text.split()
        if len(words) < self.fewest_words:
            return f"the {self.text} is too short"
        if len(words) > self.most_words:
            return f"the {self.text} is too long"
        start = " ".join(words[:20]).casefold()
        if any(start.startswith(beginning.casefold()) for beginning in self.beginnings):
            return f"the {self.text} is a refusal"
        if self.unlike and words == row.texts[self.unlike].split():
            return f"the {self.text} repeats the {self.unlike}"
        return ""
