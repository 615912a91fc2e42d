"""What may happen to check suites and check runs."""

from __future__ import annotations

from dataclasses import replace

from bot.simulator.accounts import Account, App
from bot.simulator.announcements import Announcer
from bot.simulator.check_runs import Annotation, Button, CheckRun, CheckSuite
from bot.simulator.payloads import Json
from bot.simulator.payloads_checks import run_event_json
from bot.simulator.repositories import Repository


class CheckChanges(Announcer):
    """The acts that change check runs."""

    def add_check_run(
        self, repo: Repository, head_sha: str, name: str, fields: Json, app: App | None = None
    ) -> CheckRun:
        """Open a check run and fill it; it is the App's under test unless told whose."""
        suite = self.suite_of(repo, head_sha, app=app)
        run = CheckRun(self.state.next_id(), suite, name, "queued", self.state.now())
        suite.runs.append(run)
        repo.runs[run.id] = run
        self._fill(run, fields)
        self.tell_run("created", run, run.app.bot)
        self._tell_completion(run, was_completed=False)
        return run

    def update_check_run(self, run: CheckRun, fields: Json) -> None:
        """Change a check run; its new annotations are added to those it has."""
        was_completed = run.status == "completed"
        self._fill(run, fields)
        self._tell_completion(run, was_completed=was_completed)

    def ask_again(self, suite: CheckSuite) -> None:
        """Let a suite be as good as new: so it stays until its App has done something."""
        if suite.runs:
            suite.updated_at, suite.is_asked_for = self.state.now(), True

    def tell_run(self, action: str, run: CheckRun, sender: Account, **more: Json) -> None:
        """Announce that something happened to a check run; only its own App is told what it is asked to do."""
        if action in {"rerequested", "requested_action"} and run.app is not self.state.app:
            return
        payload = {"action": action, "check_run": run_event_json(self.state, run)}
        self.tell("check_run", run.suite.repo, sender, payload | more)

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
        if "actions" in fields:
            run.actions = [Button(**given) for given in fields["actions"]]
        run.suite.updated_at, run.suite.is_asked_for = self.state.now(), False

    def _tell_completion(self, run: CheckRun, *, was_completed: bool) -> None:
        if run.status != "completed" or was_completed:
            return
        self.tell_run("completed", run, run.app.bot)
        if run.suite.status == "completed":
            self.tell_suite("completed", run.suite, run.app.bot)


def _annotation(given: Json) -> Annotation:
    known = Annotation(
        given["path"], given["start_line"], given["end_line"], given["annotation_level"], given["message"]
    )
    more = {name: given[name] for name in ("title", "raw_details", "start_column", "end_column") if name in given}
    return replace(known, **more)
