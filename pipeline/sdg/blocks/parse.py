"""The block `parse`: reads records from a text that an earlier block wrote whole."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

from pipeline.sdg.blocks.block import Headings, RowBlock, TextName, Work
from pipeline.sdg.replies import UnreadableError, read_records
from pipeline.sdg.rows import Row


class Parse(RowBlock):
    """Makes a row of each record under its headings; nothing is asked."""

    KIND: ClassVar[str] = "parse"

    text: TextName
    into: Headings

    def reads(self) -> frozenset[str]:
        """Return the text it reads."""
        return frozenset({self.text})

    def writes(self) -> frozenset[str]:
        """Return what it fills."""
        return frozenset(self.into)

    @property
    def multiplies(self) -> bool:
        """True: a text may hold several records."""
        return True

    async def rows_of(self, row: Row, work: Work) -> Sequence[Row]:
        """Return a row for each record."""
        try:
            records = read_records(row.texts[self.text], self.into)
        except UnreadableError as error:
            work.count.drop(row, str(error))
            return ()
        return [row.child(i, record) for i, record in enumerate(records)]
