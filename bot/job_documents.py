"""The documents of a job's leaves: fetched by the bot beside its other work, stored, handed to workers by hash."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

import structlog

from bot.clock import Clock
from bot.store.artifacts import ArtifactRows, KeptArtifact
from bot.store.stored_jobs import StoredJob
from checks.document_bundle import MEDIA_TYPE, to_bundle
from checks.documents import DocumentReach, DocumentReference, DocumentRefusal, RefusalKind, fetch_documents
from pipeline.artifacts import ArtifactStore
from pipeline.contract import Artifact

log = structlog.get_logger()

_AT_ONCE = 2  # fetches
_FIRST_PAUSE, _LONGEST_PAUSE = timedelta(minutes=1), timedelta(minutes=30)
_TRIES = 8  # of what could not be verified: about two hours


class NotYetError(Exception):
    """The documents are not there yet: ask again later."""


class NoInputsError(Exception):
    """What a job needs will never be there. `is_ours` when nobody but us can mend it; the text is for people."""

    def __init__(self, message: str, *, is_ours: bool) -> None:
        super().__init__(message)
        self.is_ours = is_ours


@dataclass(frozen=True, slots=True)
class _Failure:
    refusal: DocumentRefusal
    tries: int
    again_at: datetime


class JobDocuments:
    """Fetches each document once, a few at a time; `wake` is called when one has come, or has not."""

    def __init__(
        self, rows: ArtifactRows, artifacts: ArtifactStore, clock: Clock, wake: Callable[[], None]
    ) -> None:
        self._rows = rows
        self._artifacts = artifacts
        self._clock = clock
        self._wake = wake
        self._threads = _threads()
        self._going: dict[str, asyncio.Task[None]] = {}
        self._failures: dict[str, _Failure] = {}

    async def of(self, job: StoredJob, reference: DocumentReference, reach: DocumentReach) -> Artifact:
        """Return the stored documents. Raises NotYetError, and NoInputsError."""
        name = name_of(reference, reach)
        if (there := await self._there(job, name)) is not None:
            return there
        failure = self._failures.get(name)
        if failure is not None:
            self._give_up_on(failure, name)
            if self._clock.now() < failure.again_at:
                raise NotYetError("its documents could not be had, and are tried again")
        if name not in self._going:
            task = asyncio.create_task(self._fetch(job, reference, reach, name), name=f"documents of job {job.id}")
            self._going[name] = task
            task.add_done_callback(lambda _: self._going.pop(name, None))
        raise NotYetError("its documents are being fetched")

    async def _there(self, job: StoredJob, name: str) -> Artifact | None:
        """Return the documents if they are stored: for the pull request, or for a build whichever it was."""
        request = job.request
        if request.is_of_build:
            kept = await self._rows.newest_named(request.repository_id, name)
            if kept is not None:
                await self._rows.note([replace(kept, number=0, stored_at=self._clock.now(), job_id=job.id)])
            return kept.artifact if kept is not None else None
        of_pull = await self._rows.of_pull(request.repository_id, request.number)
        return next((kept.artifact for kept in of_pull if kept.artifact.name == name), None)

    async def stop(self) -> None:
        """Stop what is under way; a fetch that runs ends by its own deadline."""
        for task in self._going.values():
            task.cancel()
        await asyncio.gather(*self._going.values(), return_exceptions=True)
        self._threads.shutdown(wait=False, cancel_futures=True)
        self._threads = _threads()  # for another start

    def _give_up_on(self, failure: _Failure, name: str) -> None:
        """Raise NoInputsError where no further try makes sense; the next job that asks gets a fresh one."""
        refusal, is_ours = failure.refusal, failure.refusal.kind is RefusalKind.UNVERIFIED
        if is_ours and failure.tries < _TRIES:
            return
        del self._failures[name]
        further = f"It was tried {failure.tries} times." if is_ours else refusal.remedy
        raise NoInputsError(f"{refusal.message} {further}", is_ours=is_ours)

    async def _fetch(self, job: StoredJob, reference: DocumentReference, reach: DocumentReach, name: str) -> None:
        try:
            found = await asyncio.get_running_loop().run_in_executor(
                self._threads, fetch_documents, reference, reach
            )
            if isinstance(found, DocumentRefusal):
                self._note(name, found)
                return
            self._failures.pop(name, None)
            stored = await asyncio.to_thread(self._artifacts.put, name, to_bundle(found), MEDIA_TYPE)
            request = job.request
            kept = KeptArtifact.told(stored, request.repository_id, request.number, self._clock.now(), job.id)
            await self._rows.note([kept])
        finally:
            self._wake()

    def _note(self, name: str, refusal: DocumentRefusal) -> None:
        tries = self._failures[name].tries + 1 if name in self._failures else 1
        pause = min(_FIRST_PAUSE * 2 ** (tries - 1), _LONGEST_PAUSE)
        self._failures[name] = _Failure(refusal, tries, self._clock.now() + pause)
        log.warning("documents.not_had", problem=refusal.problem, detail=refusal.detail, tries=tries)


def _threads() -> ThreadPoolExecutor:
    return ThreadPoolExecutor(_AT_ONCE, thread_name_prefix="documents")


def name_of(reference: DocumentReference, reach: DocumentReach) -> str:
    """Return the name that documents are stored under: the same for the same reference on the same terms."""
    said = "\0".join((reference.repo, reference.commit, *reference.patterns, "", *reach.hosts, "", *reach.suffixes))
    return f"documents-{hashlib.sha256(said.encode('utf-8', 'surrogatepass')).hexdigest()[:32]}.json"
