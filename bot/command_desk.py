"""From a comment to what it brings about: parse, look up the role, bind to a commit, decide, apply, write down."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from enum import Enum, auto

import structlog

from bot.actions import Action, AddLabels, ChangeAssignee, ChangePull, React, RemoveLabel, Reply
from bot.apply import Writer
from bot.clock import Clock
from bot.commands.parsing import MOST_COMMANDS, WrittenCommand, commands_in
from bot.commands.registry import Command, RefusedError, all_commands, nearest
from bot.commands.situation import (
    Assign,
    Effect,
    JudgeAgain,
    MoveTo,
    Retitle,
    Say,
    SetLabel,
    SetOpen,
    Situation,
)
from bot.comments.escape import code
from bot.comments.markers import MarkerSigner
from bot.events import Written
from bot.github.client import GitHubApp
from bot.github.people import PeopleReader
from bot.github.pulls import Pull, PullReader
from bot.permissions import Permissions
from bot.policies import Policies
from bot.roles import Role
from bot.store.desk_log import AuditEntry, DeskLog
from bot.store.pull_requests import PullRequestStore
from bot.workflow import move_to
from checks.findings import Outcome

log = structlog.get_logger()

_DONE, _REFUSED = "+1", "confused"


class AfterCommands(Enum):
    """What is left to do once commands are carried out."""

    NOTHING = auto()
    REFRESH = auto()  # the living comment has to say who acts next now
    JUDGE_AGAIN = auto()  # new check runs were asked for


@dataclass(frozen=True, slots=True)
class Handled:
    """What one command came to: its effects, or why not."""

    command: WrittenCommand
    effects: tuple[Effect, ...] = ()
    refusal: str = ""


class CommandDesk:
    """Carries out the commands that people write on pull requests."""

    def __init__(
        self,
        app: GitHubApp,
        policies: Policies,
        permissions: Permissions,
        memories: PullRequestStore,
        desk_log: DeskLog,
        signer: MarkerSigner,
        clock: Clock,
    ) -> None:
        self._app = app
        self._policies = policies
        self._permissions = permissions
        self._memories = memories
        self._log = desk_log
        self._signer = signer
        self._clock = clock

    async def handle(self, written: Written) -> AfterCommands:
        """Carry out the commands of one comment or review, in order. Return what is left for the checks to do.

        Bots never command. Trying the same comment again does nothing twice. Raises TransientError.
        """
        commands = () if written.author.is_bot else commands_in(written.text)
        if not commands:
            return AfterCommands.NOTHING
        client = self._app.installation(written.origin.installation_id)
        reader = PullReader(client, written.origin.full_name)
        pull = await reader.pull(written.number)
        done = await self._log.sources(written.origin.repository_id, written.source + ":")
        handled: list[Handled] = []
        writer = Writer(client, pull, self._clock)
        for command in commands[:MOST_COMMANDS]:
            situation = await self._situation(written, pull, PeopleReader(client, pull.repository), reader)
            result = await self._decide(command, written, pull, situation)
            handled.append(result)
            source = f"{written.source}:{command.line}"
            if source not in done:
                actions = tuple(_actions(result.effects, pull))
                await writer.apply(actions)
                pull = pull.after(actions)
                await self._write_down(written, pull, situation, result, source)
        await writer.apply(self._answer(written, handled, too_many=len(commands) > MOST_COMMANDS))
        effects = {type(effect) for h in handled for effect in h.effects}
        if JudgeAgain in effects:
            return AfterCommands.JUDGE_AGAIN
        return AfterCommands.REFRESH if MoveTo in effects else AfterCommands.NOTHING

    async def _situation(self, written: Written, pull: Pull, people: PeopleReader, reader: PullReader) -> Situation:
        repository_id = written.origin.repository_id
        policy = await self._policies.of(reader, repository_id, pull)
        role = await self._permissions.role_of(people, repository_id, written.author, policy.teams)
        memory = await self._memories.get(repository_id, pull.number)
        is_judged = memory is not None and memory.judged_sha == pull.head_sha and memory.outcome
        return Situation(
            organisation=pull.repository.partition("/")[0],
            author=pull.author,
            actor=written.author.login,
            role=role,
            labels=pull.labels,
            is_open=pull.is_open,
            is_draft=pull.is_draft,
            policy=policy,
            outcome=Outcome(memory.outcome) if memory is not None and is_judged else None,
        )

    async def _decide(
        self, written_command: WrittenCommand, written: Written, pull: Pull, situation: Situation
    ) -> Handled:
        known = all_commands().get(written_command.name)
        if known is None:
            return Handled(written_command, refusal=_unknown(written_command.name))
        refusal = _not_allowed(known, situation) or await self._moved(known, written, pull)
        if refusal:
            return Handled(written_command, refusal=refusal)
        try:
            return Handled(written_command, known.decide(situation, written_command.arguments))
        except RefusedError as error:
            return Handled(written_command, refusal=str(error))

    async def _moved(self, known: Command, written: Written, pull: Pull) -> str:
        """Say that the branch moved after what the writer can have seen; empty when that does not matter."""
        if not known.about_content:
            return ""
        seen = written.commit or await self._log.head_seen_before(
            written.origin.repository_id, written.number, written.written_at
        )
        if seen == pull.head_sha:
            return ""
        now = code(pull.head_sha[:7])
        return f"The branch moved while you were writing (it is at {now} now). Look again, then repeat it."

    async def _write_down(
        self, written: Written, pull: Pull, situation: Situation, result: Handled, source: str
    ) -> None:
        await self._log.add(
            AuditEntry(
                repository_id=written.origin.repository_id,
                number=written.number,
                at=self._clock.now(),
                actor_id=written.author.id,
                actor=written.author.login,
                role=situation.role.name.lower(),
                act=f"/{result.command.name}",
                arguments=result.command.arguments[:1000],
                sha=pull.head_sha,
                result="refused" if result.refusal else "done",
                source=source,
            )
        )
        log.info("command.handled", command=result.command.name, refused=bool(result.refusal))

    def _answer(self, written: Written, handled: list[Handled], *, too_many: bool) -> Iterator[Action]:
        """Yield the reaction, and one reply for all that somebody has to read."""
        refused = [h for h in handled if h.refusal]
        if written.comment_id is not None:
            yield React(written.comment_id, _REFUSED if refused else _DONE)
        said = [f"`/{h.command.name}`: {h.refusal}" for h in refused]
        said += [effect.text for h in handled for effect in h.effects if isinstance(effect, Say)]
        if too_many:
            said.append(f"Only the first {MOST_COMMANDS} commands of a comment are read.")
        if said:
            marker = self._signer.reply_marker(written.source, written.origin.repository_id, written.number)
            yield Reply("\n\n".join(said), marker)


def _unknown(name: str) -> str:
    near = nearest(name)
    hint = f" Did you mean `/{near}`?" if near else ""
    return f"There is no such command.{hint} `/help` lists those that you may use."


def _not_allowed(known: Command, situation: Situation) -> str:
    if situation.role >= known.who or (known.author_too and situation.actor_is_author):
        return ""
    if situation.role is Role.OUTSIDER and known.author_too:
        return f"Only {known.who_may} may do this."
    return f"Only {known.who.noun} may do this."


def _actions(effects: Iterable[Effect], pull: Pull) -> Iterator[Action]:
    """Turn what a command brings about into writes, leaving out what is so already."""
    for effect in effects:
        match effect:
            case MoveTo(label):
                changes = move_to(label, pull.labels)
                if changes.add:
                    yield AddLabels(changes.add)
                yield from (RemoveLabel(name) for name in changes.remove)
            case SetLabel(name, on=True) if name not in pull.labels:
                yield AddLabels((name,))
            case SetLabel(name, on=False) if name in pull.labels:
                yield RemoveLabel(name)
            case Assign(login, on=on):
                yield ChangeAssignee(login, on)
            case Retitle(title):
                yield ChangePull(title=title)
            case SetOpen(is_open=is_open):
                yield ChangePull(state="open" if is_open else "closed")
            case _:
                pass  # said in the reply, or left to the caller
