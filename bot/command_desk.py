"""From an order to what it brings about: look up the role, bind to a commit, decide, carry out, write down."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable, Iterator
from dataclasses import dataclass, field, replace

import structlog

from bot.actions import Action, React, Reply
from bot.apply import Writer
from bot.clock import Clock
from bot.commands.parsing import MOST_COMMANDS, WrittenCommand, commands_in
from bot.commands.registry import Command, RefusedError, all_commands, commands_of_labels
from bot.commands.situation import (
    AskMerge,
    ConfirmBatch,
    Effect,
    JudgeAgain,
    PreviewBatch,
    PutRight,
    Say,
    SetAside,
    ShowRule,
    Situation,
)
from bot.comments.markers import MarkerSigner
from bot.comments.replies import decided_on_page, reply
from bot.dossier import Dossiers, case_of
from bot.effects import EffectDesk
from bot.events import Labelled, Origin, Written
from bot.github.client import GitHubApp, GitHubClient
from bot.github.errors import RefusedError as RefusedByGitHubError
from bot.github.people import PeopleReader
from bot.github.pulls import Pull, PullReader
from bot.jobs import JobsUnavailableError
from bot.orders import (
    REFUSED_EARLIER,
    Order,
    bound,
    github_refuses,
    is_overtaken,
    moved,
    no_bot,
    not_allowed,
    nothing_to_cancel,
    takes_back,
    too_late,
    too_long,
    unknown,
)
from bot.permissions import Permissions
from bot.policies import Policies
from bot.readiness import readiness
from bot.store.desk_log import BEGUN, AuditEntry, DeskLog
from bot.store.pull_requests import PullMemory, PullRequestStore

log = structlog.get_logger()

_DONE, _REFUSED = "+1", "confused"
_DONE_RESULT, _REFUSED_RESULT, _OVERTAKEN_RESULT = "done", "refused", "overtaken"


@dataclass(frozen=True, slots=True)
class Handled:
    """What one order came to: its effects, or why not. `is_new` is False when an earlier try had carried it out."""

    order: Order
    effects: tuple[Effect, ...] = ()
    refusal: str = ""
    is_new: bool = True


@dataclass(frozen=True, slots=True)
class AfterOrders:
    """What is left to do once orders are carried out, all of it outside of the pull request's lock or by triage."""

    handled: tuple[Handled, ...] = ()
    refresh: bool = False  # the report has to say how it stands now
    judge_again: bool = False  # new check runs were asked for
    asks_merge: bool = False
    to_answer: tuple[ShowRule | PutRight | PreviewBatch | ConfirmBatch, ...] = field(default=())


