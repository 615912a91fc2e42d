"""Watching the words that approvals rest on: edited by others, deleted, dismissed; no list tells of that."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime

from bot.events import Origin
from bot.github.activity import Activity, Item
from bot.github.client import GitHubClient
from bot.github.errors import NotFoundError
from bot.github.words import AllWords, words_of
from bot.polling.telling import SOMEBODY, Told, review_submitted, words_changed
from bot.store.approvals import ApprovalStore

_KINDS = ("comment", "review")


class WordsWatch:
    """Looks closely at pull requests that words may have changed on, within one look."""

    def __init__(self, client: GitHubClient, activity: Activity, origin: Origin, approvals: ApprovalStore) -> None:
        self._client = client
        self._activity = activity
        self._origin = origin
        self._approvals = approvals
        self._suspected: set[int] = set()
        self._read: dict[int, AllWords] = {}
        self._deleted_by: dict[int, Item] = {}
        self._dismissed_by: dict[str, Item] = {}

    def suspect(self, number: int) -> None:
        """Have a pull request looked at: something happened to it."""
        self._suspected.add(number)

    def note(self, events: Iterable[Item]) -> None:
        """Take from the history who deleted and dismissed."""
        for event in events:
            number, actor = int((event.get("issue") or {}).get("number") or 0), event.get("actor") or SOMEBODY
            if event["event"] == "comment_deleted":
                self._deleted_by[number] = actor
                self._suspected.add(number)
            elif event["event"] == "review_dismissed" and event.get("dismissed_review"):
                self._dismissed_by[f"review:{int(event['dismissed_review']['review_id'])}"] = actor
                self._suspected.add(number)

    async def submitted(self, review: Item, number: int, author_id: int) -> Told:
        """Return that a review was submitted. One that may command is read only if nobody has edited it."""
        is_edited = False
        if "/" in (review["body"] or ""):
            words = (await self._words(number)).by_source.get(f"review:{int(review['id'])}")
            is_edited = words is None or words.edited_at is not None
        return review_submitted(review, number, author_id, is_edited=is_edited)

    async def changes(self, now: datetime) -> list[Told]:
        """Return which words that a standing approval rests on are no longer what their author wrote."""
        found: list[Told] = []
        for number in sorted(self._suspected):
            standing = await self._approvals.standing(self._origin.repository_id, number)
            sources = {":".join(approval.source.split(":")[:2]) for approval in standing}
            for source in sorted(source for source in sources if source.startswith(_KINDS)):
                told = await self._change(source, number, now)
                if told is not None:
                    found.append(told)
        return found

    async def _change(self, source: str, number: int, now: datetime) -> Told | None:
        known = await self._words(number)
        words = known.by_source.get(source)
        if words is None:
            kind, _, identifier = source.partition(":")
            if kind == "comment" and (known.is_all or not await self._activity.has_comment(int(identifier))):
                return words_changed("deleted", source, number, self._deleted_by.get(number, SOMEBODY), now, "")
            return None
        if words.is_dismissed:
            actor = self._dismissed_by.get(source, SOMEBODY)
            return words_changed("dismissed", source, number, actor, now, "")
        if words.edited_by and words.edited_at is not None:
            actor = await self._account(words.edited_by)
            return words_changed("edited", source, number, actor, words.edited_at, words.edited_at.isoformat())
        return None

    async def _words(self, number: int) -> AllWords:
        if number not in self._read:
            self._read[number] = await words_of(self._client, self._origin.full_name, number)
        return self._read[number]

    async def _account(self, login: str) -> Item:
        try:
            return await self._activity.account(login)
        except NotFoundError:
            return SOMEBODY
