"""The thread in which the model runs: it takes what waits into batches, one for each adapter, and goes on in turns.

An answer that nobody waits for any more leaves its place at the next token.
"""

from __future__ import annotations

import asyncio
import contextlib
import threading
from collections import deque
from collections.abc import AsyncGenerator, Callable, Iterator, Sequence
from dataclasses import dataclass
from types import TracebackType
from typing import Self

import torch

from pipeline.serving.batch import Batch, portions
from pipeline.serving.loading import Loaded
from pipeline.serving.rows import Deliver, Row
from pipeline.serving.wanted import BrokenError, LineFullError, Piece, ServingError, Wanted

_STEPS_IN_TURN = 8  # tokens for each row, before another adapter has its turn


class Engine:
    """Answers by one loaded model: `with Engine(loaded) as engine: async for index, piece in engine.write(...)`.

    `slots` answers are written at once, and at most `line` wait.
    """

    def __init__(self, loaded: Loaded, slots: int = 16, line: int = 1024) -> None:
        self.line = line
        self.most_at_once = 0
        self._loaded = loaded
        self._slots = slots
        self._waiting: deque[Row] = deque()
        self._changes: deque[_Change] = deque()
        self._lanes: dict[str, _Lane] = {}
        self._changed = threading.Condition()
        self._is_closing = False
        self._thread = threading.Thread(target=self._work, name="student", daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        with self._changed:
            self._is_closing = True
            self._changed.notify()
        self._thread.join()

    @property
    def is_alive(self) -> bool:
        """True while answers can be had."""
        return self._thread.is_alive()

    @property
    def at_work(self) -> int:
        """How many answers are being written just now."""
        return sum(len(lane.rows) for lane in tuple(self._lanes.values()))

    @property
    def in_line(self) -> int:
        """How many answers wait for a place."""
        return len(self._waiting)

    async def write(self, wanted: Sequence[Wanted]) -> AsyncGenerator[tuple[int, Piece], None]:
        """Yield the answers' pieces as they come, each with the index of its answer. Raises ServingError.

        Close it (`contextlib.aclosing`) to give up what is not written yet.
        """
        loop = asyncio.get_running_loop()
        came: asyncio.Queue[tuple[int, Piece | ServingError]] = asyncio.Queue()
        rows = [Row(one, _to(loop, came, index)) for index, one in enumerate(wanted)]
        self._enter(rows)
        try:
            left = len(rows)
            while left:
                index, piece = await came.get()
                if isinstance(piece, ServingError):
                    raise piece
                left -= bool(piece.finish_reason)
                yield index, piece
        finally:
            self._give_up(rows)

    async def change(self, act: Callable[[], None]) -> None:
        """Do something to the model in its own thread, between two answers. Raises what `act` raises."""
        change = _Change(act, asyncio.get_running_loop().create_future())
        with self._changed:
            if self._is_closing or not self.is_alive:
                raise BrokenError("The server is stopping.")
            self._changes.append(change)
            self._changed.notify()
        await change.done

    def _enter(self, rows: Sequence[Row]) -> None:
        with self._changed:
            if self._is_closing or not self.is_alive:
                raise BrokenError("The server is stopping.")
            if len(self._waiting) + len(rows) > self.line:
                raise LineFullError(
                    f"{len(self._waiting)} answers are waited for already. Try again a little later."
                )
            self._waiting.extend(rows)
            self._changed.notify()

    def _give_up(self, rows: Sequence[Row]) -> None:
        """Let rows go that nobody waits for: those at work at their next token."""
        with self._changed:
            for row in rows:
                row.is_left = True
            self._waiting = deque(row for row in self._waiting if not row.is_left)

    def _work(self) -> None:
        try:
            while self._has_work():
                if not self._changes:
                    self._admit()
                elif not self._lanes:  # who writes is let finish, and nobody new begins
                    self._changes.popleft().carry_out()
                for name in list(self._lanes):
                    self._advance(name)
        finally:
            with self._changed:
                self._is_closing = True
                left = [*self._waiting, *(row for lane in self._lanes.values() for row in lane.rows)]
                self._waiting.clear()
            for row in left:
                row.fail(BrokenError("The server is stopping."))
            for change in self._changes:
                change.end(BrokenError("The server is stopping."))

    def _has_work(self) -> bool:
        with self._changed:
            self._changed.wait_for(lambda: self._waiting or self._lanes or self._changes or self._is_closing)
            return not self._is_closing

    def _admit(self) -> None:
        """Take from the line, the first first, as many as there are places."""
        fresh: dict[str, list[Row]] = {}
        with self._changed:
            places = self._slots - self.at_work
            while self._waiting and places > 0:
                row = self._waiting.popleft()
                if not row.is_left:
                    fresh.setdefault(row.wanted.adapter, []).append(row)
                    places -= 1
        for name, rows in fresh.items():
            lane = self._lanes.setdefault(name, _Lane(self._loaded, name))
            with self._mishaps(lane, rows):
                lane.join(rows)
        self.most_at_once = max(self.most_at_once, self.at_work)

    def _advance(self, name: str) -> None:
        """Let one adapter's rows go on for a turn, a shorter one where somebody could join."""
        lane = self._lanes[name]
        with self._mishaps(lane, lane.rows):
            for _ in range(_STEPS_IN_TURN):
                lane.leave()
                if not lane.rows or self._is_closing or (self._waiting and self.at_work < self._slots):
                    break
                lane.step()
        if not lane.rows:
            del self._lanes[name]

    @contextlib.contextmanager
    def _mishaps(self, lane: _Lane, rows: Sequence[Row]) -> Iterator[None]:
        """Tell those concerned what went wrong, and go on with the others."""
        try:
            yield
        except torch.OutOfMemoryError:
            lane.fail(rows, BrokenError("The memory does not suffice for so many or so long answers at once."))
            torch.cuda.empty_cache()
        except ServingError as error:
            lane.fail(rows, error)
        except Exception as error:
            why = str(error).splitlines()[0][:200] if str(error) else ""
            lane.fail(rows, BrokenError(f"The model failed: {type(error).__name__} {why}".strip()))


@dataclass(frozen=True, slots=True)
class _Change:
    """Something that is done to the model, and who waits for it."""

    act: Callable[[], None]
    done: asyncio.Future[None]

    def carry_out(self) -> None:
        """Do it, and tell who waits."""
        try:
            self.act()
        except Exception as error:
            self.end(error)
        else:
            self.end(None)

    def end(self, error: Exception | None) -> None:
        """Tell who waits, if they still do."""

        def tell() -> None:
            if self.done.done():
                return
            if error is None:
                self.done.set_result(None)
            else:
                self.done.set_exception(error)

        with contextlib.suppress(RuntimeError):
            self.done.get_loop().call_soon_threadsafe(tell)


class _Lane:
    """The rows of one adapter."""

    def __init__(self, loaded: Loaded, name: str) -> None:
        self.rows: list[Row] = []
        self._loaded = loaded
        self._name = name
        self._batch = Batch(loaded.model, loaded.device)

    def join(self, rows: Sequence[Row]) -> None:
        """Read the prompts of new rows, and write their first tokens."""
        self._loaded.wear(self._name)
        for places in portions([len(row.wanted.prompt) for row in rows]):
            portion = [rows[at] for at in places]
            logits = self._batch.read([row.wanted.prompt for row in portion])
            self.rows += portion
            self._take(portion, logits)

    def step(self) -> None:
        """Write one token of each row."""
        self._loaded.wear(self._name)
        self._take(self.rows, self._batch.step([row.last for row in self.rows]))

    def leave(self) -> None:
        """Let those go that are done, or that nobody waits for."""
        kept = [at for at, row in enumerate(self.rows) if not (row.is_done or row.is_left)]
        if len(kept) < len(self.rows):
            self.rows = [self.rows[at] for at in kept]
            self._batch.keep(kept)

    def fail(self, rows: Sequence[Row], error: ServingError) -> None:
        """End all that is in this lane, and these: nobody knows how far the batch came."""
        concerned = {id(row): row for row in (*self.rows, *rows)}
        self.rows = []
        self._batch = Batch(self._loaded.model, self._loaded.device)
        for row in concerned.values():
            if not row.is_done:
                row.fail(error)

    def _take(self, rows: Sequence[Row], logits: torch.Tensor) -> None:
        for row, of_row in zip(rows, logits, strict=True):
            try:
                row.take(of_row, self._loaded)
            except BrokenError as error:
                row.fail(error)


def _to(
    loop: asyncio.AbstractEventLoop, came: asyncio.Queue[tuple[int, Piece | ServingError]], index: int
) -> Deliver:
    """Return what brings pieces from the model's thread to who waits, if the loop is still there."""

    def deliver(piece: Piece | ServingError) -> None:
        with contextlib.suppress(RuntimeError):
            loop.call_soon_threadsafe(came.put_nowait, (index, piece))

    return deliver