class CommandDesk:
    """Carries out the orders that people give on pull requests."""

    def __init__(
        self,
        app: GitHubApp,
        policies: Policies,
        permissions: Permissions,
        memories: PullRequestStore,
        dossiers: Dossiers,
        effects: EffectDesk,
        desk_log: DeskLog,
        signer: MarkerSigner,
        clock: Clock,
    ) -> None:
        self._app = app
        self._policies = policies
        self._permissions = permissions
        self._memories = memories
        self._dossiers = dossiers
        self._effects = effects
        self._log = desk_log
        self._signer = signer
        self._clock = clock

    async def handle(self, written: Written, bring_up_to_date: Callable[[], Awaitable[object]]) -> AfterOrders:
        """Carry out the commands of one text, in order, and answer. Bots never command.

        `bring_up_to_date` has the pull request judged where a command builds on what one before it set aside, and
        where it judges content that we were not told of yet.
        Trying the same text again does nothing twice. Raises TransientError.
        """
        commands = () if written.author.is_bot else _commands_of(written)
        if not commands:
            return AfterOrders()
        handled: list[Handled] = []
        for command in commands[:MOST_COMMANDS]:
            order = Order(
                written.origin,
                written.number,
                written.author,
                command,
                f"{written.source}:{command.line}",
                written.written_at,
                written.commit,
            )
            if (handled and _sets_aside(handled[-1])) or await self._is_ahead_of_us(order):
                await bring_up_to_date()
            handled.append(await self.obey(order))
        await self._note_heard(written, handled)
        answer = (
            list(self._answer_in_public(written, handled))
            if written.is_from_page
            else list(self._answer(written, handled, too_many=len(commands) > MOST_COMMANDS))
        )
        if answer:
            writer = await self._writer(written.origin, written.number)
            await writer.apply(answer)
        return _left(handled)

    async def _is_ahead_of_us(self, order: Order) -> bool:
        """True when a command judges a commit that it names, and we have not looked at the newest one."""
        known = all_commands().get(order.command.name)
        if known is None or not known.about_content or takes_back(order, known):
            return False
        if not (order.seen or bound(order, known)[0]):
            return False  # whoever names none can only mean one that we knew
        memory = await self._memories.get(order.origin.repository_id, order.number)
        client = self._app.installation(order.origin.installation_id)
        pull = await PullReader(client, order.origin.full_name).pull(order.number)
        return pull.is_open and (memory is None or memory.judged_sha != pull.head_sha)

    async def handle_label(self, labelled: Labelled) -> Handled | None:
        """Take a label set by hand for the command it stands for.

        Returns None when it stands for none; a refusal means that the label has to be put right.
        """
        known = commands_of_labels().get((labelled.label, labelled.on))
        if known is None:
            return None
        order = Order(
            labelled.origin,
            labelled.number,
            labelled.actor,
            WrittenCommand(known.name, "", 0),
            labelled.source,
            labelled.at,
            label_set=labelled.on,
        )
        if labelled.actor.is_bot:
            return Handled(order, refusal=no_bot(known))
        return await self.obey(order)

    async def obey(self, order: Order, *, dry_run: bool = False) -> Handled:
        """Carry out one order, unless it is refused; with `dry_run` only say what would come of it."""
        client = self._app.installation(order.origin.installation_id)
        reader = PullReader(client, order.origin.full_name)
        pull = await reader.pull(order.number)
        memory = await self._memories.get(order.origin.repository_id, order.number)
        memory = memory or PullMemory(order.origin.repository_id, order.number)
        known = all_commands().get(order.command.name)
        situation = await self._situation(order, pull, memory, reader, client, fresh=bool(known and known.weighty))
        result = await self._decide(known, order, pull, situation)
        if dry_run or known is None:
            return result
        earlier = await self._log.result_of(order.origin.repository_id, order.source)
        if earlier == _REFUSED_RESULT:
            return Handled(order, (), result.refusal or REFUSED_EARLIER, is_new=False)
        if earlier == _OVERTAKEN_RESULT:
            return _only_said(result)
        if earlier and (earlier != BEGUN or result.refusal):
            # an earlier try got this far; what has changed since then, or by it, must not refuse it now
            await self._log.outcome(order.origin.repository_id, order.source, _DONE_RESULT)
            return Handled(order, result.effects, is_new=False)
        if not result.refusal and is_overtaken(
            order, await self._log.carried_out(order.origin.repository_id, order.number)
        ):
            await self._write_down(order, pull, situation, _OVERTAKEN_RESULT)
            await self._log.outcome(order.origin.repository_id, order.source, _OVERTAKEN_RESULT)
            log.info("command.overtaken", command=order.command.name)
            return _only_said(result)
        await self._write_down(order, pull, situation, _REFUSED_RESULT if result.refusal else BEGUN)
        if not result.refusal:
            refusal = await self._carry_out(result, known, situation, memory, pull, client)
            result = replace(result, refusal=refusal)
            end = _REFUSED_RESULT if refusal else _DONE_RESULT
            await self._log.outcome(order.origin.repository_id, order.source, end)
        log.info("command.handled", command=order.command.name, refused=bool(result.refusal))
        return result

    async def _carry_out(
        self,
        decided: Handled,
        known: Command,
        situation: Situation,
        memory: PullMemory,
        pull: Pull,
        client: GitHubClient,
    ) -> str:
        """Carry out what was decided. Return why it could not be done, empty when it was."""
        order = decided.order
        try:
            done = await self._effects.carry_out(decided.effects, order, known.who, situation, memory, pull)
            await Writer(client, pull, self._clock).apply(done.actions)
        except JobsUnavailableError as error:
            return str(error)
        except RefusedByGitHubError as error:
            return github_refuses(str(error))
        return ""

    async def _situation(
        self, order: Order, pull: Pull, memory: PullMemory, reader: PullReader, client: GitHubClient, *, fresh: bool
    ) -> Situation:
        repository_id = order.origin.repository_id
        policy = await self._policies.of(reader, repository_id, pull)
        people = PeopleReader(client, pull.repository)
        role = await self._permissions.role_of(people, repository_id, order.actor, policy.teams, fresh=fresh)
        dossier = await self._dossiers.of(repository_id, pull.number, memory.content_digest, memory.changed_paths)
        outcome = memory.verdict if memory.judged_sha == pull.head_sha else None
        case = case_of(memory, pull, dossier, policy, outcome)
        return Situation(
            organisation=pull.repository.partition("/")[0],
            number=pull.number,
            author=pull.author,
            author_id=pull.author_id,
            actor=order.actor.login,
            actor_id=order.actor.id,
            role=role,
            labels=pull.labels,
            status=memory.status,
            is_open=pull.is_open,
            is_draft=pull.is_draft,
            head_sha=pull.head_sha,
            policy=policy,
            outcome=outcome,
            case=case,
            readiness=readiness(case),
            closed_by_id=memory.closed_by_id,
            failing_causes=frozenset(memory.failing_causes.split()),
            jobs=dossier.jobs,
            median_wait=dossier.median_wait,
            is_merged=pull.is_merged,
            closed_at=pull.closed_at,
            label_set=order.label_set,
        )

    async def _decide(self, known: Command | None, order: Order, pull: Pull, situation: Situation) -> Handled:
        if known is None:
            return Handled(order, refusal=unknown(order.command.name))
        arguments = order.command.arguments
        refusal = not_allowed(known, situation) or too_long(arguments) or nothing_to_cancel(order, known)
        if not refusal and known.about_content and not takes_back(order, known):
            named, arguments = bound(order, known)
            seen = order.seen or await self._log.head_seen_before(
                order.origin.repository_id, order.number, order.at
            )
            refusal = moved(named, seen, pull.head_sha)
        if refusal:
            return Handled(order, refusal=refusal)
        try:
            effects = known.decide(situation, arguments)
        except RefusedError as error:
            return Handled(order, refusal=str(error))
        return Handled(order, effects, too_late(order, known, effects, situation))

    async def _write_down(self, order: Order, pull: Pull, situation: Situation, result: str) -> None:
        act = f"label {order.source.split(':')[1]}" if order.label_set is not None else f"/{order.command.name}"
        await self._log.add(
            AuditEntry(
                repository_id=order.origin.repository_id,
                number=order.number,
                at=self._clock.now(),
                actor_id=order.actor.id,
                actor=order.actor.login,
                role=situation.role.name.lower(),
                act=act,
                arguments=order.command.arguments[:1000],
                sha=pull.head_sha,
                result=result,
                source=order.source,
            )
        )

    async def _note_heard(self, written: Written, handled: Iterable[Handled]) -> None:
        """A review takes no reaction: that it was heard is said in the living comment."""
        done = [h.order.command.name for h in handled if not h.refusal]
        if not written.source.startswith("review:") or not done:
            return
        memory = await self._memories.get(written.origin.repository_id, written.number)
        if memory is not None:
            heard = " ".join((written.author.login, *done))
            await self._memories.save(replace(memory, heard=heard), self._clock.now())

    async def _writer(self, origin: Origin, number: int) -> Writer:
        client = self._app.installation(origin.installation_id)
        pull = await PullReader(client, origin.full_name).pull(number)
        return Writer(client, pull, self._clock)

    def _answer(self, written: Written, handled: list[Handled], *, too_many: bool) -> Iterator[Action]:
        """Yield the reaction, and one reply for all that somebody has to read."""
        refused = [h for h in handled if h.refusal]
        if not written.source.startswith("review:"):
            yield React(written.comment_id, _REFUSED if refused else _DONE)
        done = [effect for h in handled if not h.refusal for effect in h.effects]
        text = reply(
            ((h.order.command.name, h.refusal) for h in refused),
            (effect.text for effect in done if isinstance(effect, Say)),
            MOST_COMMANDS if too_many else None,
        )
        if text:
            marker = self._signer.reply_marker(written.source, written.origin.repository_id, written.number)
            yield Reply(text, marker)

    def _answer_in_public(self, written: Written, handled: Iterable[Handled]) -> Iterator[Action]:
        """Yield the comment that says who decided what on a page; what was refused is told there alone."""
        for each in handled:
            if not each.refusal:
                said = [effect.text for effect in each.effects if isinstance(effect, Say)]
                text = decided_on_page(written.author.login, each.order.command, written.commit, said)
                marker = self._signer.reply_marker(written.source, written.origin.repository_id, written.number)
                yield Reply(text, marker)


