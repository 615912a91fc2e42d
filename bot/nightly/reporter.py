"""The reporter: each build's report where people read it, once, and an alert when one that is due does not come."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Sequence
from datetime import time, timedelta

import structlog

from bot.care import mention
from bot.clock import Clock
from bot.events import Origin
from bot.github.client import GitHubApp
from bot.github.errors import GitHubError, NotFoundError, RefusedError
from bot.github.listings import place_of
from bot.github.pulls import PullReader
from bot.nightly.build_view import BuildView
from bot.nightly.builds import Build, BuildState
from bot.nightly.chat import Chat, Sent
from bot.nightly.judgement import judgement
from bot.nightly.punctuality import Lateness, expected_by
from bot.nightly.releases import Release
from bot.nightly.report import alarm, decision, in_chat, report, report_title
from bot.nightly.rolling_issue import IssueIsBeingOpenedError, RollingIssue
from bot.nightly.schedule import Schedule, night_of
from bot.nightly.telling import Teller
from bot.nightly.viewing import ViewRoom
from bot.nightly.watch import Watch
from bot.policies import Policies
from bot.readiness import Who
from bot.store.announcements import AnnouncementStore
from bot.store.builds import BuildStore
from bot.store.releases import ReleaseStore
from bot.store.repositories import KnownRepository
from checks.policy import Policy

log = structlog.get_logger()

_REPORTED_WITHIN = timedelta(days=3)  # after its end; what is older is no news
_MOST_TRIES = 10  # in the chat, a minute apart


class Reporter:
    """Reports on the builds of all repositories. Doing it twice says nothing twice."""

    def __init__(
        self,
        app: GitHubApp,
        policies: Policies,
        room: ViewRoom,
        builds: BuildStore,
        releases: ReleaseStore,
        said: AnnouncementStore,
        issue: RollingIssue,
        teller: Teller,
        watch: Watch,
        chat: Chat,
        schedule: Schedule,
        report_at: time,
        clock: Clock,
    ) -> None:
        self._app = app
        self._policies = policies
        self._room = room
        self._builds = builds
        self._releases = releases
        self._said = said
        self._issue = issue
        self._teller = teller
        self._watch = watch
        self._chat = chat
        self._schedule = schedule
        self._report_at = report_at
        self._clock = clock
        self._tries: Counter[str] = Counter()

    async def look(self, known: KnownRepository) -> None:
        """Report what is to be reported, tell whom it concerns, and raise the alarm about what is late.

        Each of them is tried even if the one before it fails. Raises the first error.
        """
        await self._watch.reporter_looked(known)
        errors = []
        for duty in (self._report, self._tell, self._alarm):
            try:
                await duty(known)
            except (GitHubError, IssueIsBeingOpenedError) as error:
                errors.append(error)
        if errors:
            raise errors[0]

    async def _report(self, known: KnownRepository) -> None:
        repository_id = known.origin.repository_id
        releases = {each.name: each for each in await self._releases.all_of(repository_id)}
        for build in await self._builds.newest(repository_id, 5):
            release = releases.get(build.name)
            if (key := await self._key(build, release)) is None:
                continue
            if key:
                await self._report_on(known.origin, build, key)
            return  # the issue shows the newest; older ones are its history

    async def _key(self, build: Build, release: Release | None) -> str | None:
        """Return what tells one report of a build from another: None while it has none, empty for no news."""
        now = self._clock.now()
        if build.state is BuildState.PASSED_OVER:
            return None
        if build.state.is_open:
            expected = expected_by(now, self._schedule, self._report_at)
            if expected is not None and build.night <= night_of(expected.due):
                return f"open:{expected.report_due:%Y%m%d}"
            before = await self._said.of(build.repository_id, _topic(build))
            return "resumed" if before is not None else None
        if build.ended_at is None or (now - build.ended_at > _REPORTED_WITHIN and release is None):
            return ""
        told = [build.state, build.ended_at, *(_moved(release) if release else ())]
        return hashlib.sha256(" ".join(map(str, told)).encode()).hexdigest()[:16]

    async def _report_on(self, origin: Origin, build: Build, key: str) -> None:
        """Write the report where the policy wants it, and a word in the chat; each once for each key."""
        repository_id = origin.repository_id
        topics = [f"report:{build.name}:{key}", f"chat:{build.name}:{key}"]
        if len(await self._said.of_all(repository_id, topics)) == len(topics):
            return
        policy = await self._policy(origin)
        view = await self._room.view(build, origin.full_name)
        found = judgement(view)
        if await self._said.claim(repository_id, topics[0], self._clock.now()):
            try:
                number = await self._write(origin, view, policy) if policy.builds.report_issue else 0
            except BaseException:
                await self._said.leave(repository_id, topics[0])
                raise
            finally:
                # whatever becomes of the issue, the chat is to hear of the build
                await self._say(repository_id, topics[1], in_chat(view, origin.full_name))
            gist = f"{found.call}: {found.reason}"
            await self._said.made(repository_id, _topic(build), self._clock.now(), number, gist)
            await self._said.made(repository_id, topics[0], self._clock.now(), number, gist)
            log.info("nightly.reported", build=build.name, call=found.call.value, issue=number)
        else:
            await self._say(repository_id, topics[1], in_chat(view, origin.full_name))

    async def _write(self, origin: Origin, view: BuildView, policy: Policy) -> int:
        """Write the issue; and a comment if somebody has to decide. Return the issue's number, 0 for none."""
        found = judgement(view)
        try:
            number = await self._issue.put(origin, report_title(view), report(view))
            if found.needs_a_person:
                ended = view.build.ended_at
                source = f"decision:{view.name}:{found.call}:{ended:%Y%m%dT%H%M%S}" if ended else view.name
                text = decision(view, self._maintainers(origin, policy))
                await self._issue.comment(origin, source, text, report_title(view))
        except (NotFoundError, RefusedError) as error:  # issues are switched off, or we may not write them
            log.error("nightly.no_issue", repository_id=origin.repository_id, error=str(error))
            return 0
        return number

    async def _tell(self, known: KnownRepository) -> None:
        origin = known.origin
        releases = await self._releases.all_of(origin.repository_id)
        for release in await self._teller.untold(origin.repository_id, releases):
            if (await self._policy(origin)).builds.tell_contributors:
                await self._teller.tell(origin, release)

    async def _alarm(self, known: KnownRepository) -> None:
        """Say what is late: in the log and the chat once a day for each thing, in the issue once a day for all."""
        # whoever reports cannot miss itself: for that there is the answer to whoever asks for our health
        found = [each for each in await self._watch.late(known) if each.what is not Lateness.REPORTER]
        if not found:
            return
        origin, today = known.origin, f"{self._clock.now():%Y%m%d}"
        for each in found:
            topic = f"late-log:{today}:{each.what}"
            if await self._said.claim(origin.repository_id, topic, self._clock.now()):
                log.error("nightly.late", repository_id=origin.repository_id, what=each.what, text=each.text)
                await self._made(origin.repository_id, topic, each.text)
            text = f"A nightly build of {origin.full_name} is late. {each.text}"
            await self._say(origin.repository_id, f"late-chat:{today}:{each.what}", text)
        await self._comment_late(origin, f"late:{today}", " ".join(each.text for each in found))

    async def _comment_late(self, origin: Origin, topic: str, told: str) -> None:
        repository_id = origin.repository_id
        if await self._said.of(repository_id, topic) is not None:
            return
        policy = await self._policy(origin)
        if not policy.builds.report_issue or not await self._said.claim(repository_id, topic, self._clock.now()):
            return
        try:
            text = alarm(told, self._maintainers(origin, policy))
            await self._issue.comment(origin, topic, text, "Nightly builds: something is late")
        except (NotFoundError, RefusedError) as error:
            log.error("nightly.no_issue", repository_id=repository_id, error=str(error))
        except BaseException:
            await self._said.leave(repository_id, topic)
            raise
        await self._made(repository_id, topic, told)

    async def _say(self, repository_id: int, topic: str, text: str) -> None:
        """Say it in the chat; where that cannot be reached, at the next looks, for some minutes."""
        if not await self._said.claim(repository_id, topic, self._clock.now()):
            return
        sent = await self._chat.say(text) if self._chat.is_set else Sent.DONE
        if sent is Sent.LATER:
            self._tries[topic] += 1
            if self._tries[topic] < _MOST_TRIES:
                await self._said.leave(repository_id, topic)
                return
        if sent is not Sent.DONE:
            log.error("nightly.chat_given_up", topic=topic)
        self._tries.pop(topic, None)
        await self._made(repository_id, topic, "")

    async def _made(self, repository_id: int, topic: str, gist: str) -> None:
        await self._said.made(repository_id, topic, self._clock.now(), 0, gist)

    async def _policy(self, origin: Origin) -> Policy:
        client = self._app.installation(origin.installation_id)
        place = await place_of(client, origin.repository_id)
        reader = PullReader(client, place.full_name)
        return await self._policies.of_branch(reader, origin.repository_id, place.default_branch)

    def _maintainers(self, origin: Origin, policy: Policy) -> str:
        called = mention(Who.MAINTAINER, origin.full_name.partition("/")[0], policy.teams)
        return f"{called[:1].lower()}{called[1:]}"  # in the middle of a sentence


def _topic(build: Build) -> str:
    return f"report:{build.name}"


def _moved(release: Release) -> Sequence[object]:
    """Return what changes when a release is promoted, replaced or withdrawn."""
    return (release.state, release.promoted_at, release.left_at)
