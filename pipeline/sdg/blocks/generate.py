"""The block `generate`: asks the teacher, and reads one text or several records from what it writes."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Annotated, ClassVar, Self

from pydantic import Field, model_validator

from pipeline.sdg.blocks.block import AGAIN, Headings, RowBlock, Work
from pipeline.sdg.replies import UnreadableError, read_records, read_text
from pipeline.sdg.rows import Row

_MOST_CALLS = 20  # about one row, where few rows are to give much


class Generate(RowBlock):
    """Asks `calls` times for up to `count` records each; a reply that cannot be read is asked for once more.

    With `at_least`, a flow that began with few rows asks each more often, up to 20 times, until so many records
    were asked for in all. From the second call on it asks more warmly: at temperature 0 a model repeats itself.
    """

    KIND: ClassVar[str] = "generate"

    prompt: str
    into: Headings
    records: bool = True  # False: the whole reply is one text
    count: Annotated[int, Field(ge=1, le=100)] = 1
    calls: Annotated[int, Field(ge=1, le=100)] = 1
    at_least: Annotated[int, Field(ge=0, le=10_000)] = 0
    temperature: Annotated[float, Field(ge=0, le=2)] = 0.0
    max_tokens: Annotated[int, Field(ge=1, le=32_768)] = 2048

    @model_validator(mode="after")
    def _fills_what_it_names(self) -> Self:
        if not self.records and len(self.into) > 1:
            raise ValueError("a reply that is one text (records: false) goes into one text")
        return self

    def writes(self) -> frozenset[str]:
        """Return what it fills."""
        return frozenset(self.into)

    def prompt_names(self) -> tuple[str, ...]:
        """Return its prompt."""
        return (self.prompt,)

    @property
    def multiplies(self) -> bool:
        """True when it asks for more than one record."""
        return max(self.calls, self.at_least) * (self.count if self.records else 1) > 1

    async def rows_of(self, row: Row, work: Work) -> Sequence[Row]:
        """Return a row for each record; the row is dropped when every call came to nothing."""
        prompt = work.prompts[self.prompt].render(row.texts, self.count)
        calls = self._calls(work.beginnings)
        async with asyncio.TaskGroup() as group:
            asked = [group.create_task(self._records(prompt, call, work)) for call in range(calls)]
        replies = [task.result() for task in asked]
        made = [
            row.child(call * self.count + i, record)
            for call, records in enumerate(replies)
            if not isinstance(records, str)
            for i, record in enumerate(records)
        ]
        if not made:
            work.count.drop(row, next(reply for reply in replies if isinstance(reply, str)))
        return made

    def _calls(self, beginnings: int) -> int:
        needed = -(-self.at_least // (max(1, beginnings) * self.count))
        return max(self.calls, min(needed, _MOST_CALLS))

    async def _records(self, prompt: str, call: int, work: Work) -> list[dict[str, str]] | str:
        """Return what one call wrote; asked once more where it cannot be read; then the reason."""
        try:
            return await self._once(prompt, call, work)
        except UnreadableError as error:
            work.count.asked_again[str(error)] += 1
        try:
            return await self._once(prompt, call + AGAIN, work)
        except UnreadableError as error:
            if self._calls(work.beginnings) > 1:
                work.count.left_out[str(error)] += 1
            return str(error)

    async def _once(self, prompt: str, call: int, work: Work) -> list[dict[str, str]]:
        choice = await work.ask(work.models.teacher, prompt, self.temperature, self.max_tokens, call)
        if not self.records:
            return [{self.into[0]: read_text(choice.text, is_cut=choice.is_cut)}]
        records = read_records(choice.text, self.into, is_cut=choice.is_cut)
        if len(records) > self.count:
            work.count.left_out["more was written than asked for"] += len(records) - self.count
        return records[: self.count]
