"""What blocks is done by threads that nobody has to wait for: a hung disk or broker must not hold up the end."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from typing import TypeVar

_T = TypeVar("_T")


async def beside(work: Callable[[], _T]) -> _T:
    """Do it in a thread of its own, and return what comes of it. Whoever is cancelled leaves the thread behind."""
    loop = asyncio.get_running_loop()
    done: asyncio.Future[_T] = loop.create_future()

    def tell(result: _T | None, error: BaseException | None) -> None:
        if done.done():
            return
        if error is not None:
            done.set_exception(error)
        else:
            done.set_result(result)  # type: ignore[arg-type]  # it is there where there is no error

    def run() -> None:
        try:
            outcome: tuple[_T | None, BaseException | None] = work(), None
        except BaseException as error:  # it is raised again where it is waited for
            outcome = None, error
        if not loop.is_closed():
            loop.call_soon_threadsafe(tell, *outcome)

    threading.Thread(target=run, name="probe", daemon=True).start()
    return await done
