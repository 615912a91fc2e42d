"""Where the bot speaks, and where it only looks on: the gate that every write to GitHub passes.

A repository is adopted or observed. In an adopted one, pull requests that were there before are silent until
they wake: by a push, a command, or whoever asks for our checks.
"""

from __future__ import annotations

import structlog

from bot.clock import Clock
from bot.github.gate import About, SilentError
from bot.store.adoption import AdoptionStore, ObservedPull, Standing

log = structlog.get_logger()


class Silence:
    """Knows where we speak; the database is asked each time, so that all processes act alike at once."""

    def __init__(self, store: AdoptionStore, clock: Clock) -> None:
        self.store = store
        self._clock = clock

    async def check(self, about: About) -> None:
        """Raise SilentError where nothing is to be written."""
        if not await self.speaks(about.repository_id, about.number):
            log.info("silence.kept", repository_id=about.repository_id, number=about.number)
            raise SilentError(about)

    async def speaks(self, repository_id: int, number: int = 0) -> bool:
        """True where we may write: in the repository as such, or on one of its pull requests."""
        standing = await self.store.standing(repository_id)
        if is_spoken_to(standing, number) or not standing.is_adopted:
            return standing.is_adopted
        known = await self.store.get(repository_id, number)
        return known is not None and known.woken_at is not None

    async def wake(self, repository_id: int, number: int, why: str) -> bool:
        """Let a silent pull request of an adopted repository hear from us. Return whether it was silent."""
        standing = await self.store.standing(repository_id)
        if not standing.is_adopted or await self.speaks(repository_id, number):
            return False
        await self.store.wake(repository_id, number, self._clock.now())
        log.info("silence.broken", repository_id=repository_id, number=number, why=why)
        return True

    async def in_repository(self, repository_id: int) -> Hush:
        """Return how it is with all pull requests of a repository now."""
        standing = await self.store.standing(repository_id)
        silent = {known.number: known for known in await self.store.silent_ones(repository_id)}
        awake = frozenset(await self.store.awake(repository_id)) if standing.is_adopted else frozenset[int]()
        return Hush(standing, silent, awake)


class Hush:
    """Which pull requests of a repository hear nothing, at one moment."""

    def __init__(self, standing: Standing, silent: dict[int, ObservedPull], awake: frozenset[int]) -> None:
        self.is_adopted = standing.is_adopted
        self._standing = standing
        self._silent = silent
        self._awake = awake

    def is_on(self, number: int) -> bool:
        """True for a pull request that hears nothing."""
        return not is_spoken_to(self._standing, number) and number not in self._awake

    def has_seen(self, number: int, head_sha: str, appearance: str) -> bool:
        """True when a silent pull request was looked at as it is now."""
        known = self._silent.get(number)
        return known is not None and (known.head_sha, known.appearance) == (head_sha, appearance)


def is_spoken_to(standing: Standing, number: int) -> bool:
    """True where everybody hears from us, as far as nobody has to wake first."""
    return standing.is_adopted and (not number or number > standing.after)
