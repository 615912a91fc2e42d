"""Adopting a repository: from looking on to speaking, and back. Written down, and known to all processes."""

from __future__ import annotations

from dataclasses import dataclass

from bot.clock import Clock
from bot.events import Origin
from bot.github.client import GitHubApp
from bot.github.listings import Listings
from bot.store.adoption import AdoptionStore
from bot.store.desk_log import AuditEntry, DeskLog
from bot.store.repositories import RepositoryStore


@dataclass(frozen=True, slots=True)
class Adopted:
    """What adopting came to: up to which number pull requests are old, and how many of those are open."""

    after: int
    old_ones: int
    is_new: bool = True  # False: it was adopted already


class AdoptionDesk:
    """Lets repositories loose, and takes that back."""

    def __init__(
        self, app: GitHubApp, store: AdoptionStore, repositories: RepositoryStore, desk_log: DeskLog, clock: Clock
    ) -> None:
        self._app = app
        self._store = store
        self._repositories = repositories
        self._log = desk_log
        self._clock = clock

    async def adopt(self, origin: Origin, by: str) -> Adopted:
        """Have the bot speak in a repository. Raises the errors of `bot.github.errors`, with nothing changed."""
        repository_id = origin.repository_id
        standing = await self._store.standing(repository_id)
        if standing.is_adopted:
            return Adopted(standing.after, 0, is_new=False)
        client = self._app.installation(origin.installation_id)
        owner, _, name = origin.full_name.partition("/")
        newest = await client.read(  # before the open ones: what is opened meanwhile is new
            "/repos/{owner}/{repo}/pulls?state=all&sort=created&direction=desc&per_page=1",
            {"owner": owner, "repo": name},
        )
        after = max((int(pull["number"]) for pull in newest), default=0)
        listings = Listings(client, origin.full_name, self._app.app_id)
        heads = {pull.number: pull.head_sha async for pull in listings.open_pulls() if pull.number <= after}
        await self._repositories.note(origin)
        await self._store.adopt(repository_id, after, heads, self._clock.now(), by)
        await self._write_down(origin, by, "adopt", f"pull requests up to {after} were there before")
        return Adopted(after, len(heads))

    async def observe(self, origin: Origin, by: str) -> bool:
        """Have the bot only look on in a repository. Return whether it has spoken there until now."""
        if not (await self._store.standing(origin.repository_id)).is_adopted:
            return False
        await self._store.observe(origin.repository_id, self._clock.now(), by)
        await self._write_down(origin, by, "observe", "")
        return True

    async def _write_down(self, origin: Origin, by: str, act: str, arguments: str) -> None:
        now = self._clock.now()
        await self._log.add(
            AuditEntry(
                repository_id=origin.repository_id,
                number=0,
                at=now,
                actor_id=0,
                actor=by[:64],
                role="operator",
                act=act,
                arguments=arguments,
                sha="",
                result="done",
                source=f"{act}:{now.isoformat()}"[:64],
            )
        )
