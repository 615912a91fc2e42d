"""The documents that pull requests name: fetched beside the triage, stored, and fetched once for a commit.

What is there in time is judged at once. What is not is told of when it has come, so that nobody waits for a slow
server. Trouble on the way is tried again after longer and longer pauses; it is nobody's fault.
"""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import datetime, timedelta
from ipaddress import IPv4Network, IPv6Network
from pathlib import Path

import structlog

from bot.clock import Clock
from bot.fair_turns import FairTurns
from bot.job_documents import name_of
from bot.store.artifacts import ArtifactRows, KeptArtifact
from checks.document_bundle import MEDIA_TYPE, BundleError, from_bundle, to_bundle
from checks.document_resolving import fetch_or_offer
from checks.documents import (
    DocumentProblem,
    DocumentReach,
    DocumentReference,
    DocumentRefusal,
    FetchedDocuments,
    RefusalKind,
)
from checks.leaf_documents import MOST_TEXT_BYTES, Found, for_rules
from checks.policy import Policy
from pipeline.artifacts import ArtifactError, ArtifactStore

log = structlog.get_logger()

Arrived = Callable[[int, int], Awaitable[None]]
_Pull = tuple[int, int]  # the repository's id, and the number

_AT_ONCE = 4  # fetches
_SLOW_AT_ONCE = 8  # besides: those that turn out to take long
_SLOW_AFTER_S = 15.0
_FIRST_PAUSE, _LONGEST_PAUSE = timedelta(minutes=5), timedelta(hours=6)
_KEPT_FOR = timedelta(hours=1)  # what its author can put right, perhaps without a push
_MOST_KEPT = 2000
_NOT_YET = DocumentRefusal(DocumentProblem.NOT_YET, "The document is still being fetched.")


@dataclass(frozen=True, slots=True)
class DocumentTerms:
    """How long a triage waits, in seconds, and what an operator allows besides the community's policy."""

    wait_s: float
    networks: tuple[IPv4Network | IPv6Network, ...] = ()
    ca_file: Path | None = None


@dataclass(frozen=True, slots=True)
class _Kept:
    refusal: DocumentRefusal
    tries: int
    again_at: datetime


