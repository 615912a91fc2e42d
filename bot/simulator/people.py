"""What people do on GitHub, all verbs together."""

from __future__ import annotations

from bot.simulator.check_runs import CheckRun
from bot.simulator.people_conversation import Speakers
from bot.simulator.people_founding import Founders
from bot.simulator.people_issues import Reporters
from bot.simulator.people_pulls import Contributors
from bot.simulator.repositories import Pull, Repository


class People(Founders, Contributors, Reporters, Speakers):
    """The verbs of a story. Each changes the state and has GitHub tell of it by webhook."""

    async def other_check_run(
        self,
        pull: Pull,
        name: str,
        status: str = "completed",
        conclusion: str | None = None,
        *,
        app: str = "github-actions",
    ) -> CheckRun:
        """Let another App, named by its slug, open a check run on the head of a pull request.

        Raises: ValueError where a completed one has no conclusion.
        """
        if status == "completed" and conclusion is None:
            raise ValueError("a completed check run has a conclusion")
        owner = self.state.app_of(self.state.account(f"{app}[bot]"))
        fields = {"status": status, "conclusion": conclusion}
        return self._changes.add_check_run(pull.repo, pull.head_sha, name, fields, owner)

    async def rerequest_check_run(self, check_run_id: int, *, by: str | None = None) -> None:
        """Press "Re-run" beside a check."""
        run = self._run(check_run_id)
        run.suite.is_asked_for = False  # it is told as its checks stand, also to whoever asks twice
        self._changes.tell_run("rerequested", run, self._person(by, run.suite.repo.owner))
        self._changes.ask_again(run.suite)

    async def rerequest_check_suite(self, repo: Repository, head_sha: str, *, by: str | None = None) -> None:
        """Press "Re-run all checks"."""
        suite = self._changes.suite_of(repo, head_sha)
        suite.is_asked_for = False
        self._changes.tell_suite("rerequested", suite, self._person(by, repo.owner))
        self._changes.ask_again(suite)

    async def press(self, check_run_id: int, identifier: str, *, by: str) -> None:
        """Press a button beside a check; GitHub shows it only to people who may write."""
        run = self._run(check_run_id)
        if all(button.identifier != identifier for button in run.actions):
            raise ValueError(f"the check run has no button {identifier!r}")
        asked = {"identifier": identifier}
        self._changes.tell_run("requested_action", run, self.state.account(by), requested_action=asked)

    def _run(self, check_run_id: int) -> CheckRun:
        return next(
            repo.runs[check_run_id] for repo in self.state.repositories.values() if check_run_id in repo.runs
        )
