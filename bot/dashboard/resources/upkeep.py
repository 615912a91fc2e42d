"""For maintainers: deliveries, the audit, budgets, what is configured, and the processes of the bot."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

from pydantic import Field

from bot.dashboard import places
from bot.dashboard.budget_facts import BudgetFacts, budgets_of
from bot.dashboard.config_facts import ConfigurationFacts, configuration_facts
from bot.dashboard.registry import Sees
from bot.dashboard.resource_registry import REPOSITORY, CursorWord, Limit, Listed, PullNumber, resource
from bot.dashboard.visit import Visit
from bot.store.board_audit import Act, ActFilter, BoardAudit
from bot.store.board_deliveries import BoardDeliveries, DeliveryRow
from bot.store.board_processes import BoardProcesses, Processes
from bot.store.deliveries import DeliveryState

_DELIVERIES, _AUDIT = "deliveries", "audit"


@dataclass(frozen=True, slots=True)
class DeliveryQuery:
    """Which deliveries are looked for; what is left out does not narrow it."""

    state: Annotated[DeliveryState | None, Field(description="Only those that stand so.")] = None
    guid: Annotated[str, Field(pattern=r"^[0-9A-Za-z-]{0,64}$", description="Only those whose GUID begins so.")] = (
        ""
    )
    limit: Limit = 25
    cursor: CursorWord = ""


@dataclass(frozen=True, slots=True)
class AuditQuery:
    """Which acts are looked for; what is left out does not narrow it."""

    actor: Annotated[str, Field(max_length=64, description="Only those of this login, in any case.")] = ""
    act: Annotated[str, Field(max_length=64, description="Only this act, such as approve.")] = ""
    pull: PullNumber = 0
    limit: Limit = 25
    cursor: CursorWord = ""


@resource(f"{REPOSITORY}/deliveries", "Webhooks that came, the newest first", sees=Sees.MAINTAINERS)
async def deliveries(visit: Visit, query: DeliveryQuery) -> Listed[DeliveryRow]:
    """Return some of them, never with what stands in them."""
    (before,) = places.read(_DELIVERIES, query.cursor)
    states = [query.state] if query.state is not None else []
    board = BoardDeliveries(visit.house.reads, visit.repository_id)
    found = await board.newest(states, before, query.limit + 1, query.guid)
    rows = tuple(found[: query.limit])
    return Listed(rows, places.written(_DELIVERIES, rows[-1].id) if len(found) > query.limit else "")


@resource(f"{REPOSITORY}/audit", "What people did, the newest first", sees=Sees.MAINTAINERS)
async def audit(visit: Visit, query: AuditQuery) -> Listed[Act]:
    """Return some acts."""
    (before,) = places.read(_AUDIT, query.cursor)
    wanted = ActFilter(query.actor, query.act, query.pull)
    found = await BoardAudit(visit.house.reads, visit.repository_id).newest(wanted, before, query.limit + 1)
    acts = tuple(found[: query.limit])
    return Listed(acts, places.written(_AUDIT, acts[-1].id) if len(found) > query.limit else "")


@resource(f"{REPOSITORY}/budgets", "What may be computed and asked, and what is used of it", sees=Sees.MAINTAINERS)
async def budgets(visit: Visit) -> BudgetFacts:
    """Return how much of each budget is used."""
    return await budgets_of(visit)


@resource(f"{REPOSITORY}/configuration", "What is configured, and where", sees=Sees.MAINTAINERS)
async def configuration(visit: Visit) -> ConfigurationFacts:
    """Return the policy and the settings in force; secrets are never told."""
    standing = await visit.doors.policy_standing(visit.origin)
    return configuration_facts(standing, visit.house.settings)


@resource(f"{REPOSITORY}/processes", "The processes of the bot, and their database", sees=Sees.MAINTAINERS)
async def processes(visit: Visit) -> Processes:
    """Return who is alive."""
    return await BoardProcesses(visit.house.reads).alive()
