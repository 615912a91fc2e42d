"""Finding out what a reader may see: the same roles as for commands, asked of GitHub and kept for a minute."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import structlog

from bot.dashboard.access import Access, account_of
from bot.dashboard.house import House
from bot.events import Origin
from bot.github.errors import GitHubError
from bot.github.people import PeopleReader
from bot.github.pulls import PullReader
from bot.policies import PolicyStanding
from bot.roles import Role
from bot.store.repositories import KnownRepository, RepositoryStore
from bot.store.sessions import Session
from checks.policy import Policy

log = structlog.get_logger()

_KEPT = timedelta(seconds=60)
_BELIEVED = timedelta(minutes=10)
_PATIENCE_S = 4.0  # for all that one page asks of GitHub
_LEFT_ALONE = timedelta(seconds=10)  # after it did not answer in that time


@dataclass(frozen=True, slots=True)
class _Nature:
    """What GitHub says of a repository, as far as it bears on who may read."""

    is_private: bool
    default_branch: str
    until: datetime


class Doors:
    """Opens repositories to readers."""

    def __init__(self, house: House) -> None:
        self._house = house
        self._repositories = RepositoryStore(house.reads, house.clock)
        self._natures: dict[int, _Nature] = {}
        self._away_until: dict[int, datetime] = {}  # by repository
        self._last_public: dict[int, tuple[bool, datetime]] = {}  # and until when that is believed without GitHub

    async def all_known(self) -> list[Origin]:
        """Return the repositories that are served, by name."""
        return sorted((one.origin for one in await self._served()), key=lambda origin: origin.full_name.casefold())

    async def find(self, full_name: str) -> Origin | None:
        """Return the repository that has a name, or had it, in any case; None for one that is not served."""
        wanted = full_name.casefold()
        known = await self._served()
        named = [one.origin for one in known if one.origin.full_name.casefold() == wanted]
        named += [one.origin for one in known if wanted in map(str.casefold, one.former_names)]
        return named[0] if named else None

    async def _served(self) -> list[KnownRepository]:
        served = self._house.settings.repositories
        return [one for one in await self._repositories.all_known() if one.origin.repository_id in served]

    async def open(self, origin: Origin, session: Session | None) -> Access:
        """Return what the reader may see. What cannot be found out in time is not theirs, and they are told."""
        now = self._house.clock.now()
        if self._away_until.get(origin.repository_id, now) > now:
            return self._unsure(origin, session)
        try:
            async with asyncio.timeout(_PATIENCE_S):
                return await self._ask(origin, session)
        except TimeoutError:
            self._away_until[origin.repository_id] = now + _LEFT_ALONE
            log.warning("dashboard.github_slow", repository_id=origin.repository_id)
        except GitHubError as error:
            log.warning("dashboard.unsure", repository_id=origin.repository_id, error=str(error))
        return self._unsure(origin, session)

    async def _ask(self, origin: Origin, session: Session | None) -> Access:
        """Ask GitHub what is not known. Raises GitHubError."""
        nature = await self._nature(origin)
        policy = await self.policy_of(origin)
        is_public = policy.dashboard.public if policy.dashboard.public is not None else not nature.is_private
        self._last_public[origin.repository_id] = (is_public, self._house.clock.now() + _BELIEVED)
        if session is None:
            return Access(origin, is_public, policy=policy)
        people = PeopleReader(self._house.github.installation(origin.installation_id), origin.full_name)
        account, teams = account_of(session), policy.teams
        role = await self._house.permissions.role_of(people, origin.repository_id, account, teams)
        return Access(origin, is_public, role, session.user_id, policy=policy)

    def _unsure(self, origin: Origin, session: Session | None) -> Access:
        user_id = session.user_id if session else 0
        return Access(origin, self._was_public(origin), Role.OUTSIDER, user_id, is_doubtful=True)

    async def policy_of(self, origin: Origin) -> Policy:
        """Return the community's rules as they are in force. Raises GitHubError."""
        return (await self.policy_standing(origin)).in_force

    async def policy_standing(self, origin: Origin) -> PolicyStanding:
        """Return the community's rules, and where they are from. Raises GitHubError."""
        nature = await self._nature(origin)
        return await self._house.policies.standing(
            self._reader(origin), origin.repository_id, nature.default_branch
        )

    def _reader(self, origin: Origin) -> PullReader:
        return PullReader(self._house.github.installation(origin.installation_id), origin.full_name)

    def _was_public(self, origin: Origin) -> bool:
        is_public, until = self._last_public.get(origin.repository_id, (False, self._house.clock.now()))
        return is_public and until > self._house.clock.now()

    async def _nature(self, origin: Origin) -> _Nature:
        kept, now = self._natures.get(origin.repository_id), self._house.clock.now()
        if kept is not None and kept.until > now:
            return kept
        owner, _, name = origin.full_name.partition("/")
        client = self._house.github.installation(origin.installation_id)
        data: Any = await client.read("/repos/{owner}/{repo}", {"owner": owner, "repo": name})
        nature = _Nature(bool(data.get("private", True)), str(data["default_branch"]), now + _KEPT)
        self._natures[origin.repository_id] = nature
        return nature
