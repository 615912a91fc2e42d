"""What may happen on GitHub: each change of the state together with the webhooks that tell of it.

Both the people of a story and the REST routes act through these, so that nothing changes unannounced.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from typing import Any

from bot.simulator.check_runs import Annotation, CheckRun, CheckSuite
from bot.simulator.diffs import Differ
from bot.simulator.git_objects import GitStore
from bot.simulator.payloads import (
    Json,
    account_json,
    installation_reference,
    label_json,
    organization_json,
    pushed_repository_json,
    repository_json,
)
from bot.simulator.payloads_checks import run_event_json, suite_event_json
from bot.simulator.payloads_git import pushed_commit_json
from bot.simulator.payloads_pulls import comment_json, issue_json, pull_json
from bot.simulator.state import (
    Account,
    Comment,
    GitHubState,
    Label,
    Pull,
    Repository,
)
from bot.simulator.webhooks import Outbox

DEFAULT_LABEL_COLOR = "ededed"
NO_COMMIT = "0" * 40


class Changes:
    """The acts that change `state`, announced through `outbox`."""

    def __init__(self, state: GitHubState, outbox: Outbox) -> None:
        self.state = state
        self.outbox = outbox

    def add_repository(
        self, owner: Account, name: str, default_branch: str, *, private: bool, parent: Repository | None = None
    ) -> Repository:
        """Add an empty repository; a fork shares the objects of its parent."""
        state = self.state
        store = parent.store if parent else GitStore()
        differ = parent.differ if parent else Differ(store)
        now = state.now()
        repo = Repository(
            state.next_id(), owner, name, default_branch, private, store, differ, now, now, parent=parent
        )
        if parent is not None:
            repo.branches[default_branch] = parent.head_sha
        state.repositories[repo.full_name.lower()] = repo
        return repo

    def fork_of(self, repo: Repository, owner: Account) -> Repository:
        """Return `owner`'s fork, made when there is none."""
        known = self.state.repository(f"{owner.login}/{repo.name}")
        return known or self.add_repository(
            owner, repo.name, repo.default_branch, private=repo.private, parent=repo
        )

    def tell_pull(self, action: str, pull: Pull, sender: Account, **more: Any) -> None:
        """Announce that something happened to a pull request."""
        payload = {"action": action, "number": pull.number, "pull_request": pull_json(self.state, pull)}
        self._tell("pull_request", pull.repo, sender, payload | more)

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
        self._tell("push", repo, sender, payload)
        if repo.installation is not None:
            self.tell_suite("requested", self.suite_of(repo, after, branch), sender)

    def changes_of(self, repo: Repository, sha: str) -> list[Any]:
        """Return what one commit changes."""
        parents = repo.store.commits[sha].parents
        return repo.differ.between(parents[0], sha) if parents else repo.differ.since_nothing(sha)

    def add_comment(self, pull: Pull, user: Account, body: str, *, by_app: bool = False) -> Comment:
        """Write a comment on a pull request."""
        state, now = self.state, self.state.now()
        association = pull.association if user is pull.user else state.association(pull.repo, user)
        comment = Comment(state.next_id(), pull, user, body, by_app, association, now, now)
        pull.comments.append(comment)
        pull.updated_at = now
        pull.repo.comments[comment.id] = comment
        state.nodes[comment.node_id] = comment
        self._tell_comment("created", comment, user)
        return comment

    def edit_comment(self, comment: Comment, body: str, sender: Account) -> None:
        """Change the text of a comment."""
        before, comment.body = comment.body, body
        comment.updated_at = self.state.now()
        self._tell_comment("edited", comment, sender, changes={"body": {"from": before}})

    def repository_label(self, repo: Repository, name: str, color: str, description: str | None) -> Label:
        """Add a label to a repository."""
        label = Label(self.state.next_id(), name, color, description)
        repo.labels[name.lower()] = label
        return label

    def add_labels(self, pull: Pull, names: Iterable[str], sender: Account) -> None:
        """Put labels on a pull request; those the repository has not are made, in grey."""
        for name in names:
            label = pull.repo.labels.get(name.lower())
            if label is None:
                label = self.repository_label(pull.repo, name, DEFAULT_LABEL_COLOR, None)
            if label not in pull.label_objects:
                pull.label_objects.append(label)
                self._tell_label("labeled", pull, label, sender)

    def remove_label(self, pull: Pull, label: Label, sender: Account) -> None:
        """Take a label off a pull request."""
        pull.label_objects.remove(label)
        self._tell_label("unlabeled", pull, label, sender)

    def suite_of(self, repo: Repository, head_sha: str, branch: str | None = None) -> CheckSuite:
        """Return the App's check suite on a commit, made when there is none."""
        suite = repo.suites.get(head_sha)
        if suite is None:
            known = branch or next((name for name, sha in repo.branches.items() if sha == head_sha), None)
            now = self.state.now()
            suite = CheckSuite(self.state.next_id(), repo, head_sha, known, now, now)
            repo.suites[head_sha] = suite
        return suite

    def add_check_run(self, repo: Repository, head_sha: str, name: str, fields: Json) -> CheckRun:
        """Open a check run and fill it."""
        suite = self.suite_of(repo, head_sha)
        run = CheckRun(self.state.next_id(), suite, name, "queued", self.state.now())
        suite.runs.append(run)
        repo.runs[run.id] = run
        self._fill(run, fields)
        self.tell_run("created", run, self.state.app.bot)
        self._tell_completion(run, was_completed=False)
        return run

    def update_check_run(self, run: CheckRun, fields: Json) -> None:
        """Change a check run; its new annotations are added to those it has."""
        was_completed = run.status == "completed"
        self._fill(run, fields)
        self._tell_completion(run, was_completed=was_completed)

    def tell_run(self, action: str, run: CheckRun, sender: Account) -> None:
        """Announce that something happened to a check run."""
        payload = {"action": action, "check_run": run_event_json(self.state, run)}
        self._tell("check_run", run.suite.repo, sender, payload)

    def tell_suite(self, action: str, suite: CheckSuite, sender: Account) -> None:
        """Announce that something happened to a check suite."""
        payload = {"action": action, "check_suite": suite_event_json(self.state, suite)}
        self._tell("check_suite", suite.repo, sender, payload)

    def _fill(self, run: CheckRun, fields: Json) -> None:
        for name in ("name", "status", "external_id", "details_url", "started_at", "completed_at"):
            if fields.get(name) is not None:
                setattr(run, name, fields[name])
        if fields.get("conclusion"):
            run.conclusion, run.status = fields["conclusion"], "completed"
        elif fields.get("status") not in {None, "completed"}:
            run.conclusion = run.completed_at = None
        if run.status == "completed" and run.completed_at is None:
            run.completed_at = self.state.now()
        output = fields.get("output") or {}
        run.title = output.get("title", run.title)
        run.summary = output.get("summary", run.summary)
        run.text = output.get("text", run.text)
        run.annotations.extend(_annotation(given) for given in output.get("annotations", ()))
        run.suite.updated_at = self.state.now()

    def _tell_completion(self, run: CheckRun, *, was_completed: bool) -> None:
        if run.status != "completed" or was_completed:
            return
        self.tell_run("completed", run, self.state.app.bot)
        if run.suite.status == "completed":
            self.tell_suite("completed", run.suite, self.state.app.bot)

    def _tell_comment(self, action: str, comment: Comment, sender: Account, **more: Any) -> None:
        payload = {
            "action": action,
            "issue": issue_json(self.state, comment.pull),
            "comment": comment_json(self.state, comment),
        }
        self._tell("issue_comment", comment.pull.repo, sender, payload | more)

    def _tell_label(self, action: str, pull: Pull, label: Label, sender: Account) -> None:
        self.tell_pull(action, pull, sender, label=label_json(self.state, pull.repo, label))

    def _tell(self, event: str, repo: Repository, sender: Account, payload: Json) -> None:
        """Send a webhook, if the App is installed there and listens to such events."""
        state = self.state
        if repo.installation is None or event not in state.app.events:
            return
        payload.setdefault("repository", repository_json(state, repo))
        if repo.owner.type == "Organization":
            payload["organization"] = organization_json(state, repo.owner)
        payload["sender"] = account_json(state, sender)
        payload["installation"] = installation_reference(repo.installation)
        self.outbox.post(event, repo.full_name, payload)


def _annotation(given: Json) -> Annotation:
    known = Annotation(
        given["path"], given["start_line"], given["end_line"], given["annotation_level"], given["message"]
    )
    more = {name: given[name] for name in ("title", "raw_details", "start_column", "end_column") if name in given}
    return replace(known, **more)
