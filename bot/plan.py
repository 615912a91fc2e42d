"""Deciding, purely: from facts, verdict and dossier to the difference that GitHub is to be brought up to."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime

from bot.actions import Action, AddLabels, ChangeAssignee, EditComment, PostComment, RemoveLabel, Reply, ReportCheck
from bot.appearance import appearance
from bot.care import calls_for_help, chosen_reviewer, help_call, needs_reviewer
from bot.comments.causes import Links, links_of
from bot.comments.check_report import check_report
from bot.comments.escape import short
from bot.comments.living import living_comment
from bot.comments.markers import Marker, MarkerSigner
from bot.comments.readiness import readiness_report
from bot.comments.sign_off import sign_off_recipe
from bot.comments.standing import Standing
from bot.comments.suggestions import suggested_changes
from bot.dossier import Dossier, case_of
from bot.events import external_id
from bot.facts import Facts
from bot.github.pulls import OwnComment, Pull
from bot.labels import Label, kind_labels
from bot.look import Look, pardoned
from bot.page_links import NO_PAGES, PageLinks
from bot.readiness import Readiness, readiness
from bot.source_hold import source_trigger
from bot.store.pull_requests import PullMemory, paths_text
from bot.workflow import (
    State,
    Transition,
    Trigger,
    Turn,
    adopted,
    label_changes,
    step,
    triggers_of,
    turn_after,
)
from checks.findings import Check, Outcome, Severity, Verdict
from checks.personal_data import mask

_NEWCOMER = frozenset({"FIRST_TIMER", "FIRST_TIME_CONTRIBUTOR"})
_MANY = 1000  # failing pushes are not counted beyond
_TITLE = 300  # characters of a title that are kept


@dataclass(frozen=True, slots=True)
class Posted:
    """What our App has already posted on GitHub, for when we do not remember it."""

    comments: tuple[OwnComment, ...] = ()
    annotations: Mapping[str, int] = field(default_factory=dict)  # of each check run, by its external id


@dataclass(frozen=True, slots=True)
class Again:
    """Checks that somebody asked to run anew, and the delivery that asked for it."""

    checks: frozenset[Check]
    request: str


@dataclass(frozen=True, slots=True)
class Seen:
    """All that a plan is decided from."""

    look: Look
    memory: PullMemory
    dossier: Dossier
    posted: Posted
    now: datetime
    again: Again | None = None
    is_own_push: bool = False  # what is new since the last look is a commit of ours, and nothing else


@dataclass(frozen=True, slots=True)
class Plan:
    """What to do, and what will be true of our report once it is done (but for the comment's ids)."""

    actions: tuple[Action, ...]
    memory: PullMemory
    rows: tuple[Transition, ...] = ()  # of the workflow, in order
    readiness: Readiness = Readiness()


class Planner:
    """Makes plans; knows the addresses that our words link to and how our marks are signed."""

    def __init__(self, signer: MarkerSigner, web_url: str, pages: PageLinks = NO_PAGES) -> None:
        self._signer = signer
        self._pages = pages
        self._web_url = web_url.rstrip("/")

    def decide(self, seen: Seen) -> Plan:
        """Return the difference between what GitHub shows and what it should show."""
        facts, judgement = seen.look.facts, seen.look.judgement
        pull, verdict = facts.pull, pardoned(judgement.verdict, seen.dossier.pardons)
        links = links_of(self._web_url, pull, facts.policy, self._pages)
        has_advice = judgement.sign_off_advice and verdict.outcome(Check.SIGN_OFF) is Outcome.FAILED
        recipe = sign_off_recipe(judgement.sign_off_advice) if has_advice and judgement.sign_off_advice else ""
        reports = [
            replace(
                check_report(verdict, check, pull.head_sha, links, facts.policy, recipe), details_url=links.page_url
            )
            for check in Check
        ]
        memory, rows = _moved(seen, verdict)
        trigger, memory = source_trigger(memory, verdict, pull.labels)
        if trigger is not None:
            rows = (*rows, row := step(memory.status, trigger, None))
            memory = memory.with_status(row.after(memory.status), seen.now)
        seen = replace(seen, dossier=seen.dossier.after(rows))
        case = case_of(memory, pull, seen.dossier, facts.policy, verdict.overall)
        found = readiness(case)
        is_marked = Label.READY_TO_MERGE in memory.status.flags
        if found.is_ready is not is_marked:
            row = step(memory.status, Trigger.BECAME_READY if found.is_ready else Trigger.BECAME_BLOCKED, None)
            rows = (*rows, row)
            memory = memory.with_status(row.after(memory.status), seen.now)
        digest = digest_of(*(repr(report) for report in reports))
        actions: list[Action] = list(_news(reports, seen, digest))
        memory = replace(memory, verdict_digest=digest)
        gate = replace(readiness_report(found, pull.head_sha), details_url=links.page_url)
        gate_digest = digest_of(repr(gate))
        actions += _gate_news(gate, seen, gate_digest)
        actions += self._suggested(seen, verdict)
        labels = label_changes(
            memory.status, pull.labels, frozenset(memory.own_labels.split()), kind_labels(facts.paths)
        )
        actions += [AddLabels(labels.add)] if labels.add else []
        actions += [RemoveLabel(name) for name in labels.remove]
        if trigger is Trigger.SOURCES_SETTLED and Label.LEGAL_HOLD in pull.labels:
            actions.append(RemoveLabel(Label.LEGAL_HOLD))
        memory = replace(memory, own_labels=" ".join(sorted(labels.own)), readiness_digest=gate_digest)
        comment, memory = self._comment(seen, verdict, memory, found, links, recipe)
        actions += [comment] if comment else []
        cared, memory = self._care(seen, memory)
        actions += cared
        labels_after = pull.after(actions).labels
        looks = appearance(pull.head_sha, pull.base_ref, labels_after, is_draft=pull.is_draft)
        if not memory.swept.startswith(looks):
            memory = replace(memory, swept=looks)
        return Plan(tuple(actions), memory, rows, found)

    def _suggested(self, seen: Seen, verdict: Verdict) -> list[Action]:
        """Suggest changes once at each head, only where GitHub signs off those that are accepted."""
        pull, memory = seen.look.facts.pull, seen.memory
        if not pull.asks_web_sign_off or pull.is_draft or memory.judged_sha == pull.head_sha:
            return []
        marker = self._signer.reply_marker(f"suggestions:{pull.head_sha}", memory.repository_id, memory.number)
        review = suggested_changes(verdict, seen.look.facts.shown_lines, pull.head_sha, marker)
        return [review] if review else []

    def _care(self, seen: Seen, memory: PullMemory) -> tuple[list[Action], PullMemory]:
        """Call a person to an author whose checks keep failing; give what waits for triage to somebody."""
        facts, pull = seen.look.facts, seen.look.facts.pull
        care, actions = facts.policy.care, list[Action]()
        if calls_for_help(seen.memory, memory, care):
            organisation = pull.repository.partition("/")[0]
            text = help_call(pull.author, memory.failed_pushes, organisation, facts.policy.teams)
            marker = self._signer.reply_marker(f"help:{pull.head_sha}", memory.repository_id, memory.number)
            actions.append(Reply(text, marker))
        if needs_reviewer(memory, pull.assignees, is_draft=pull.is_draft):
            paths = memory.changed_paths
            if login := chosen_reviewer(care, paths, pull.author, seen.now.date(), seen.dossier.loads):
                actions.append(ChangeAssignee(login, on=True))
                memory = replace(memory, reviewer=login)
        return actions, memory

    def _comment(
        self, seen: Seen, verdict: Verdict, memory: PullMemory, found: Readiness, links: Links, recipe: str
    ) -> tuple[Action | None, PullMemory]:
        """Decide about the living comment: nothing, an edit, or a new one because the turn passed to the author."""
        facts, pull = seen.look.facts, seen.look.facts.pull
        turn = turn_after(verdict.overall)
        standing = Standing(
            author=pull.author,
            is_first_time=facts.policy.messages.welcome and pull.author_association in _NEWCOMER,
            is_draft=pull.is_draft,
            targets_default_branch=pull.targets_default_branch,
            status=memory.status,
            readiness=found,
            dossier=seen.dossier,
            heard=memory.heard,
            head_sha=pull.head_sha,
        )
        text = living_comment(verdict, turn, standing, links, recipe)
        passed_to_author = turn is Turn.AUTHOR and memory.comment_turn != Turn.AUTHOR
        is_new = memory.comment_id is None or (passed_to_author and memory.comment_posted_for != pull.head_sha)
        posted_for = pull.head_sha if is_new else memory.comment_posted_for
        mark = Marker(turn, posted_for, memory.status, memory.content_digest)
        body = f"{self._signer.sign(mark, memory.repository_id, memory.number)}\n{text}"
        after = replace(
            memory, comment_digest=digest_of(body), comment_turn=turn.value, comment_posted_for=posted_for
        )
        if is_new:
            return PostComment(body, memory.comment_node_id), after
        if after.comment_digest == memory.comment_digest or memory.comment_id is None:
            return None, after
        return EditComment(memory.comment_id, body), after


def recalled(memory: PullMemory, posted: Posted, pull: Pull, facts: Facts, signer: MarkerSigner) -> PullMemory:
    """Fill in what we have no memory of: from the newest living comment that we signed, else from the labels."""
    for comment in reversed(posted.comments):
        marker = signer.read(comment.body, memory.repository_id, memory.number)
        if marker is None:
            continue
        if comment.id == memory.comment_id:
            return memory
        found = replace(
            memory,
            comment_id=comment.id,
            comment_node_id=comment.node_id,
            comment_digest=digest_of(comment.body),
            comment_turn=marker.turn.value,
            comment_posted_for=marker.posted_for,
        )
        if memory.is_known:
            return found
        is_same = bool(marker.content) and facts.content_digest.startswith(marker.content)
        return replace(
            found,
            state=marker.status.state.value,
            flags=" ".join(sorted(marker.status.flags)),
            content_digest=facts.content_digest if is_same else "",
            own_labels=" ".join(sorted(kind_labels(facts.paths) & pull.labels)),
        )
    if memory.is_known:
        return memory
    status = adopted(pull.labels)
    return replace(memory, state=status.state.value, flags=" ".join(sorted(status.flags)))


def _moved(seen: Seen, verdict: Verdict) -> tuple[PullMemory, tuple[Transition, ...]]:
    """Return the memory after what the verdict means for the review, and the rows that led there."""
    facts, memory = seen.look.facts, seen.memory
    pull = facts.pull
    is_new_head = memory.head_sha != pull.head_sha
    digest = facts.content_digest or ("" if is_new_head else memory.content_digest)
    is_new_content = digest != memory.content_digest or (not digest and is_new_head)
    errors = " ".join(dict.fromkeys(f.cause.id for f in verdict.with_severity(Severity.ERROR)))
    if verdict.overall is Outcome.UNVERIFIED and not is_new_content:
        errors = memory.failing_causes  # that we could not look mends nothing
    is_failed = verdict.overall is Outcome.FAILED
    failed_pushes = memory.failed_pushes + (is_new_head and not seen.is_own_push) if is_failed else 0
    if verdict.overall is Outcome.UNVERIFIED:
        failed_pushes = memory.failed_pushes  # nothing is known of this push
    is_new_push = is_new_head and not seen.is_own_push
    after = replace(
        memory,
        head_sha=pull.head_sha,
        judged_sha=pull.head_sha,
        ruled_at=seen.look.ruled_at,
        content_digest=digest,
        outcome=verdict.overall.value,
        author_id=pull.author_id,
        author=pull.author,
        title=short(mask(pull.title), _TITLE),
        author_seen_at=seen.now if is_new_push or not memory.is_open else memory.author_seen_at,
        is_open=True,
        closed_as="",
        paths=paths_text(facts.paths) or ("" if is_new_head else memory.paths),
        commit_authors=" ".join(facts.commit_authors) or ("" if is_new_head else memory.commit_authors),
        closed_by_id=0,
        failing_causes=errors,
        failed_pushes=min(failed_pushes, _MANY),
        merge_refusal="" if is_new_head else memory.merge_refusal,
        heard="" if is_new_head else memory.heard,
        stale_at=(memory.stale_at or seen.now) if Label.STALE in memory.status.flags else None,
    )
    rows = []
    triggers = triggers_of(
        verdict.overall,
        memory.verdict,
        was_failing=bool(memory.failing_causes) or (seen.is_own_push and memory.status.state is State.NOT_READY),
        is_new_content=is_new_content,
        is_draft=pull.is_draft,
        is_own_push=seen.is_own_push,
    )
    if is_new_push and Label.STALE in memory.status.flags:
        triggers = (Trigger.AUTHOR_ANSWERED, *triggers)
    for trigger in triggers:
        row = step(after.status, trigger, None)
        rows.append(row)
        after = after.with_status(row.after(after.status), seen.now)
    return after, tuple(rows)


def _news(reports: Iterable[ReportCheck], seen: Seen, digest: str) -> Iterator[ReportCheck]:
    """Yield the check runs to post: those not yet reported in full, and those that somebody asked for anew."""
    pull, memory, again = seen.look.facts.pull, seen.memory, seen.again
    already = memory.judged_sha == pull.head_sha and memory.verdict_digest == digest
    for report in reports:
        is_asked_for = again is not None and report.name in again.checks
        if already and not is_asked_for:
            continue
        request = again.request if again is not None and is_asked_for else ""
        identifier = external_id(pull.number, pull.head_sha, digest, request)
        if seen.posted.annotations.get(f"{report.name}:{identifier}", -1) < len(report.annotations):
            yield replace(report, external_id=identifier)


def _gate_news(gate: ReportCheck, seen: Seen, digest: str) -> list[ReportCheck]:
    """Return the merge readiness if it is not what GitHub shows at this commit, or somebody asked for it anew."""
    pull, memory, again = seen.look.facts.pull, seen.memory, seen.again
    is_asked_for = again is not None and again.checks == frozenset(Check)
    if memory.judged_sha == pull.head_sha and memory.readiness_digest == digest and not is_asked_for:
        return []
    request = again.request if again is not None and is_asked_for else ""
    identifier = external_id(pull.number, pull.head_sha, digest, request)
    return [] if f"{gate.name}:{identifier}" in seen.posted.annotations else [replace(gate, external_id=identifier)]


def digest_of(*texts: str) -> str:
    """Return a digest by which a text is known again."""
    return hashlib.sha256("\0".join(texts).encode("utf-8", "surrogatepass")).hexdigest()
