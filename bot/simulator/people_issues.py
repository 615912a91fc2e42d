"""What people do with issues that are no pull requests."""

from __future__ import annotations

from collections.abc import Sequence

from bot.simulator.issues import Issue
from bot.simulator.people_actors import Actors
from bot.simulator.repositories import Repository


class Reporters(Actors):
    """Verbs that change issues."""

    async def open_issue(
        self, repo: Repository, *, author: str, title: str, body: str | None = None, labels: Sequence[str] = ()
    ) -> Issue:
        """Open an issue."""
        user = self.state.account(author)
        issue = self._changes.open_issue(repo, user, title, body)
        self._changes.add_labels(issue, labels, user)
        return issue

    async def close_issue(self, issue: Issue, *, by: str | None = None, reason: str = "completed") -> None:
        """Close an issue."""
        self._changes.close_issue(issue, self._person(by, issue.user), reason)

    async def reopen_issue(self, issue: Issue, *, by: str | None = None) -> None:
        """Open a closed issue again."""
        self._changes.reopen_issue(issue, self._person(by, issue.user))
