"""What an operator asks of builds by hand: begin one, go on with one, stop one. The serving bot does it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, timedelta

from bot.clock import Clock
from bot.jobs import JobState
from bot.nightly.builds import PLANNED_ANEW, Build, BuildState
from bot.nightly.desk import Decision, NightlyDesk
from bot.nightly.plan import BuildPlan
from bot.nightly.punctuality import FOREMAN
from bot.store.builds import BuildStore
from bot.store.history import History
from bot.store.jobs import JobStore
from bot.store.repositories import KnownRepository

_PROGRAM = "taxonomy-bot nightly"
_LOOKS_WITHIN = timedelta(minutes=10)


class BuildRefusedError(Exception):
    """What was asked for is not done; the text says why, and what to do."""


@dataclass(frozen=True, slots=True)
class Asked:
    """What was asked for and is going to be done; `warning` is empty where somebody is there who does it."""

    build: Build
    warning: str = ""
    plan: BuildPlan | None = None


class BuildDesk:
    """Takes what operators ask of the builds of one repository."""

    def __init__(
        self, builds: BuildStore, jobs: JobStore, history: History, clock: Clock, repository_id: int
    ) -> None:
        self._builds = builds
        self._jobs = jobs
        self._history = history
        self._clock = clock
        self._repository_id = repository_id

    async def run(
        self, desk: NightlyDesk, known: KnownRepository, night: date | None, *, anew: bool
    ) -> Asked | None:
        """Plan the build of a night, today's without one; None where there is nothing new to build.

        Raises BuildRefusedError, and the errors of `bot.github.errors`.
        """
        today = self._clock.now().date()
        night = night or today
        if night > today:
            raise BuildRefusedError(f"{night} is still to come; in UTC it is {today}.")
        later = await self._builds.last_good(self._repository_id)
        if later is not None and later.night > night:
            raise BuildRefusedError(
                f"There is a good build of {later.night} already, and {night} is before it: what builds are "
                "compared with would go back. Leave --night out for today's."
            )
        found = await desk.plan_night(known, night, anew=anew)
        match found.decision:
            case Decision.PLANNED if found.build is not None:
                return Asked(found.build, await self._warning(), found.plan)
            case Decision.NOTHING_NEW:
                return None
            case Decision.STILL_RUNNING:
                raise BuildRefusedError(await self._running_refusal())
            case _:
                raise BuildRefusedError(_there_already(found.build, night))

    async def resume(self, night: date | None) -> Asked:
        """Let a build run on that failed or was cancelled. Raises BuildRefusedError."""
        build = await self._meant(night)
        if build.state is BuildState.RUNNING:
            raise BuildRefusedError(f"{build.name} runs: there is nothing to resume.")
        if build.state not in (BuildState.FAILED, BuildState.CANCELLED):
            raise BuildRefusedError(
                f"{build.name} is {build.state}: only one that failed or was cancelled goes on."
            )
        good = await self._builds.last_good(self._repository_id)
        if good is not None and good.night > build.night:
            raise BuildRefusedError(
                f"The good build of {good.night} came after {build.name} and holds what it held: let it rest."
            )
        jobs = await self._jobs.of_build(build.id)
        if build.state is BuildState.FAILED and all(job.life.state is JobState.SUCCEEDED for job in jobs):
            raise BuildRefusedError(
                f"No step of {build.name} failed, so going on would come to the same: {build.because} "
                f"`{_PROGRAM} run --night {build.night} --anew` plans it once more."
            )
        if not await self._builds.resume(build, self._clock.now()):
            raise BuildRefusedError(await self._running_refusal())
        return Asked(build, await self._warning())

    async def cancel(self, night: date | None, by: str) -> Asked:
        """Stop a build that is planned or runs. Raises BuildRefusedError."""
        build = await self._open(night)
        because = f"It was cancelled by {by}." if by else "It was cancelled."
        if not await self._builds.end(build, BuildState.CANCELLED, self._clock.now(), because):
            raise BuildRefusedError(f"{build.name} has just ended by itself: `{_PROGRAM} status` shows how.")
        return Asked(build, await self._warning())

    async def _open(self, night: date | None) -> Build:
        if night is not None:
            build = await self._meant(night)
        else:
            found = await self._builds.running(self._repository_id) or await self._builds.planned(
                self._repository_id
            )
            if found is None:
                raise BuildRefusedError("No build runs or is planned: there is nothing to cancel.")
            build = found
        if not build.state.is_open:
            raise BuildRefusedError(f"{build.name} is {build.state} already: there is nothing to cancel.")
        return build

    async def _meant(self, night: date | None) -> Build:
        """Return the build of a night, or the newest that is not passed over."""
        if night is not None:
            if (build := await self._builds.of_night(self._repository_id, night)) is not None:
                return build
            raise BuildRefusedError(f"There is no build of {night}. `{_PROGRAM} status` lists the last ones.")
        newest = await self._builds.newest(self._repository_id, 20)
        found = next((build for build in newest if build.state is not BuildState.PASSED_OVER), None)
        if found is None:
            raise BuildRefusedError("There is no build yet.")
        return found

    async def _running_refusal(self) -> str:
        running = await self._builds.running(self._repository_id)
        if running is None:
            return f"Somebody else was faster: `{_PROGRAM} status` shows how it stands."
        return f"{running.name} runs, and one at a time does: wait for it, or `{_PROGRAM} cancel` it."

    async def _warning(self) -> str:
        """Say that nobody may be there who does it."""
        looked = await self._history.last_done(self._repository_id, FOREMAN)
        if looked is not None and self._clock.now() - looked <= _LOOKS_WITHIN:
            return ""
        since = f"since {looked:%Y-%m-%d %H:%M} UTC" if looked else "yet"
        return f"No serving bot has looked after builds {since}: is `taxonomy-bot serve` running, with workers?"


def _there_already(build: Build | None, night: date) -> str:
    if build is None:
        return f"Somebody else has just planned the build of {night}: `{_PROGRAM} status` shows it."
    anew = f"`{_PROGRAM} run --night {night} --anew` plans it once more with what is merged now"
    match build.state:
        case BuildState.PLANNED:
            return f"{build.name} is planned already, and begins when no other runs. {anew}."
        case BuildState.FAILED | BuildState.CANCELLED:
            go_on = f"`{_PROGRAM} resume --night {night}` goes on with it"
            return f"{build.name} is there already: {build.state}. {build.because} {go_on}; {anew}."
        case state if state in PLANNED_ANEW:
            return f"{build.name} is there already: {state}. {anew}."
        case state:
            return f"{build.name} is there already: {state}. Each night has one build."
