"""One look at one repository: what has happened since the last one, stored as if webhooks had told it."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Awaitable, Callable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta

import structlog

from bot.clock import Clock
from bot.events import Origin, is_ignored
from bot.github.activity import Activity, Item
from bot.github.client import GitHubClient
from bot.github.listings import Place
from bot.inbox import Inbox
from bot.polling.telling import (
    POLLED,
    WORDS,
    Told,
    branch_moved,
    comment_written,
    face_of,
    group_asked,
    in_order,
    number_of,
    of_event,
    pull_changed,
    pull_opened,
)
from bot.polling.words import WordsWatch
from bot.store.approvals import ApprovalStore
from bot.store.polls import Face, PollStore

log = structlog.get_logger()

OVERLAP = timedelta(seconds=30)  # GitHub's lists may be a little behind
WEBHOOKS_TAKE = timedelta(minutes=2)  # from the act to us, at most
MOST_PULLS = 10  # read more closely in one look; the next goes on with the others
Suites = Callable[[Activity], Awaitable[list[Told]]]
_MOST_REMEMBERED = 20_000  # ids of what was told; the database knows the others


@dataclass
class Seen:
    """What one look came to."""

    told: int = 0
    left_to_webhooks: int = 0
    is_first: bool = False


@dataclass
class Memory:
    """What is known of a repository between two looks; the database holds the same, but for `told`."""

    marks: dict[str, str]
    faces: dict[int, Face]
    told: OrderedDict[str, None] = field(default_factory=OrderedDict)

    def is_new(self, guid: str) -> bool:
        """True for what was not told since we run."""
        return guid not in self.told

    def note(self, guids: Iterable[str]) -> None:
        """Remember what was told."""
        self.told.update(dict.fromkeys(guids))
        while len(self.told) > _MOST_REMEMBERED:
            self.told.popitem(last=False)


class Look:
    """Looks at one repository. Looking twice tells nothing twice: what is told has the same id each time."""

    def __init__(
        self,
        origin: Origin,
        place: Place,
        client: GitHubClient,
        memory: Memory,
        store: PollStore,
        approvals: ApprovalStore,
        inbox: Inbox,
        clock: Clock,
        app_id: int,
        suites: Suites,
    ) -> None:
        """`suites` finds out whose checks were asked for again."""
        self._suites = suites
        self._origin = origin
        self._place = place
        self._activity = Activity(client, origin.full_name)
        self._words = WordsWatch(client, self._activity, origin, approvals)
        self._memory = memory
        self._store = store
        self._inbox = inbox
        self._clock = clock
        self._app_id = app_id
        self._now = clock.now()
        self._told: list[Told] = []

    async def begin(self) -> Seen:
        """Remember how everything stands: what is older, a sweep looks after."""
        head = await self._activity.head_of(self._place.default_branch)
        event_id = await self._activity.newest_event()
        faces = [_face(pull) for pull in await self._activity.open_pulls()]
        since = self._now.replace(microsecond=0).isoformat()
        marks = {"since": since, "comments": since, "pulls": since, "events": f"{event_id} {since}"}
        await self._keep(marks | {"branch": f"{self._place.default_branch} {head}"}, faces)
        return Seen(is_first=True)

    async def take(self) -> Seen:
        """Tell what has happened. Raises TransientError; then the next look begins where this one did."""
        marks = self._memory.marks
        comments_mark = await self._comments(marks["comments"])
        events, events_mark = await self._events(marks["events"])
        pulls_mark, faces, listed = await self._pulls(marks["pulls"], marks["since"])
        self._of_events(events, listed)
        self._words.note(events)
        self._told += await self._words.changes(self._now)
        branch_mark = await self._branch(marks["branch"])
        for reference in await self._activity.merge_groups():
            self._tell(group_asked(reference, self._now))
        self._told += await self._suites(self._activity)
        seen = await self._store_all()
        fresh = {"comments": comments_mark, "events": events_mark, "pulls": pulls_mark, "branch": branch_mark}
        await self._keep({k: v for k, v in fresh.items() if v != marks[k]}, faces)
        return seen

    def _tell(self, told: Told | None) -> None:
        if told is not None:
            self._told.append(told)

    async def _comments(self, mark: str) -> str:
        """Tell of new comments, and have the edited ones looked at; return up to where they are read."""
        newest = datetime.fromisoformat(mark)
        for comment in await self._activity.comments_since(newest - OVERLAP):
            newest = max(newest, datetime.fromisoformat(comment["updated_at"]))
            user = comment.get("user")
            if user is None or user.get("type") == "Bot" or "/pull/" not in comment["html_url"]:
                continue
            if comment["created_at"] != comment["updated_at"]:  # nobody knows what an edited one said
                self._words.suspect(number_of(comment))
            elif self._memory.is_new(f"{POLLED}comment-{int(comment['id'])}"):
                self._tell(comment_written(comment, await self._author_of(number_of(comment))))
        return newest.isoformat()

    async def _author_of(self, number: int) -> int:
        if face := self._memory.faces.get(number):
            return face.author_id
        for pull in await self._activity.pulls_changed_since(self._now - timedelta(hours=1)):
            if int(pull["number"]) == number:
                return _face(pull).author_id
        return 0

    async def _events(self, mark: str) -> tuple[list[Item], str]:
        last, _, since = mark.partition(" ")
        events = await self._activity.events_after(int(last), datetime.fromisoformat(since) - OVERLAP)
        if not events:
            return [], mark
        newest = max(events, key=lambda event: int(event["id"]))
        return events, f"{int(newest['id'])} {datetime.fromisoformat(newest['created_at']).isoformat()}"

    def _of_events(self, events: Iterable[Item], listed: Mapping[int, Item]) -> None:
        for event in events:
            is_ours = (event.get("performed_via_github_app") or {}).get("id") == self._app_id
            if is_ours and event["event"] in ("labeled", "unlabeled"):
                continue
            number = int((event.get("issue") or {}).get("number") or 0)
            face = self._memory.faces.get(number)
            head_sha = str(listed[number]["head"]["sha"]) if number in listed else face.head_sha if face else ""
            self._tell(of_event(event, head_sha))

    async def _pulls(self, mark: str, since: str) -> tuple[str, list[Face], dict[int, Item]]:
        """Tell of changed pull requests and their reviews, oldest change first, as many as one look may cost."""
        done_up_to, began = datetime.fromisoformat(mark), datetime.fromisoformat(since)
        listed = await self._activity.pulls_changed_since(done_up_to - OVERLAP)
        faces: list[Face] = []
        for pull in listed:
            face = _face(pull)
            known = self._memory.faces.get(face.number)
            if known != face:
                if len(faces) == MOST_PULLS:
                    break
                self._of_pull(pull, face, known, began)
                reviewed_since = (known.updated_at if known else max(began, done_up_to)) - OVERLAP
                await self._reviews(face, reviewed_since)
                self._words.suspect(face.number)
                faces.append(face)
            done_up_to = max(done_up_to, face.updated_at)
        return done_up_to.isoformat(), faces, {int(pull["number"]): pull for pull in listed}

    def _of_pull(self, pull: Item, face: Face, known: Face | None, began: datetime) -> None:
        if not face.is_open:
            return  # who closed it, its history tells
        is_new = known is None and datetime.fromisoformat(pull["created_at"]) >= began - OVERLAP
        if is_new and pull["created_at"] == pull["updated_at"]:  # so its text is what it was opened with
            self._tell(pull_opened(pull))
        elif is_new or (known is not None and known.face != face.face):
            self._tell(pull_changed(pull, face.face))

    async def _reviews(self, face: Face, since: datetime) -> None:
        for review in await self._activity.reviews_of(face.number, since):
            if self._memory.is_new(f"{POLLED}review-{int(review['id'])}"):
                self._tell(await self._words.submitted(review, face.number, face.author_id))

    async def _branch(self, mark: str) -> str:
        branch = self._place.default_branch
        head = await self._activity.head_of(branch)
        if head and mark != f"{branch} {head}":
            self._tell(branch_moved(branch, head, self._now))
        return f"{branch} {head}"

    async def _store_all(self) -> Seen:
        """Store what is new and what no webhook has told: on disk before it counts as read."""
        seen = Seen()
        fresh = [told for told in in_order(self._told) if self._memory.is_new(told.guid)]
        if not fresh:
            return seen
        brought = await self._brought_by_webhooks(fresh)
        branch = self._place.default_branch
        for told in fresh:
            whole = told.whole(self._origin, branch)
            if told.guid in brought:
                seen.left_to_webhooks += 1
            elif not is_ignored(told.event, whole, app_id=self._app_id):
                await self._inbox.put(told.delivery(self._origin, whole, self._now))
                seen.told += 1
        self._memory.note(told.guid for told in fresh)
        return seen

    async def _brought_by_webhooks(self, fresh: list[Told]) -> set[str]:
        """Return the ids of what webhooks have told as well: they come where they can, also beside us.

        Words are told in any case: each is obeyed once by its own number, and another one's webhook tells nothing
        of it.
        """
        first = min(told.at for told in fresh) - OVERLAP
        arrived = [
            a for a in await self._store.arrived_since(self._origin.repository_id, first) if _is_sent(a.guid)
        ]
        return {
            told.guid
            for told in fresh
            for one in arrived
            if told.event not in WORDS
            and one.event == told.event
            and one.subject == told.subject(self._origin.repository_id)
            and told.at - timedelta(seconds=5) <= one.at <= told.at + WEBHOOKS_TAKE
        }

    async def _keep(self, marks: dict[str, str], faces: list[Face]) -> None:
        if marks or faces:
            await self._store.keep(self._origin.repository_id, marks, faces)
        self._memory.marks |= marks
        self._memory.faces |= {face.number: face for face in faces}


def _is_sent(guid: str) -> bool:
    return not guid.startswith((POLLED, "event-", "page:"))


def _face(pull: Item) -> Face:
    author = pull.get("user") or {}
    return Face(
        int(pull["number"]),
        face_of(pull),
        str(pull["head"]["sha"]),
        pull["state"] == "open",
        int(author.get("id", 0)),
        datetime.fromisoformat(pull["updated_at"]),
    )
