"""How GitHub tells of what happened: webhooks, and the history of pull requests and issues."""

from __future__ import annotations

from typing import Any

from bot.simulator.accounts import Account, App
from bot.simulator.check_runs import CheckSuite
from bot.simulator.conversation import Happening, Label
from bot.simulator.payloads import (
    Json,
    account_json,
    installation_reference,
    organization_json,
    pushed_repository_json,
    repository_json,
)
from bot.simulator.payloads_checks import suite_event_json
from bot.simulator.payloads_git import pushed_commit_json
from bot.simulator.payloads_issues import issue_json
from bot.simulator.payloads_pulls import pull_json
from bot.simulator.repositories import Pull, Repository, Subject
from bot.simulator.state import GitHubState
from bot.simulator.webhooks import Outbox

NO_COMMIT = "0" * 40


class Announcer:
    """Announces changes of `state` through `outbox`."""

    def __init__(self, state: GitHubState, outbox: Outbox) -> None:
        self.state = state
        self.outbox = outbox

    def record(
        self,
        subject: Subject,
        event: str,
        actor: Account,
        *,
        label: Label | None = None,
        commit_id: str | None = None,
        review_id: int | None = None,
    ) -> None:
        """Add to the history of a pull request or issue."""
        now = self.state.now()
        app = self.state.app_of(actor)
        subject.history.append(Happening(self.state.next_id(), event, actor, now, app, label, commit_id, review_id))
        subject.updated_at = now

    def tell_pull(self, action: str, pull: Pull, sender: Account, **more: Any) -> None:
        """Announce that something happened to a pull request."""
        payload = {"action": action, "number": pull.number, "pull_request": pull_json(self.state, pull)}
        self.tell("pull_request", pull.repo, sender, payload | more)

    def tell_subject(self, action: str, subject: Subject, sender: Account, **more: Any) -> None:
        """Announce that something happened to a pull request or an issue, as the kind that it is."""
        if isinstance(subject, Pull):
            self.tell_pull(action, subject, sender, **more)
        else:
            payload = {"action": action, "issue": issue_json(self.state, subject) | {"draft": False}}
            self.tell("issues", subject.repo, sender, payload | more)

    def tell_push(
        self, repo: Repository, branch: str, before: str | None, sender: Account, *, forced: bool
    ) -> None:
        """Announce a push and, as GitHub does, ask for checks of what was pushed."""
        state, after = self.state, repo.branches[branch]
        commits = repo.store.commits_between(before, after) if before else [repo.store.commits[after]]
        told = [pushed_commit_json(state, repo, c, self.changes_of(repo, c.sha)) for c in commits[-20:]]
        span = f"{before[:12]}...{after[:12]}" if before else after[:12]
        payload = {
            "ref": f"refs/heads/{branch}",
            "before": before or NO_COMMIT,
            "after": after,
            "created": before is None,
            "deleted": False,
            "forced": forced,
            "base_ref": None,
            "compare": f"{state.web_url}/{repo.full_name}/compare/{span}",
            "commits": told,
            "head_commit": told[-1] if told else None,
            "pusher": {"name": sender.login, "email": sender.commit_email},
            "repository": pushed_repository_json(state, repo),
        }
        self.tell("push", repo, sender, payload)
        if repo.installation is not None:
            self.tell_suite("requested", self.suite_of(repo, after, branch), sender)

    def changes_of(self, repo: Repository, sha: str) -> list[Any]:
        """Return what one commit changes."""
        parents = repo.store.commits[sha].parents
        return repo.differ.between(parents[0], sha) if parents else repo.differ.since_nothing(sha)

    def tell_suite(self, action: str, suite: CheckSuite, sender: Account) -> None:
        """Announce that something happened to a check suite."""
        payload = {"action": action, "check_suite": suite_event_json(self.state, suite)}
        self.tell("check_suite", suite.repo, sender, payload)

    def suite_of(
        self, repo: Repository, head_sha: str, branch: str | None = None, app: App | None = None
    ) -> CheckSuite:
        """Return an App's check suite on a commit, made when there is none; of the App under test unless told."""
        app = app or self.state.app
        suites = repo.suites.setdefault(head_sha, {})
        suite = suites.get(app.id)
        if suite is None:
            known = branch or next((name for name, sha in repo.branches.items() if sha == head_sha), None)
            now = self.state.now()
            suite = CheckSuite(self.state.next_id(), repo, head_sha, known, app, now, now)
            suites[app.id] = suite
        return suite

    def tell(self, event: str, repo: Repository, sender: Account, payload: Json) -> None:
        """Send a webhook, if the App is installed there and listens to such events."""
        state = self.state
        if repo.installation is None or repo.installation.suspended_at or event not in state.app.events:
            return
        payload.setdefault("repository", repository_json(state, repo))
        if repo.owner.type == "Organization":
            payload["organization"] = organization_json(state, repo.owner)
        payload["sender"] = account_json(state, sender)
        payload["installation"] = installation_reference(repo.installation)
        self.outbox.post(event, repo.full_name, payload)
