"""What may happen to a pull request itself: its texts, its base, who cares for it, closing and reopening."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from bot.simulator.accounts import Account, Team
from bot.simulator.announcements import Announcer
from bot.simulator.payloads import account_json
from bot.simulator.payloads_pulls import team_json
from bot.simulator.repositories import Pull, Subject

MOST_ASSIGNEES = 10


class PullChanges(Announcer):
    """The acts that change a pull request, except merging it."""

    def edit_pull(
        self,
        pull: Pull,
        sender: Account,
        *,
        title: str | None = None,
        body: str | None = None,
        base: str | None = None,
    ) -> None:
        """Change title, text or base of a pull request; nothing is told when nothing differs."""
        changes: dict[str, Any] = {}
        if title is not None and title != pull.title:
            changes["title"], pull.title = {"from": pull.title}, title
            self.record(pull, "renamed", sender)
        if body is not None and body != (pull.body or ""):
            changes["body"], pull.body = {"from": pull.body or ""}, body
        if base is not None and base != pull.base_ref:
            changes["base"] = {"ref": {"from": pull.base_ref}, "sha": {"from": pull.base_sha}}
            pull.base_ref = base
            pull.base_sha = pull.repo.branches[base]
        if changes:
            pull.updated_at = self.state.now()
            self.tell_pull("edited", pull, sender, changes=changes)

    def close(self, pull: Pull, sender: Account) -> None:
        """Close an open pull request without merging it."""
        if pull.state == "open":
            pull.state, pull.closed_at, pull.closed_by = "closed", self.state.now(), sender
            pull.repo.open_count -= 1
            self.record(pull, "closed", sender)
            self.tell_pull("closed", pull, sender)

    def reopen(self, pull: Pull, sender: Account) -> None:
        """Open a closed pull request again."""
        if pull.state == "closed" and not pull.merged:
            pull.state, pull.closed_at, pull.closed_by = "open", None, None
            pull.repo.open_count += 1
            self.record(pull, "reopened", sender)
            self.touch(pull)
            self.tell_pull("reopened", pull, sender)

    def touch(self, pull: Pull) -> None:
        """Note that a pull request is no longer what it was."""
        pull.updated_at = self.state.now()
        pull.base_sha = pull.repo.branches[pull.base_ref]
        pull.tried_tips = None

    def assign(self, subject: Subject, accounts: Iterable[Account], sender: Account) -> None:
        """Assign people; who may not be assigned is passed over in silence, as on GitHub."""
        commenters = {comment.user for comment in subject.comments}
        for account in accounts:
            can_be = account in commenters or self.is_collaborator(subject, account)
            if can_be and account not in subject.assigned and len(subject.assigned) < MOST_ASSIGNEES:
                subject.assigned.append(account)
                self.record(subject, "assigned", sender)
                self.tell_subject("assigned", subject, sender, assignee=account_json(self.state, account))

    def unassign(self, subject: Subject, accounts: Iterable[Account], sender: Account) -> None:
        """Take assignments back."""
        for account in accounts:
            if account in subject.assigned:
                subject.assigned.remove(account)
                self.record(subject, "unassigned", sender)
                self.tell_subject("unassigned", subject, sender, assignee=account_json(self.state, account))

    def request_reviews(self, pull: Pull, asked: Iterable[Account | Team], sender: Account) -> None:
        """Ask people and teams for their review."""
        for one in asked:
            if one not in pull.reviewers and one not in pull.reviewing_teams:
                if isinstance(one, Team):
                    pull.reviewing_teams.append(one)
                else:
                    pull.reviewers.append(one)
                self._tell_request("review_requested", pull, one, sender)

    def withdraw_requests(self, pull: Pull, asked: Iterable[Account | Team], sender: Account) -> None:
        """Ask people and teams for their review no longer."""
        for one in asked:
            if isinstance(one, Team) and one in pull.reviewing_teams:
                pull.reviewing_teams.remove(one)
            elif isinstance(one, Account) and one in pull.reviewers:
                pull.reviewers.remove(one)
            else:
                continue
            self._tell_request("review_request_removed", pull, one, sender)

    def is_collaborator(self, subject: Subject, account: Account) -> bool:
        """Tell whether an account belongs to the repository of a pull request or issue."""
        repo = subject.repo
        in_team = any(account.login in team.roles for team in repo.owner.teams.values())
        return in_team or self.state.association(repo, account) in {"OWNER", "MEMBER", "COLLABORATOR"}

    def _tell_request(self, action: str, pull: Pull, asked: Account | Team, sender: Account) -> None:
        pull.updated_at = self.state.now()
        if isinstance(asked, Team):
            self.tell_pull(action, pull, sender, requested_team=team_json(self.state, asked))
        else:
            self.tell_pull(action, pull, sender, requested_reviewer=account_json(self.state, asked))
