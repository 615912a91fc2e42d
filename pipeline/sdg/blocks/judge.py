"""The block `judge`: asks the critic for one rating, read strictly from its own reply, and keeps what is good."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, ClassVar, Self

from pydantic import Field, model_validator

from pipeline.sdg.blocks.block import AGAIN, RowBlock, Work
from pipeline.sdg.replies import UnreadableError, read_rating
from pipeline.sdg.rows import Row

Rating = Annotated[str, Field(pattern=r"^[A-Z0-9]{1,8}$")]


class Judge(RowBlock):
    """Keeps rows whose rating is one of `keep`; a reply without a clear rating is asked for once more."""

    KIND: ClassVar[str] = "judge"

    prompt: str
    scale: Annotated[tuple[Rating, ...], Field(min_length=2, max_length=20)]
    keep: Annotated[tuple[Rating, ...], Field(min_length=1)]
    because: Annotated[str, Field(min_length=5, max_length=200)]
    temperature: Annotated[float, Field(ge=0, le=2)] = 0.0
    max_tokens: Annotated[int, Field(ge=1, le=32_768)] = 512

    @model_validator(mode="after")
    def _keeps_of_its_scale(self) -> Self:
        if not set(self.keep) < set(self.scale):
            raise ValueError("keep has to name some of the scale's ratings, not all of them")
        return self

    def prompt_names(self) -> tuple[str, ...]:
        """Return its prompt."""
        return (self.prompt,)

    async def rows_of(self, row: Row, work: Work) -> Sequence[Row]:
        """Return the row if it is good enough."""
        prompt = work.prompts[self.prompt].render(row.texts)
        try:
            rating = await self._rating(prompt, work)
        except UnreadableError as error:
            work.count.drop(row, str(error))
            return ()
        if rating in self.keep:
            return (row,)
        work.count.drop(row, self.because)
        return ()

    async def _rating(self, prompt: str, work: Work) -> str:
        try:
            return await self._once(prompt, 0, work)
        except UnreadableError as error:
            work.count.asked_again[str(error)] += 1
        return await self._once(prompt, AGAIN, work)

    async def _once(self, prompt: str, call: int, work: Work) -> str:
        choice = await work.ask(work.models.critic, prompt, self.temperature, self.max_tokens, call)
        return read_rating(choice.text, self.scale, is_cut=choice.is_cut)
