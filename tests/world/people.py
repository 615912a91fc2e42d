"""People with their verbs, and a pull request as they see it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from bot.comments.readiness import NAME as MERGE_READINESS
from bot.simulator import CheckRun, Comment, Pull
from tests.checks.contributions import SKILL_PATH, a_skill, attribution

if TYPE_CHECKING:
    from tests.world.world import World

Files = dict[str, Any]


def own_leaf_of(login: str) -> str:
    "The path of a leaf that is nobody else's: ana's is `SKILL_PATH`."
    folder = login.lower().replace("-", "_")
    return SKILL_PATH if login == "ana" else f"compositional_skills/writing/freeform/{folder}/shorten/qna.yaml"


def a_good_skill(author: str = "ana", path: str = SKILL_PATH) -> Files:
    "The files of a skill that has nothing to complain about."
    folder = path.rpartition("/")[0]
    return {path: a_skill(created_by=author), f"{folder}/attribution.txt": attribution()}


class Person:
    """Somebody on GitHub."""

    def __init__(self, world: World, login: str) -> None:
        self._world = world
        self.login = login

    async def opens_pr(self, files: Files | None = None, **kwargs: Any) -> PullRequest:
        "Open a pull request; without files it adds a good skill, in a leaf of this person's own."
        if files is None and "commits" not in kwargs:
            files = a_good_skill(self.login, own_leaf_of(self.login))
        kwargs.setdefault("association", "CONTRIBUTOR")
        pull = await self._world.github.open_pull(self._world.repo, author=self.login, files=files, **kwargs)
        return self._world.sees(pull)

    async def pushes(self, pr: PullRequest, files: Files | None = None, **kwargs: Any) -> None:
        "Push a commit to the pull request."
        await self._world.github.push(pr.pull, files, **kwargs)

    async def comments(self, pr: PullRequest, body: str) -> None:
        "Write a comment."
        await self._world.github.comment(pr.pull, self.login, body)


class PullRequest:
    """What people see of one pull request. Looking at something waits until the bot has nothing left to do."""

    def __init__(self, world: World, pull: Pull) -> None:
        self._world = world
        self.pull = pull
        self._looked_at: dict[int, str] = {}

    @property
    def number(self) -> int:
        return self.pull.number

    async def settled(self) -> None:
        "Wait until the bot has handled everything that happened so far."
        await self._world.settled()

    async def next_comment(self) -> str:
        "The text of the oldest comment of the bot that the story has not looked at yet."
        await self.settled()
        fresh = [c for c in self._bot_comments() if c.id not in self._looked_at]
        assert fresh, f"the bot wrote no further comment\n{self.thread()}"
        self._looked_at[fresh[0].id] = fresh[0].body
        return fresh[0].body

    async def edited_comment(self) -> str:
        "The new text of a comment of the bot that was changed since the story last looked at it."
        await self.settled()
        changed = [c for c in self._bot_comments() if self._looked_at.get(c.id, c.body) != c.body]
        assert changed, f"the bot changed no comment\n{self.thread()}"
        self._looked_at[changed[0].id] = changed[0].body
        return changed[0].body

    def has_been_read(self) -> None:
        "Whatever the bot has said so far is expected."
        self._looked_at |= {c.id: c.body for c in self._bot_comments()}

    @property
    def living_comment(self) -> Comment:
        "The newest comment of the bot that is not folded away."
        shown = [c for c in self._bot_comments() if not c.minimized]
        assert len(shown) == 1, f"there should be one living comment\n{self.thread()}"
        return shown[0]

    @property
    def folded_comments(self) -> list[Comment]:
        return [c for c in self._bot_comments() if c.minimized]

    @property
    def labels(self) -> set[str]:
        return set(self.pull.labels)

    def check(self, name: str, sha: str | None = None) -> CheckRun:
        "The newest check run of this name at the head (or at `sha`)."
        runs = [r for r in self.checks(sha) if r.name == name]
        assert runs, f"no check run {name}\n{self.thread()}"
        return runs[-1]

    def checks(self, sha: str | None = None) -> list[CheckRun]:
        return sorted(self.pull.repo.check_runs(sha or self.pull.head_sha), key=lambda run: run.id)

    def rule_checks(self, sha: str | None = None) -> list[CheckRun]:
        "The check runs that say what the rules find: all but merge readiness."
        return [run for run in self.checks(sha) if run.name != MERGE_READINESS]

    def unexpected(self) -> list[str]:
        "What the bot said and no line of the story looked at."
        return [c.body for c in self._bot_comments() if self._looked_at.get(c.id) != c.body]

    def thread(self) -> str:
        "The whole pull request as text, for a failed test's report."
        lines = [f"#{self.number} {self.pull.title} [{', '.join(sorted(self.labels))}]"]
        lines += [f"  check {r.name}: {r.status} {r.conclusion} {r.title}" for r in self.checks()]
        lines += [f"  {c.author}{' (folded)' if c.minimized else ''}: {c.body}" for c in self.pull.comments]
        return "\n".join(lines)

    def _bot_comments(self) -> list[Comment]:
        return [c for c in self.pull.comments if c.by_app]
