"""Who may do what: looked up live by numeric id, kept for a minute, and unsure means no."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta

import structlog

from bot.clock import Clock
from bot.events import Account
from bot.github.errors import GitHubError, NotFoundError, TransientError
from bot.github.people import PeopleReader
from bot.roles import Role
from checks.policy import Teams

log = structlog.get_logger()

_KEPT = timedelta(seconds=60)
_MOST_KEPT = 5000  # beyond that, what is out of date is dropped


@dataclass(frozen=True, slots=True)
class _Known:
    role: Role
    until: datetime


class Permissions:
    """Looks up roles: the teams of the policy, or the permission on the repository, whichever is more."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._known: dict[tuple[int, int], _Known] = {}

    async def role_of(
        self, people: PeopleReader, repository_id: int, account: Account, teams: Teams, *, fresh: bool = False
    ) -> Role:
        """Return the role of an account. `fresh` asks GitHub even if the answer of the last minute is known.

        Raises TransientError when GitHub cannot be reached: ask again later. Any other trouble means OUTSIDER.
        """
        if account.is_bot:
            return Role.OUTSIDER
        key = (repository_id, account.id)
        known = self._known.get(key)
        if known is None or fresh or known.until <= self._clock.now():
            known = _Known(await self._look_up(people, account, teams), self._clock.now() + _KEPT)
            if len(self._known) >= _MOST_KEPT:
                now = self._clock.now()
                self._known = {k: v for k, v in self._known.items() if v.until > now}
            self._known[key] = known
        return known.role

    async def _look_up(self, people: PeopleReader, account: Account, teams: Teams) -> Role:
        """Ask GitHub. Teams are asked for by login, so only once that login is known to be the account's still."""
        try:
            by_repository = await people.repository_role(account.login, account.id)
        except TransientError:
            raise
        except GitHubError as error:
            log.warning("permissions.unsure", user=account.id, error=str(error))
            return Role.OUTSIDER
        if by_repository is None:
            log.warning("permissions.login_changed_hands", user=account.id)
            return Role.OUTSIDER
        for role, slugs in (
            (Role.MAINTAINER, teams.maintainers),
            (Role.APPROVER, teams.approvers),
            (Role.TRIAGER, teams.triagers),
        ):
            if role <= by_repository:
                break
            if await self._is_in_one_of(people, slugs, account):
                return role
        return by_repository

    async def _is_in_one_of(self, people: PeopleReader, slugs: Iterable[str], account: Account) -> bool:
        for slug in slugs:
            try:
                if await people.is_active_member(slug, account.login):
                    return True
            except NotFoundError:
                continue  # no such team, or not in it
            except TransientError:
                raise
            except GitHubError as error:
                log.warning("permissions.unsure", user=account.id, team=slug, error=str(error))
        return False
