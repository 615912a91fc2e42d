"""What may happen to issues that are no pull requests: opening, editing, closing and reopening."""

from __future__ import annotations

from typing import Any

from bot.simulator.accounts import Account
from bot.simulator.announcements import Announcer
from bot.simulator.issues import Issue
from bot.simulator.repositories import Repository


class IssueChanges(Announcer):
    """The acts that change issues."""

    def open_issue(self, repo: Repository, user: Account, title: str, body: str | None) -> Issue:
        """Open an issue; its number is the next that neither an issue nor a pull request has."""
        state, now = self.state, self.state.now()
        association = state.association(repo, user)
        number, app = repo.next_number, state.app_of(user)
        issue = Issue(state.next_id(), number, repo, user, title, body, association, now, now, app)
        repo.issues.append(issue)
        repo.open_count += 1
        self.tell_subject("opened", issue, user)
        return issue

    def edit_issue(self, issue: Issue, sender: Account, *, title: str | None, body: str | None) -> None:
        """Change title or text of an issue; nothing is told when nothing differs."""
        changes: dict[str, Any] = {}
        if title is not None and title != issue.title:
            changes["title"], issue.title = {"from": issue.title}, title
            self.record(issue, "renamed", sender)
        if body is not None and body != (issue.body or ""):
            changes["body"], issue.body = {"from": issue.body or ""}, body
        if changes:
            issue.updated_at = self.state.now()
            self.tell_subject("edited", issue, sender, changes=changes)

    def close_issue(self, issue: Issue, sender: Account, reason: str = "completed") -> None:
        """Close an open issue: "completed", "not_planned" or "duplicate"."""
        if issue.state == "open":
            issue.state, issue.state_reason = "closed", reason
            issue.closed_at, issue.closed_by = self.state.now(), sender
            issue.repo.open_count -= 1
            self.record(issue, "closed", sender)
            self.tell_subject("closed", issue, sender)

    def reopen_issue(self, issue: Issue, sender: Account) -> None:
        """Open a closed issue again."""
        if issue.state == "closed":
            issue.state, issue.state_reason = "open", "reopened"
            issue.closed_at = issue.closed_by = None
            issue.repo.open_count += 1
            self.record(issue, "reopened", sender)
            self.tell_subject("reopened", issue, sender)
