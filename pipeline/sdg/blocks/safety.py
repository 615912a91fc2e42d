"""The block `safety`: what may be in no data set is found before anything is saved."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, ClassVar

from pydantic import Field

from checks.hidden_characters import hidden_characters
from checks.personal_data import DataKind, detect
from pipeline.sdg.blocks.block import RowBlock, TextName, Work
from pipeline.sdg.fences import control_token
from pipeline.sdg.prohibited import prohibited
from pipeline.sdg.rows import Row


class Safety(RowBlock):
    """Drops rows with personal data, keys, hidden characters, control tokens, or prohibited material."""

    KIND: ClassVar[str] = "safety"

    texts: Annotated[tuple[TextName, ...], Field(min_length=1)]

    def reads(self) -> frozenset[str]:
        """Return what it looks through."""
        return frozenset(self.texts)

    async def rows_of(self, row: Row, work: Work) -> Sequence[Row]:
        """Return the row if nothing is found in it."""
        for name in self.texts:
            reason = unsafe(row.texts[name])
            if reason:
                work.count.drop(row, reason)
                return ()
        return (row,)


def unsafe(text: str) -> str:
    """Return what must not be saved about a text, repeating nothing of it; empty: nothing."""
    found = [d for d in detect(text) if d.kind is not DataKind.POSSIBLE_PHONE]
    if found:
        return f"it holds {found[0].what}"
    if any(hidden_characters(text)):
        return "it holds hidden characters"
    if control_token(text):
        return "it holds control tokens of a chat template"
    topic = prohibited(text)
    return f"it touches on {topic}" if topic else ""