def _commands_of(written: Written) -> tuple[WrittenCommand, ...]:
    """Return the commands of a text. What comes from a page is one, as it is: nothing in it is Markdown."""
    if not written.is_from_page:
        return commands_in(written.text)
    name, _, arguments = written.text.removeprefix("/").partition(" ")
    return (WrittenCommand(name, arguments, 1),)


def _only_said(decided: Handled) -> Handled:
    """Return what is left of an order that came so late that a later one has settled its matter: its words."""
    return Handled(decided.order, tuple(effect for effect in decided.effects if isinstance(effect, Say)))


def _sets_aside(handled: Handled) -> bool:
    return not handled.refusal and any(isinstance(effect, SetAside) for effect in handled.effects)


def _left(handled: Iterable[Handled]) -> AfterOrders:
    handled = tuple(handled)
    effects = [effect for h in handled for effect in h.effects]
    answers = tuple(e for e in effects if isinstance(e, ShowRule | PutRight | PreviewBatch | ConfirmBatch))
    passive = (Say, JudgeAgain, ShowRule, PutRight, PreviewBatch, ConfirmBatch)
    return AfterOrders(
        handled,
        # what an earlier try has done may be refused by now, its effects unknown: half a report can be out
        refresh=any(not isinstance(effect, passive) for effect in effects)
        or any(not h.is_new and not h.refusal for h in handled),
        judge_again=any(isinstance(effect, JudgeAgain) for effect in effects),
        asks_merge=any(isinstance(effect, AskMerge) for effect in effects),
        to_answer=answers,
    )
