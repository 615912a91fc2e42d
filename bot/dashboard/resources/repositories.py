"""The repositories that the reader may read about."""

from __future__ import annotations

from dataclasses import dataclass

from bot.dashboard.access import Access
from bot.dashboard.registry import Sees
from bot.dashboard.resource_registry import REPOSITORY, Listed, resource
from bot.dashboard.visit import Visit


@dataclass(frozen=True, slots=True)
class RepositoryFacts:
    """A repository, and what the reader is there: outsider, triager, approver or maintainer.

    `is_doubtful`: GitHub could not be asked, so the reader may be shown less than is theirs.
    """

    id: int
    full_name: str
    is_public: bool
    role: str
    is_doubtful: bool


@resource("/repositories", "The repositories that you may read about", sees=Sees.ANYBODY)
async def repositories(visit: Visit) -> Listed[RepositoryFacts]:
    """Return them by name."""
    opened = [await visit.doors.open(origin, visit.session) for origin in await visit.doors.all_known()]
    return Listed(tuple(_facts(access) for access in opened if access.reads))


@resource(REPOSITORY, "One repository", sees=Sees.READERS)
async def repository(visit: Visit) -> RepositoryFacts:
    """Return it."""
    return _facts(visit.access)


def _facts(access: Access) -> RepositoryFacts:
    origin, role = access.origin, access.role.name.lower()
    return RepositoryFacts(origin.repository_id, origin.full_name, access.is_public, role, access.is_doubtful)
