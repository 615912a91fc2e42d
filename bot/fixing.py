"""Putting right: what is mechanical is committed to the pull request's branch, or offered where it may not be."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import structlog

from bot.actions import Reply
from bot.apply import Writer
from bot.apply_push import BranchWriter, MovedError, NewCommit, NewFile
from bot.clock import Clock
from bot.comments.answers import fixes
from bot.comments.causes import links_of
from bot.comments.fixing import (
    CLOSED,
    NO_BRANCH,
    NO_EDITS,
    NOT_THEIRS,
    ONLY_WRITERS,
    OUR_FAULT,
    commit_message,
    left_alone,
    moved_on,
    nothing,
    pressed,
    refused,
)
from bot.comments.markers import MarkerSigner
from bot.events import Account, FixRequested, Origin
from bot.github.client import GitHubApp, GitHubClient
from bot.github.errors import GitHubError, NotFoundError, RefusedError, TransientError
from bot.github.gate import About
from bot.github.people import PeopleReader
from bot.github.pulls import Pull, PullReader
from bot.look import Look, Looks, left_standing
from bot.roles import Role
from bot.store.desk_log import BEGUN, AuditEntry, DeskLog
from bot.store.pardons import PardonStore
from checks.contribution import Identity, Sha
from checks.repair import Repair, Repairs

log = structlog.get_logger()

ACT = "put right"
_MOST_FILES = 50  # in one commit; the next one takes more


@dataclass(frozen=True, slots=True)
class Wish:
    """Somebody wants what is mechanical put right. `seen` is the commit they meant, if they named one."""

    origin: Origin
    number: int
    actor: Account
    source: str
    seen: str = ""


def place_of_push(sha: str) -> str:
    """Return the place under which a commit of ours is written down before it is pushed."""
    return f"push:{sha}"


class Fixer:
    """Puts pull requests right."""

    def __init__(
        self,
        app: GitHubApp,
        looks: Looks,
        pardons: PardonStore,
        desk_log: DeskLog,
        signer: MarkerSigner,
        clock: Clock,
        *,
        web_url: str,
    ) -> None:
        self._app = app
        self._looks = looks
        self._pardons = pardons
        self._log = desk_log
        self._signer = signer
        self._clock = clock
        self._web_url = web_url.rstrip("/")

    async def press(self, event: FixRequested) -> None:
        """Do what the button asks for, if its presser may write; say what could not be done."""
        client = self._app.installation(event.origin.installation_id)
        pull = await PullReader(client, event.origin.full_name).pull(event.number)
        source = f"button:{event.request}"[:64]
        wish = Wish(event.origin, event.number, event.actor, source, event.head_sha)
        said = await self.put_right(wish) if await self._may_write(client, pull, event.actor) else (ONLY_WRITERS,)
        if said:
            marker = self._signer.reply_marker(source, event.origin.repository_id, event.number)
            reply = Reply(pressed(event.actor.login, said), marker)
            await Writer(client, pull, self._clock).apply([reply])

    async def put_right(self, wish: Wish) -> tuple[str, ...]:
        """Commit what is mechanical. Return what has to be said: nothing where all of it is done.

        Trying the same wish again does nothing twice. Raises TransientError.
        """
        client = self._app.installation(wish.origin.installation_id)
        reader = PullReader(client, wish.origin.full_name)
        pull = await reader.pull(wish.number)
        earlier = await self._log.shas_of(wish.origin.repository_id, wish.number, ACT, wish.source)
        if pull.head_sha in earlier:
            return ()
        if not pull.is_open:
            return (CLOSED,)
        if wish.seen and wish.seen != pull.head_sha:
            return (moved_on(pull.head_sha),)
        look = await self._looks.at(reader, wish.origin.repository_id, pull)
        if any(commit.sha in earlier for commit in look.facts.commits or ()):
            return ()
        if not any(f.is_fixable for f in look.judgement.verdict.findings):
            return (nothing(pull.head_sha),)
        found = await self._looks.repairs(reader, wish.origin.repository_id, pull)
        if found is None:
            return (OUR_FAULT,)
        if not found.files:
            return (*left_alone(found.withheld), *([] if found.withheld else [nothing(pull.head_sha)]))
        try:
            why_not = await self._push(wish, client, reader, pull, found)
        except MovedError:
            return (moved_on((await reader.pull(wish.number)).head_sha),)
        offer = await self._offer(wish, look, why_not) if why_not else ()
        return (*offer, *left_alone(found.withheld))

    async def _may_write(self, client: GitHubClient, pull: Pull, actor: Account) -> bool:
        """Say whether an account may write to the repository; unsure means no."""
        if actor.is_bot:
            return False
        try:
            role = await PeopleReader(client, pull.repository).repository_role(actor.login, actor.id)
        except TransientError:
            raise
        except GitHubError as error:
            log.warning("fixing.unsure", user=actor.id, error=str(error))
            return False
        return role is not None and role >= Role.APPROVER

    async def _push(self, wish: Wish, client: GitHubClient, reader: PullReader, pull: Pull, found: Repairs) -> str:
        """Push one commit with the repairs. Return why that may not be, or nothing. Raises MovedError."""
        if not pull.head_repository:
            return NO_BRANCH
        if not pull.may_be_pushed_to:
            return NO_EDITS
        if pull.head_repository == pull.repository and not await self._is_theirs(client, pull, wish.actor):
            return NOT_THEIRS
        branch = BranchWriter(client, About(pull.repository_id, pull.number), pull.head_repository, pull.head_ref)
        repairs = found.files[:_MOST_FILES]
        bot = await self._own_identity(client)
        try:
            tree = await reader.tree(pull.head_sha)
            files = _new_files(repairs, {r.path: tree[r.path].mode for r in repairs})
            message = commit_message(repairs, wish.actor.login, bot)
            sha = await branch.prepare(NewCommit(pull.head_sha, message, files, bot))
            await self._write_down(wish, sha)
            await branch.move(pull.head_sha, sha)
        except (RefusedError, NotFoundError) as error:
            log.info("fixing.refused", number=pull.number, error=str(error))
            return refused(error.status if isinstance(error, RefusedError) else 404)
        await self._log.outcome(wish.origin.repository_id, place_of_push(sha), "done")
        log.info("fixing.pushed", number=pull.number, files=len(repairs))
        return ""

    async def _is_theirs(self, client: GitHubClient, pull: Pull, actor: Account) -> bool:
        """Say whether a branch of our repository is pushed to for its author, or for whoever asks.

        Anybody may open a pull request from it, also from the default one: that gives nobody the right to push.
        """
        if pull.head_ref == pull.default_branch:
            return False
        people = dict.fromkeys((actor, Account(pull.author, pull.author_id, is_bot=False)))
        return any([await self._may_write(client, pull, person) for person in people])

    async def _own_identity(self, client: GitHubClient) -> Identity:
        """Return as whom GitHub makes our commits."""
        login = await self._app.own_login()
        account = await client.read("/users/{login}", {"login": login})
        return Identity(login, f"{account['id']}+{login}@users.noreply.github.com")

    async def _write_down(self, wish: Wish, sha: Sha) -> None:
        """Write down which commit is about to be pushed: by that it is known for ours."""
        await self._log.add(
            AuditEntry(
                repository_id=wish.origin.repository_id,
                number=wish.number,
                at=self._clock.now(),
                actor_id=wish.actor.id,
                actor=wish.actor.login,
                role="",
                act=ACT,
                arguments=wish.source,
                sha=sha,
                result=BEGUN,
                source=place_of_push(sha),
            )
        )

    async def _offer(self, wish: Wish, look: Look, why_not: str) -> Iterable[str]:
        """Return what to paste instead, less what people have set aside."""
        pardons = await self._pardons.of_content(wish.origin.repository_id, wish.number, look.facts.content_digest)
        verdict = left_standing(look.judgement.verdict, pardons)
        return (why_not, *fixes(verdict, links_of(self._web_url, look.facts.pull, look.facts.policy)))


def _new_files(repairs: Iterable[Repair], modes: dict[str, str]) -> tuple[NewFile, ...]:
    files = []
    for repair in repairs:
        files.append(NewFile(repair.new_path, repair.after, modes[repair.path]))
        if repair.new_path != repair.path:
            files.append(NewFile(repair.path, None))
    return tuple(files)
