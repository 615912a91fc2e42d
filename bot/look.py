"""Looking at a pull request: facts and verdict of one commit, less what people have set aside."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime

import structlog

from bot.facts import Facts, gather
from bot.github.pulls import Pull, PullReader
from bot.linked_documents import LinkedDocuments
from bot.neighbourhood import Neighbourhood
from bot.policies import Policies
from bot.rule_sets import RuleSets, Ruling
from bot.rule_workers import Judgement, JudgeRequest, RuleWorkers
from bot.store.pardons import Pardon
from checks.documents import DocumentRefusal, FetchedDocuments
from checks.findings import Check, Finding, Severity, Verdict
from checks.likeness.neighbours import Surroundings
from checks.policy import Policy
from checks.repair import Repairs
from checks.run import assemble

log = structlog.get_logger()

_KEPT = 256


@dataclass(frozen=True, slots=True)
class Look:
    """What was seen of one commit. The files' bytes are not kept."""

    facts: Facts
    judgement: Judgement  # without what is kept back: nothing made of it can show that on the pull request
    kept_back: tuple[Finding, ...] = ()  # for triagers alone
    in_full: Verdict = field(default_factory=lambda: Verdict(()))  # the same, with what is new at its whole weight
    ruled_at: datetime | None = None  # whose rules these are: those of the moment of the first judgement


_Place = tuple[int, int, bool]
_Key = tuple[int, int, bool, str, str, Policy, str, int]


class Looks:
    """Looks at pull requests, and remembers the last looks: a commit never changes."""

    def __init__(
        self,
        policies: Policies,
        rule_sets: RuleSets,
        workers: RuleWorkers,
        documents: LinkedDocuments | None = None,
        neighbourhood: Neighbourhood | None = None,
        *,
        most_commits: int,
    ) -> None:
        """Without `documents` nobody asks for what leaves name; without `neighbourhood` nobody compares them."""
        self._policies = policies
        self._rule_sets = rule_sets
        self._workers = workers
        self._documents = documents
        self._neighbourhood = neighbourhood
        self._most_commits = most_commits
        self._kept: OrderedDict[_Place, tuple[_Key, Look]] = OrderedDict()

    async def at(
        self, reader: PullReader, repository_id: int, pull: Pull, *, anew: bool = False, onto: str = ""
    ) -> Look:
        """Return what is to be seen at the head. `anew` looks again even if nothing has changed.

        With `onto`, a commit of the base branch, it is judged as it would be once merged there. Raises the errors
        of `bot.github.errors`.
        """
        policy = await self._policies.of(reader, repository_id, pull)
        ruling = await self._rule_sets.of(repository_id, pull, policy)
        place = (repository_id, pull.number, bool(onto))
        mark = self._neighbourhood.mark(repository_id, pull.number) if self._neighbourhood else 0
        key: _Key = (*place, pull.head_sha, onto or pull.base_sha, policy, pull.description, mark)
        if not anew and place in self._kept and self._kept[place][0] == key:
            return _of(self._kept[place][1], pull, ruling)
        facts = await gather(reader, pull, policy, most_commits=self._most_commits, onto=onto)
        judgement = await self._judge(facts, repository_id, anew=anew)
        if self._neighbourhood is not None and not onto and not facts.unreadable:
            await self._neighbourhood.note(repository_id, pull, judgement)
        verdict, judgement = judgement.verdict, replace(judgement, verdict=judgement.verdict.told)
        without_bytes = tuple(replace(f, content=None) for f in facts.files)
        look = Look(replace(facts, files=without_bytes), judgement, verdict.kept_back, judgement.verdict)
        if not (judgement.verdict.crashes or judgement.verdict.not_judged or judgement.verdict.is_open):
            self._kept[place] = (key, look)
            self._kept.move_to_end(place)
            while len(self._kept) > _KEPT:
                self._kept.popitem(last=False)
        return _of(look, pull, ruling)

    async def repairs(self, reader: PullReader, repository_id: int, pull: Pull) -> Repairs | None:
        """Return what can be put right mechanically at the head; None where that could not be found out."""
        policy = await self._policies.of(reader, repository_id, pull)
        facts = await gather(reader, pull, policy, most_commits=self._most_commits)
        if facts.unreadable or facts.refusals:
            return None
        return await self._workers.repairs(await self._request(facts, repository_id, anew=False))

    async def with_rules_of(self, look: Look, moment: datetime) -> Look:
        """Return the look by the rules that counted at a moment, at which all of it had been judged."""
        return _of(look, look.facts.pull, await self._rule_sets.at(moment, look.facts.policy))

    async def _judge(self, facts: Facts, repository_id: int, *, anew: bool) -> Judgement:
        if facts.unreadable:
            log.warning("triage.unreadable", number=facts.pull.number, reason=facts.unreadable)
            return Judgement(Verdict((), not_judged=frozenset(Check)))
        judgement = await self._workers.judge(await self._request(facts, repository_id, anew=anew))
        for crash in judgement.verdict.crashes:
            log.error("triage.rule_crashed", number=facts.pull.number, rule=crash.rule, detail=crash.detail)
        return judgement

    async def _request(self, facts: Facts, repository_id: int, *, anew: bool) -> JudgeRequest:
        return JudgeRequest(
            facts.files,
            facts.commits,
            facts.pull.author,
            facts.author_is_maintainer,
            facts.tree,
            facts.policy,
            facts.refusals,
            await self._documents_of(facts, repository_id, anew=anew),
            description=facts.pull.description,
            templates=facts.templates,
            surroundings=await self._surroundings_of(facts, repository_id),
        )

    async def _surroundings_of(self, facts: Facts, repository_id: int) -> Surroundings | None:
        """Return where to look for what is taught already, as far as that is known by now."""
        if self._neighbourhood is None:
            return None
        return await self._neighbourhood.around(repository_id, facts.pull)

    async def _documents_of(
        self, facts: Facts, repository_id: int, *, anew: bool
    ) -> Mapping[str, FetchedDocuments | DocumentRefusal] | None:
        """Return the documents that the leaves name, as far as they are there in time."""
        if self._documents is None:
            return None
        references = await self._workers.references(facts.files)
        pull = facts.pull
        return await self._documents.of(
            repository_id, pull.number, references, facts.policy, pull.author_id, anew=anew
        )


def _of(look: Look, pull: Pull, ruling: Ruling) -> Look:
    judgement = replace(look.judgement, verdict=ruling.rules.applied(look.in_full))
    return replace(look, facts=replace(look.facts, pull=pull), judgement=judgement, ruled_at=ruling.ruled_at)


def left_standing(verdict: Verdict, pardons: Iterable[Pardon]) -> Verdict:
    """Return the verdict without what people have set aside."""
    aside = {pardon.rule for pardon in pardons}
    findings = (f for f in verdict.findings if not aside & {f.cause.id, f.rule})
    return replace(assemble(findings, verdict.crashes), not_judged=verdict.not_judged)


def pardoned(verdict: Verdict, pardons: Iterable[Pardon]) -> Verdict:
    """Return the verdict with what people have set aside turned into notes for triagers."""
    aside = {pardon.rule for pardon in pardons}
    if not aside:
        return verdict
    findings = (
        f.weighed(Severity.NOTICE).closed if f.cause.id in aside or f.rule in aside else f for f in verdict.findings
    )
    return replace(assemble(findings, verdict.crashes), not_judged=verdict.not_judged)
