"""How things stand at one glance, who can be asked for trying, and how much each rule weighs in a repository."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date

from bot.dashboard.overview_facts import BuildShown, Sign
from bot.dashboard.overview_view import overview_seen
from bot.dashboard.queue_facts import JobShown, QueueShown
from bot.dashboard.registry import Sees
from bot.dashboard.resource_registry import REPOSITORY, Listed, resource
from bot.dashboard.rule_weights import weights_of
from bot.dashboard.try_facts import Choice, offered
from bot.dashboard.visit import Visit
from bot.store.rule_starts import RuleStarts
from checks.registry import release_days


@dataclass(frozen=True, slots=True)
class WaitFacts:
    """How many open pull requests wait for somebody."""

    who: str
    count: int


@dataclass(frozen=True, slots=True)
class OverviewFacts:
    """How things stand: who waits for whom, the queues, what runs, the last build, and the signs of health."""

    open_pulls: int
    waits: tuple[WaitFacts, ...]
    queues: tuple[QueueShown, ...]
    newest: tuple[JobShown, ...]
    build: BuildShown | None
    served: str
    is_paused: bool
    signs: tuple[Sign, ...]


@dataclass(frozen=True, slots=True)
class TryFacts:
    """Who can be asked on the page for trying: the base model, adapters of pull requests, builds."""

    has_base: bool
    adapters: tuple[Choice, ...]
    builds: tuple[Choice, ...]


@dataclass(frozen=True, slots=True)
class WeightFacts:
    """What a cause weighs here. `until` is the day from which it weighs fully; None for what is not new."""

    cause: str
    words: str
    is_chosen: bool
    until: date | None


@resource(f"{REPOSITORY}/overview", "How things stand", sees=Sees.READERS)
async def overview(visit: Visit) -> OverviewFacts:
    """Return it."""
    seen = await overview_seen(visit)
    return OverviewFacts(
        open_pulls=seen.open_pulls,
        waits=tuple(WaitFacts(name, count) for name, _, count in seen.waits),
        queues=seen.queues,
        newest=seen.newest,
        build=seen.build,
        served=seen.served,
        is_paused=seen.is_paused,
        signs=seen.signs,
    )


@resource(f"{REPOSITORY}/try", "Who can be asked for trying", sees=Sees.TRIAGERS)
async def try_it(visit: Visit) -> TryFacts:
    """Return them; they are asked on the page."""
    offer = await offered(visit, {})
    return TryFacts(offer.has_student, offer.pulls, offer.builds)


@resource(f"{REPOSITORY}/rules", "What each cause of a rule weighs in the repository", sees=Sees.READERS)
async def rules_here(visit: Visit) -> Listed[WeightFacts]:
    """Return the weights by the policy in force; what the rules are stands in /rules."""
    policy = await visit.doors.policy_of(visit.origin)
    starts = await RuleStarts(visit.house.reads).read(release_days(), visit.now)
    weights = weights_of(policy, starts, visit.now)
    return Listed(tuple(WeightFacts(name, w.words, w.is_chosen, w.until) for name, w in weights.items()))
