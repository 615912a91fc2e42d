"""GitHub's own merge queue: whether a group of pull requests may be merged as it stands."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace

from bot.apply import Writer
from bot.clock import Clock
from bot.comments.readiness import NAME, readiness_report
from bot.dossier import Dossier, Dossiers, case_of
from bot.events import MergeGroupAsked, external_id
from bot.github.client import GitHubApp
from bot.github.errors import NotFoundError
from bot.github.pulls import Pull, PullReader
from bot.look import Looks, pardoned
from bot.policies import Policies
from bot.readiness import Obstacle, Readiness, Who, readiness
from bot.store.pull_requests import PullMemory, PullRequestStore
from checks.contribution import Commit, Sha
from checks.findings import Check, Outcome
from checks.policy import Policy

# GitHub names the pull request at the end of a squashed commit's first line, and in that of a merge
_NAMED = re.compile(r"\(#(\d{1,9})\)$|^Merge pull request #(\d{1,9}) from ")
_UNCHANGING = "0" * 12  # a group is answered once


@dataclass(frozen=True, slots=True)
class _Member:
    """One pull request of a group."""

    pull: Pull
    memory: PullMemory
    dossier: Dossier


class MergeGroups:
    """Answers GitHub's merge queue, which else waits for us for ever."""

    def __init__(
        self,
        app: GitHubApp,
        policies: Policies,
        looks: Looks,
        dossiers: Dossiers,
        memories: PullRequestStore,
        clock: Clock,
    ) -> None:
        self._app = app
        self._policies = policies
        self._looks = looks
        self._dossiers = dossiers
        self._memories = memories
        self._clock = clock

    async def answer(self, event: MergeGroupAsked) -> None:
        """Say whether each pull request of the group is ready, and whether the checks pass on all together.

        Raises TransientError when GitHub could not be reached; asked again, nothing is said twice.
        """
        client = self._app.installation(event.origin.installation_id)
        reader = PullReader(client, event.origin.full_name)
        last = await reader.pull(event.number)
        identifier = external_id(event.number, event.head_sha, _UNCHANGING)
        runs = await reader.own_check_runs(Sha(event.head_sha), self._app.app_id)
        if any(run["name"] == NAME and run["external_id"] == identifier for run in runs):
            return
        together = replace(last, head_sha=Sha(event.head_sha), base_sha=Sha(event.base_sha), changed_files=0)
        look = await self._looks.at(reader, event.origin.repository_id, together, anew=True)
        policy = await self._policies.of(reader, event.origin.repository_id, last)
        members = await self._members(reader, event, last, look.facts.commits or ())
        if moments := [member.memory.ruled_at for member in members if member.memory.ruled_at is not None]:
            look = await self._looks.with_rules_of(look, min(moments))  # no rule counts for all that not for each
        pardons = [pardon for member in members for pardon in member.dossier.pardons]
        outcome = pardoned(look.judgement.verdict, pardons).outcome(Check.CONTRIBUTION)
        missing = [o for member in members for o in _missing(member, policy, last)]
        report = readiness_report(Readiness((*missing, *of_all_together(outcome))), together.head_sha)
        await Writer(client, last, self._clock).apply([replace(report, external_id=identifier)])

    async def _members(
        self, reader: PullReader, event: MergeGroupAsked, last: Pull, commits: Iterable[Commit]
    ) -> list[_Member]:
        others = [await _open_pull(reader, number) for number in _named_in(commits) if number != last.number]
        return [await self._member(event.origin.repository_id, pull) for pull in (last, *others) if pull]

    async def _member(self, repository_id: int, pull: Pull) -> _Member:
        memory = await self._memories.get(repository_id, pull.number) or PullMemory(repository_id, pull.number)
        paths = memory.changed_paths
        dossier = await self._dossiers.of(repository_id, pull.number, memory.content_digest, paths)
        return _Member(pull, memory, dossier)


async def _open_pull(reader: PullReader, number: int) -> Pull | None:
    try:
        pull = await reader.pull(number)
    except NotFoundError:  # a number of something else, in somebody's own words
        return None
    return pull if pull.is_open else None


def _named_in(commits: Iterable[Commit]) -> list[int]:
    """Return the pull requests that a group's commits are said to be of, in order."""
    found = (_NAMED.search(commit.message.partition("\n")[0]) for commit in commits)
    return list(dict.fromkeys(int(match[1] or match[2]) for match in found if match))


def _missing(member: _Member, policy: Policy, last: Pull) -> Iterator[Obstacle]:
    """Yield what one pull request lacks, with its number where it is not the one that the group is named for."""
    pull, memory = member.pull, replace(member.memory, merge_refusal="")
    outcome = memory.verdict if memory.judged_sha == pull.head_sha else None
    for obstacle in readiness(case_of(memory, pull, member.dossier, policy, outcome)).obstacles:
        if not obstacle.for_now:
            other = "" if pull.number == last.number else f"#{pull.number}: "
            yield replace(obstacle, text=other + obstacle.text)


def of_all_together(outcome: Outcome) -> Iterator[Obstacle]:
    """Yield what is against a group as a whole."""
    if outcome is Outcome.FAILED:
        yield Obstacle("Together with what is merged before it, the checks do not pass.", Who.AUTHOR)
    elif outcome is Outcome.UNVERIFIED:
        text = "The checks could not be run in full on all of it together: that is our fault."
        yield Obstacle(text, Who.US)
