"""What a block is: a named step that takes rows and gives rows, and counts what it drops."""

from __future__ import annotations

import hashlib
import time
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Annotated, ClassVar, Protocol

from pydantic import AfterValidator, BaseModel, ConfigDict, Field

from pipeline.sdg.counts import BlockCount
from pipeline.sdg.prompts import Prompt
from pipeline.sdg.replies import UnreadableError
from pipeline.sdg.rows import Row
from pipeline.teacher_messages import Ask, AskError, ChatMessage, Choice, Reply, TriesUsedUpError

AGAIN = 1_000_003  # so much higher is the call of a second try, which gives it another seed
_WARM = 0.5  # at least, but for the first call: at temperature 0 a model says the same again, whatever its seed
TextName = Annotated[str, Field(pattern=r"^[a-z][a-z_]{0,40}$")]  # of a row's text


def _different(names: tuple[str, ...]) -> tuple[str, ...]:
    if len(set(names)) < len(names):
        raise ValueError("names a text twice")
    return names


Headings = Annotated[
    tuple[TextName, ...], Field(min_length=1, max_length=5), AfterValidator(_different)
]  # of records


class Asks(Protocol):
    """Whoever answers."""

    async def ask(self, ask: Ask) -> Reply:
        """Return the answer. Raises TeacherError."""
        ...


@dataclass(frozen=True, slots=True)
class Models:
    """The teacher, who writes, and the critic, who judges; they may be one."""

    teacher: Asks
    critic: Asks


@dataclass(frozen=True, slots=True)
class Work:
    """What a block works with: the models, the run's seed, what is known already, and its own tally."""

    models: Models
    seed: int
    count: BlockCount
    prompts: Mapping[str, Prompt] = field(default_factory=dict)
    known: tuple[str, ...] = ()  # questions that nothing may repeat, such as the seed examples' own
    beginnings: int = 1  # rows that the flow began with

    async def ask(self, who: Asks, prompt: str, temperature: float, max_tokens: int, call: int = 0) -> Choice:
        """Return one answer. The seed that the model gets follows from the run's, the prompt and the call alone.

        Raises UnreadableError where only this is not answered, TeacherError where nothing is.
        """
        began = time.monotonic()
        digest = hashlib.sha256(f"{self.seed}:{call}:{prompt}".encode("utf-8", "surrogatepass")).digest()
        seed = int.from_bytes(digest[:4], "big") >> 1
        if call > 0:
            temperature = max(temperature, _WARM)
        try:
            reply = await who.ask(Ask((ChatMessage("user", prompt),), temperature, max_tokens, seed=seed))
        except TriesUsedUpError:
            self.count.unanswered += 1
            raise UnreadableError("the model gave no answer") from None
        except AskError:  # too long for the model, say
            raise UnreadableError("the model gave no answer") from None
        self.count.asked(reply, time.monotonic() - began)
        return reply.choices[0]


class Block(BaseModel, ABC):
    """A step of a flow, as its file describes it. `because` says of dropped rows why, in plain words."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)

    KIND: ClassVar[str]

    name: Annotated[str, Field(pattern=r"^[a-z][a-z0-9 -]{0,40}$")]
    block: str
    because: Annotated[str, Field(max_length=200)] = ""

    def reads(self) -> frozenset[str]:
        """Return the texts that a row must have."""
        return frozenset()

    def writes(self) -> frozenset[str]:
        """Return the texts that it adds."""
        return frozenset()

    def prompt_names(self) -> tuple[str, ...]:
        """Return the names of the prompts it uses; a row must have what they need."""
        return ()

    @property
    def multiplies(self) -> bool:
        """True when several rows may come of one."""
        return False


class RowBlock(Block):
    """A block that looks at one row at a time: rows flow through it without waiting for one another."""

    @abstractmethod
    async def rows_of(self, row: Row, work: Work) -> Sequence[Row]:
        """Return what becomes of a row. Raises TeacherError when nobody answers."""


class WholeLeafBlock(Block):
    """A block that needs all rows of the leaf at once, in their order."""

    @abstractmethod
    def rows_of_all(self, rows: Sequence[Row], work: Work) -> Sequence[Row]:
        """Return what becomes of the rows."""
