"""The block `join`: puts texts of a row together into one."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, ClassVar

from pydantic import Field

from pipeline.sdg.blocks.block import RowBlock, TextName, Work
from pipeline.sdg.rows import Row


class Join(RowBlock):
    """Joins the texts that are not empty, in their order, behind some words of the flow's own."""

    KIND: ClassVar[str] = "join"

    texts: Annotated[tuple[TextName, ...], Field(min_length=1)]
    into: TextName
    before: str = ""
    between: str = "\n\n"

    def reads(self) -> frozenset[str]:
        """Return what it joins."""
        return frozenset(self.texts)

    def writes(self) -> frozenset[str]:
        """Return where it puts it."""
        return frozenset({self.into})

    async def rows_of(self, row: Row, work: Work) -> Sequence[Row]:
        """Return the row with the joined text."""
        parts = [self.before, *(row.texts[name].strip() for name in self.texts)]
        return (row.having(**{self.into: self.between.join(part for part in parts if part)}),)
