"""The neighbourhood of pull requests: what their passages are compared with, made ready while nobody waits."""

from __future__ import annotations

import asyncio
import hashlib
from collections import defaultdict
from collections.abc import Awaitable, Callable, Coroutine
from contextvars import Context
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import structlog

from bot.clock import Clock
from bot.github.client import GitHubApp
from bot.github.errors import GitHubError
from bot.github.listings import place_of
from bot.github.pulls import Pull, PullReader
from bot.pull_indexes import PullIndexes, PullPlaces
from bot.rule_workers import Judgement, RuleWorkers
from bot.store.passages import PassageStore, PullPassages
from bot.store.repositories import RepositoryStore
from bot.tree_indexes import TreeIndexes
from checks.likeness.index import MOST_TEXT_BYTES, IndexFullError, remove_abandoned
from checks.likeness.neighbours import Surroundings

log = structlog.get_logger()

_LOOK_AGAIN = timedelta(hours=1)  # after the default branch, should nobody have told us that it moved
_TRY_AGAIN = timedelta(minutes=10)
_LONGEST_PAUSE = timedelta(days=1)  # where there is too much text, a try costs much and will hardly do better
_MOST_AWAITING = 500  # pull requests that are judged again once the first index is there

Refresh = Callable[[int, int], Awaitable[None]]  # of a pull request, by its repository


