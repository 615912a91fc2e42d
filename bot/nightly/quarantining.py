"""Quarantine: leaves that a failed gate is traced back to stay out of builds until a maintainer lifts it."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass

import structlog

from bot.actions import Action, AddLabels, RemoveLabel
from bot.apply import Writer
from bot.clock import Clock
from bot.events import Origin
from bot.github.client import GitHubApp
from bot.github.errors import NotFoundError, RefusedError
from bot.github.listings import place_of
from bot.github.pulls import PullReader
from bot.labels import Label
from bot.locks import PullLocks
from bot.nightly.blame import Blame, Suspect
from bot.nightly.builds import Build
from bot.policies import Policies
from bot.store.desk_log import AuditEntry, DeskLog
from bot.store.leaves import as_kept
from bot.store.quarantine import QuarantineStore
from bot.store.repositories import KnownRepository

log = structlog.get_logger()

PUT, LIFTED = "quarantine", "quarantine lift"  # in the audit
_US = "taxonomy-bot"


@dataclass(frozen=True, slots=True)
class Lifted:
    """A leaf that builds take in again, and the pull requests that its label was taken off."""

    leaf: str
    pulls: tuple[int, ...]


class QuarantineDesk:
    """Keeps leaves out of builds, and lets them in again. Doing the same twice changes nothing more.

    Raises the errors of `bot.github.errors`.
    """

    def __init__(
        self,
        app: GitHubApp,
        store: QuarantineStore,
        desk_log: DeskLog,
        policies: Policies,
        locks: PullLocks,
        clock: Clock,
    ) -> None:
        self._app = app
        self._store = store
        self._log = desk_log
        self._policies = policies
        self._locks = locks
        self._clock = clock

    async def keep_out(self, known: KnownRepository, build: Build, blame: Blame) -> tuple[str, ...]:
        """Keep the leaves of those who are surely blamed out, where the policy says so; return the leaves.

        Each is written down with the numbers, and its pull requests get the label `hold`.
        """
        sure = [suspect for suspect in blame.suspects if suspect.is_sure]
        if not blame.is_over or not sure or not await self._is_wanted(known):
            return ()
        for suspect in sure:
            for leaf in suspect.leaves:
                await self._keep_out(known, build, suspect, leaf)
            await self._label(known.origin, suspect.pulls, is_on=True)
        leaves = tuple(sorted(leaf for suspect in sure for leaf in suspect.leaves))
        log.info("nightly.quarantined", build=build.id, leaves=len(leaves))
        return leaves

    async def lift(self, known: KnownRepository, leaf: str, by: str) -> Lifted | None:
        """Let builds take a leaf in again; None where none was kept out. `by` is whoever decided it.

        The label goes from the pull requests that brought the leaf, unless they brought another that is kept out.
        """
        repository_id, now = known.origin.repository_id, self._clock.now()
        if not await self._store.lift(repository_id, leaf, by, now):
            return None
        pulls = await self._log.pulls_with(repository_id, PUT, as_kept(leaf))
        kept_out = await self._store.standing(repository_id)
        held = {number for other in kept_out for number in await self._log.pulls_with(repository_id, PUT, other)}
        free = tuple(number for number in pulls if number not in held)
        for number in pulls or (0,):
            source = f"{LIFTED}:{_short(leaf, str(number), now.isoformat())}"
            await self._write_down(repository_id, number, by, LIFTED, leaf, "", source)
        await self._label(known.origin, free, is_on=False)
        return Lifted(leaf, free)

    async def _is_wanted(self, known: KnownRepository) -> bool:
        client = self._app.installation(known.origin.installation_id)
        place = await place_of(client, known.origin.repository_id)
        reader = PullReader(client, place.full_name)
        policy = await self._policies.of_branch(reader, known.origin.repository_id, place.default_branch)
        return policy.builds.quarantine

    async def _keep_out(self, known: KnownRepository, build: Build, suspect: Suspect, leaf: str) -> None:
        repository_id = known.origin.repository_id
        await self._store.put(repository_id, leaf, reason_of(build.name, suspect), _US, self._clock.now())
        for number in suspect.pulls or (0,):
            source = f"{PUT}:{_short(build.name, leaf, str(number))}"
            await self._write_down(repository_id, number, _US, PUT, leaf, build.commit, source)

    async def _write_down(
        self, repository_id: int, number: int, by: str, act: str, leaf: str, sha: str, source: str
    ) -> None:
        await self._log.add(
            AuditEntry(
                repository_id=repository_id,
                number=number,
                at=self._clock.now(),
                actor_id=0,
                actor=by[:64],
                role="bot" if by == _US else "operator",
                act=act,
                arguments=as_kept(leaf),
                sha=sha,
                result="done",
                source=source,
            )
        )

    async def _label(self, origin: Origin, numbers: Iterable[int], *, is_on: bool) -> None:
        """Put the label on merged pull requests, or take it off; what is remembered of their review stays."""
        client = self._app.installation(origin.installation_id)
        for number in numbers:
            async with self._locks.of(origin, number):
                try:
                    pull = await PullReader(client, origin.full_name).pull(number)
                    if (Label.HOLD in pull.labels) is not is_on:
                        action: Action = AddLabels((Label.HOLD,)) if is_on else RemoveLabel(Label.HOLD)
                        await Writer(client, pull, self._clock).apply([action])
                except NotFoundError:
                    log.info("nightly.pull_is_gone", number=number)
                except RefusedError as error:  # the label only shows it: no build waits for that
                    log.error("nightly.not_labelled", number=number, error=str(error))


def reason_of(build: str, suspect: Suspect) -> str:
    """Return why the leaves of a suspect are kept out, with the numbers."""
    times = "once" if suspect.runs == 1 else f"{suspect.runs} times"
    return (
        f"the build {build} failed its gate, and trained without it {suspect.benchmark} is "
        f"{suspect.score_without:.3f} instead of {suspect.score_with:.3f} ({suspect.recovery:+.3f}, measured "
        f"{times}; by chance it moves by {suspect.noise:.3f})"
    )


def _short(*said: str) -> str:
    """Return what tells a place in the audit from others, short enough for it."""
    return hashlib.sha256("\0".join(said).encode("utf-8", "surrogatepass")).hexdigest()[:40]