class LinkedDocuments:
    """Fetches documents, a few at a time, authors in turn; `tell` says whom to tell of those that come late."""

    def __init__(self, rows: ArtifactRows, artifacts: ArtifactStore, clock: Clock, terms: DocumentTerms) -> None:
        self._rows = rows
        self._artifacts = artifacts
        self._clock = clock
        self._terms = terms
        self._turns = FairTurns(_AT_ONCE, _SLOW_AT_ONCE, _SLOW_AFTER_S)
        self._threads = ThreadPoolExecutor(_AT_ONCE + _SLOW_AT_ONCE, thread_name_prefix="linked-documents")
        self._going: dict[tuple[int, str], asyncio.Task[Found]] = {}
        self._waiting: dict[_Pull, set[asyncio.Task[Found]]] = {}
        self._telling: set[asyncio.Task[None]] = set()
        self._kept: OrderedDict[tuple[int, str], _Kept] = OrderedDict()
        self._due: OrderedDict[_Pull, datetime] = OrderedDict()
        self._arrived: Arrived | None = None

    def tell(self, arrived: Arrived) -> None:
        """Call `arrived` with a pull request when documents have come that it was judged without."""
        self._arrived = arrived

    def is_due(self, repository_id: int, number: int) -> bool:
        """True when something of a pull request could not be had, and it is time to try again."""
        again_at = self._due.get((repository_id, number))
        return again_at is not None and again_at <= self._clock.now()

    async def of(
        self,
        repository_id: int,
        number: int,
        references: Mapping[str, DocumentReference],
        policy: Policy,
        author_id: int = 0,
        *,
        anew: bool = False,
    ) -> dict[str, Found]:
        """Return what each leaf's reference leads to, as far as it is there in time.

        `author_id` is who waits for it: authors take turns. `anew` asks again about what was refused before.
        """
        reach = DocumentReach.of(policy, self._terms.networks, self._terms.ca_file)
        pull = (repository_id, number)
        tasks = {
            path: self._task(pull, reference, reach, author_id, anew) for path, reference in references.items()
        }
        if tasks:
            await asyncio.wait(set(tasks.values()), timeout=self._terms.wait_s)
        found = {path: _result(task) for path, task in tasks.items()}
        self._note_due(pull, found, [name_of(reference, reach) for reference in references.values()])
        late = {task for task in tasks.values() if not task.done()}
        if late and not self._waiting.get(pull):
            telling = asyncio.create_task(self._tell_when_there(pull, late), name=f"documents of #{number}")
            self._telling.add(telling)
            telling.add_done_callback(self._telling.discard)
        return for_rules(found)

    async def stop(self) -> None:
        """Stop what is under way; a fetch that runs ends by its own deadline."""
        going = {*self._going.values(), *self._telling}
        for task in going:
            task.cancel()
        await asyncio.gather(*going, return_exceptions=True)
        self._threads.shutdown(wait=False, cancel_futures=True)

    def _task(
        self, pull: _Pull, reference: DocumentReference, reach: DocumentReach, author_id: int, anew: bool
    ) -> asyncio.Task[Found]:
        """Return the task that finds out about a reference: the one under way, or a new one."""
        key = (pull[0], name_of(reference, reach))
        if key not in self._going:
            finding = self._find(pull, reference, reach, key, author_id, anew)
            task = asyncio.create_task(finding, name=f"documents {key[1]}")
            self._going[key] = task
            task.add_done_callback(lambda _: self._going.pop(key, None))
        return self._going[key]

    async def _find(
        self,
        pull: _Pull,
        reference: DocumentReference,
        reach: DocumentReach,
        key: tuple[int, str],
        author_id: int,
        anew: bool,
    ) -> Found:
        stored = await self._stored(pull, key)
        if stored is not None:
            return stored
        kept = self._kept.get(key)
        if kept is not None and not anew and self._clock.now() < kept.again_at:
            return kept.refusal
        async with self._turns.turn(author_id or pull):
            loop = asyncio.get_running_loop()
            found = await loop.run_in_executor(self._threads, fetch_or_offer, reference, reach)
        if isinstance(found, DocumentRefusal):
            self._keep(key, found)
            return found
        self._kept.pop(key, None)
        await self._store(pull, key[1], found)
        return found.readable_part(MOST_TEXT_BYTES)

    async def _store(self, pull: _Pull, name: str, found: FetchedDocuments) -> None:
        """Store documents under the name that jobs know them by; without a store they are fetched again."""
        try:
            artifact = await asyncio.to_thread(self._artifacts.put, name, to_bundle(found), MEDIA_TYPE)
        except ArtifactError as error:
            log.warning("documents.not_stored", name=name, reason=type(error).__name__)
            return
        await self._rows.note([KeptArtifact.told(artifact, *pull, self._clock.now())])

    async def _stored(self, pull: _Pull, key: tuple[int, str]) -> FetchedDocuments | None:
        """Return documents that were fetched before, for whichever pull request of the repository."""
        kept = await self._rows.newest_named(*key)
        if kept is None:
            return None
        try:
            content = await asyncio.to_thread(self._artifacts.get, kept.artifact)
            documents = await asyncio.to_thread(from_bundle, content)
        except (ArtifactError, BundleError) as error:
            log.warning("documents.not_in_store", name=key[1], reason=type(error).__name__)
            return None
        if kept.number != pull[1]:
            await self._rows.note([KeptArtifact.told(kept.artifact, *pull, self._clock.now())])
        return documents.readable_part(MOST_TEXT_BYTES)

    def _keep(self, key: tuple[int, str], refusal: DocumentRefusal) -> None:
        before = self._kept.get(key)
        tries = before.tries + 1 if before is not None else 1
        pause = _KEPT_FOR
        if refusal.kind is RefusalKind.UNVERIFIED:
            pause = min(_FIRST_PAUSE * 2 ** min(tries - 1, 20), _LONGEST_PAUSE)
        log.info("documents.refused", problem=refusal.problem, detail=refusal.detail, tries=tries)
        self._kept[key] = _Kept(refusal, tries, self._clock.now() + pause)
        self._kept.move_to_end(key)
        while len(self._kept) > _MOST_KEPT:
            self._kept.popitem(last=False)

    def _note_due(self, pull: _Pull, found: Mapping[str, Found], names: list[str]) -> None:
        """Remember when to try again what could not be had."""
        self._due.pop(pull, None)
        refusals = [one for one in found.values() if isinstance(one, DocumentRefusal)]
        if not any(refusal.kind is RefusalKind.UNVERIFIED for refusal in refusals):
            return
        moments = [kept.again_at for name in names if (kept := self._kept.get((pull[0], name))) is not None]
        self._due[pull] = min(moments, default=self._clock.now() + _FIRST_PAUSE)
        while len(self._due) > _MOST_KEPT:
            self._due.popitem(last=False)

    async def _tell_when_there(self, pull: _Pull, late: set[asyncio.Task[Found]]) -> None:
        """Have a pull request judged once more when all that it was judged without has been heard of."""
        self._waiting[pull] = late
        try:
            await asyncio.wait(late)
        finally:
            self._waiting.pop(pull, None)
        for task in late:
            _result(task)
        if self._arrived is None:
            return
        try:
            await self._arrived(*pull)
        except Exception:  # the next sweep tries again
            log.exception("documents.not_told", number=pull[1])
            self._due[pull] = self._clock.now()


def _result(task: asyncio.Task[Found]) -> Found:
    """Return what a task has found; what went wrong on our side is no matter of the contribution's."""
    if not task.done():
        return _NOT_YET
    error = None if task.cancelled() else task.exception()
    if error is None and not task.cancelled():
        return task.result()
    log.error("documents.broke", reason=repr(error))
    words = "Could not verify the document: something of ours broke down."
    return DocumentRefusal(DocumentProblem.OWN_SIDE, words, repr(error))