class Neighbourhood:
    """Knows the tree and the open pull requests of each repository by their passages.

    A pull request never waits for an index of the tree: until the first is there it is judged without, and once
    more after that, which changes its report only if there is something to say.
    """

    def __init__(
        self,
        app: GitHubApp,
        store: PassageStore,
        repositories: RepositoryStore,
        workers: RuleWorkers,
        folder: Path,
        clock: Clock,
    ) -> None:
        self._app = app
        self._store = store
        self._repositories = repositories
        self._indexes = TreeIndexes(folder, workers)
        self._pulls = PullIndexes(folder, store)
        self._clock = clock
        self._folder = folder
        self._full: dict[int, tuple[int, datetime]] = {}  # repositories with too much text: tries, and the next
        self._due: dict[int, datetime] = {}  # when to look after the default branch of a repository
        self._tasks: dict[int, asyncio.Task[None]] = {}
        self._awaiting: defaultdict[int, set[int]] = defaultdict(set)
        self._telling: set[asyncio.Task[None]] = set()
        self._marks: defaultdict[tuple[int, int], int] = defaultdict(int)
        self._refresh: Refresh | None = None

    def start(self, refresh: Refresh) -> None:
        """Have `refresh` judge again whatever was judged without an index; remove what killed processes left."""
        self._refresh = refresh
        self._in_background(self._tidy())

    async def stop(self) -> None:
        """Give up what is being made; the next start begins it anew."""
        tasks = [*self._tasks.values(), *self._telling]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def settled(self) -> None:
        """Return when nothing is being made any more."""
        while tasks := [*self._tasks.values(), *self._telling]:
            await asyncio.gather(*tasks, return_exceptions=True)

    async def around(self, repository_id: int, pull: Pull) -> Surroundings | None:
        """Return where to look for what a pull request repeats; None for one to another branch."""
        if not pull.targets_default_branch:
            return None
        index = await self._indexes.newest(repository_id)
        if index is None and len(self._awaiting[repository_id]) < _MOST_AWAITING:
            log.info("duplicates.no_index_yet", number=pull.number)
            self._awaiting[repository_id].add(pull.number)
        self._look_after(repository_id)
        tree = self._indexes.place(repository_id, index) if index is not None else None
        pulls = await self._pulls_if_possible(repository_id)
        return Surroundings(tree, pulls.settled, pull.number, pulls.late, pulls.outdated)

    async def note(self, repository_id: int, pull: Pull, judgement: Judgement) -> None:
        """Remember what an open pull request says; those that may repeat it are judged again if that changed."""
        if not (pull.is_open and pull.targets_default_branch):
            return
        digest = hashlib.sha256(judgement.sheets).hexdigest()
        kept = PullPassages(pull.number, digest, judgement.sheets, judgement.told_of)
        if await self._store.note(repository_id, kept):
            self._tell(repository_id, await self._store.told_of(repository_id, pull.number))

    async def forget(self, repository_id: int, number: int, *, is_merged: bool) -> None:
        """Forget a pull request that is closed; those that may have been told of it are judged again.

        Once it is merged they repeat the tree instead: that is known when its index has been brought up to date.
        """
        await self._store.drop(repository_id, number)
        self._awaiting[repository_id].discard(number)
        self._marks.pop((repository_id, number), None)
        told = await self._store.told_of(repository_id, number)
        if is_merged and told:
            self._awaiting[repository_id].update(told)
            self.branch_moved(repository_id)
            self._look_after(repository_id)
        else:
            self._tell(repository_id, told)

    def mark(self, repository_id: int, number: int) -> int:
        """Return a number that is another one once a pull request has to be judged anew."""
        return self._marks.get((repository_id, number), 0)

    def branch_moved(self, repository_id: int) -> None:
        """The default branch has moved: its index is brought up to date when it is needed next."""
        self._due.pop(repository_id, None)

    def _look_after(self, repository_id: int) -> None:
        now = self._clock.now()
        if repository_id in self._tasks or self._due.get(repository_id, now) > now:
            return
        if repository_id in self._full and self._full[repository_id][1] > now:
            return
        self._due[repository_id] = now + _LOOK_AGAIN
        work = self._bring_up_to_date(repository_id)
        task = asyncio.create_task(work, name="duplicates", context=Context())  # no pull request's own doing
        self._tasks[repository_id] = task
        task.add_done_callback(lambda _: self._tasks.pop(repository_id, None))

    async def _bring_up_to_date(self, repository_id: int) -> None:
        try:
            while True:
                await self._index_tip(repository_id)
                if repository_id in self._due:
                    break
                self._due[repository_id] = self._clock.now() + _LOOK_AGAIN  # the branch has moved meanwhile
        except IndexFullError:
            self._note_full(repository_id)
        except (GitHubError, OSError) as error:
            self._due[repository_id] = self._clock.now() + _TRY_AGAIN
            log.warning("duplicates.index_put_off", repository_id=repository_id, reason=str(error))
        except Exception:
            self._due[repository_id] = self._clock.now() + _LOOK_AGAIN
            log.exception("duplicates.index_failed", repository_id=repository_id)
        else:
            self._full.pop(repository_id, None)
            self._tell(repository_id, sorted(self._awaiting.pop(repository_id, ())))

    def _note_full(self, repository_id: int) -> None:
        """Try again after longer and longer pauses, also when the branch moves; tell the operator what to do."""
        tries = self._full.get(repository_id, (0, None))[0] + 1
        pause = min(_TRY_AGAIN * 2 ** min(tries - 1, 20), _LONGEST_PAUSE)
        self._full[repository_id] = (tries, self._clock.now() + pause)
        self._due.pop(repository_id, None)
        log.error(
            "duplicates.tree_holds_too_much_text",
            repository_id=repository_id,
            most_mib=MOST_TEXT_BYTES // 1024**2,
            tries=tries,
            again_in_s=pause.total_seconds(),
            effect="pull requests are compared with the tree as it was indexed last, or not at all",
            remedy="split large leaves, or switch the comparison off: TAXONOMY_BOT_CHECK_DUPLICATES=false",
        )

    async def _index_tip(self, repository_id: int) -> None:
        origin = await self._repositories.origin_of(repository_id)
        if origin is None:
            return
        client = self._app.installation(origin.installation_id)
        place = await place_of(client, repository_id)
        tip = await PullReader(client, place.full_name).tip(place.default_branch)
        await self._indexes.bring_up_to(client, place.full_name, repository_id, tip)

    def _tell(self, repository_id: int, numbers: list[int]) -> None:
        """Have pull requests judged again, soon: whoever calls this may hold the lock of one of them."""
        for number in numbers:
            self._marks[repository_id, number] += 1
        if numbers and self._refresh is not None:
            self._in_background(self._judge_again(repository_id, numbers, self._refresh))

    def _in_background(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.create_task(work, name="duplicates")
        self._telling.add(task)
        task.add_done_callback(self._telling.discard)

    async def _tidy(self) -> None:
        """Remove unfinished indexes, all that nobody can be writing any more."""
        try:
            folders = await asyncio.to_thread(lambda: [place for place in self._folder.glob("*") if place.is_dir()])
            counts = [await asyncio.to_thread(remove_abandoned, folder) for folder in folders]
        except OSError as error:
            log.warning("duplicates.not_tidied", reason=str(error))
            return
        if any(counts):
            log.info("duplicates.tidied", removed=sum(counts))

    async def _judge_again(self, repository_id: int, numbers: list[int], refresh: Refresh) -> None:
        for number in numbers:
            try:
                await refresh(repository_id, number)
            except Exception:  # the next event, or the next sweep, judges it again
                log.exception("duplicates.not_judged_again", number=number)

    async def _pulls_if_possible(self, repository_id: int) -> PullPlaces:
        """Return where open pull requests are; nowhere if that cannot be told: that holds up no verdict."""
        try:
            return await self._pulls.of(repository_id)
        except (OSError, IndexFullError) as error:
            log.error(
                "duplicates.pulls_left_out", repository_id=repository_id, reason=str(error) or "too much text"
            )
            return PullPlaces()
