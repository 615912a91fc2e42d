"""One GPU for all: it holds the teacher or the student, never both, and changing between them is measured."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable

import structlog

from pipeline.contract import Load, Swap
from pipeline.model_server import ModelServer, ModelServerError

log = structlog.get_logger()


class Change:
    """Something is being loaded, in a thread of its own; whoever waits for it may give up, it goes on."""

    def __init__(self, need: Load, work: Callable[[], Swap | None]) -> None:
        self.need = need
        self.swap: Swap | None = None
        self.error = ""
        self._work = work
        self._thread = threading.Thread(target=self._run, name="swap", daemon=True)
        self._thread.start()

    def is_done(self, within_s: float) -> bool:
        """Return whether it is done, after at most so many seconds."""
        self._thread.join(within_s)
        return not self._thread.is_alive()

    def _run(self) -> None:
        try:
            self.swap = self._work()
        except ModelServerError as error:
            self.error = str(error)
            log.error("gpu.not_swapped", error=self.error)
        except Exception as error:
            self.error = f"The models could not be swapped ({type(error).__name__}); that is our fault."
            log.exception("gpu.swap_broke")


class OneGpu:
    """Knows what is loaded. `unload_student` ends the process that holds the student, and frees its memory."""

    def __init__(self, server: ModelServer, unload_student: Callable[[], None]) -> None:
        self._server = server
        self._unload_student = unload_student
        self._change: Change | None = None
        self.loaded = Load.NOTHING

    def look(self) -> None:
        """Find out what is there when the worker starts."""
        self.loaded = Load.TEACHER if self._server.is_awake() else Load.NOTHING

    def change_to(self, need: Load, *, is_free: bool = False) -> Change | None:
        """Begin to load what a job needs; None when it needs nothing.

        `is_free` says that the student's process has given its memory back by itself, and lives on.

        That the server is where it should be is looked at for every job: somebody may have woken it, it may have
        died. A change that is still under way comes to its end first, given up if it was for something else.
        """
        if need is Load.NOTHING:
            return None
        if need is Load.TEACHER and self.loaded is not Load.TEACHER and not is_free:
            self._unload_student()
        earlier = self._change
        if earlier is not None and earlier.need is not need:
            self._server.give_up()

        def work() -> Swap | None:
            while earlier is not None and not earlier.is_done(1.0):
                continue
            self._server.give_up(really=False)
            return self._load(need)

        self._change = Change(need, work)
        return self._change

    def close(self) -> None:
        """End the server that we have started."""
        self._server.kill()

    def _load(self, need: Load) -> Swap | None:
        began = time.monotonic()
        before = Load.TEACHER if self._server.is_awake() else self.loaded
        self.loaded = Load.NOTHING  # until it is there
        did_something = self._server.bring_back() if need is Load.TEACHER else self._server.send_away()
        self.loaded = need
        if not did_something or before is need:
            return None
        swap = Swap(before, need, time.monotonic() - began)
        log.info("gpu.swapped", before=swap.before, after=swap.after, seconds=round(swap.seconds, 2))
        return swap
