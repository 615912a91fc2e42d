"""What really happened to jobs, written down by the database at every change and by GitHub at every write."""

from __future__ import annotations

import json
import re
import sqlite3
from collections import defaultdict
from dataclasses import dataclass
from pathlib import Path

from bot.jobs import JobState
from bot.simulator import Repository, Simulator
from bot.simulator.server import RequestRecord, ResponseRecord

_HISTORY = """
CREATE TABLE IF NOT EXISTS chaos_history (
    id INTEGER PRIMARY KEY, job_id INTEGER, state TEXT, attempt INTEGER, outcome TEXT
);
CREATE TRIGGER IF NOT EXISTS chaos_added AFTER INSERT ON jobs BEGIN
    INSERT INTO chaos_history (job_id, state, attempt, outcome)
    VALUES (new.id, new.state, new.attempt, new.outcome);
END;
CREATE TRIGGER IF NOT EXISTS chaos_changed AFTER UPDATE ON jobs
WHEN (old.state, old.attempt, old.outcome) IS NOT (new.state, new.attempt, new.outcome) BEGIN
    INSERT INTO chaos_history (job_id, state, attempt, outcome)
    VALUES (new.id, new.state, new.attempt, new.outcome);
END;
"""
_CHECK_RUN = re.compile(r"/check-runs(/\d+)?$")
_CONCLUSIONS = {
    JobState.SUCCEEDED: "success",
    JobState.CANCELLED: "cancelled",
    JobState.SUPERSEDED: "cancelled",
    JobState.INFRA_ERROR: "neutral",
    JobState.TIMED_OUT: "neutral",
}


@dataclass(frozen=True, slots=True)
class Row:
    """One job as the database has it now."""

    id: int
    number: int
    state: JobState
    attempt: int
    is_sent: bool
    is_shown: bool
    worker: str


class Ledger:
    """Reads the bot's database from outside, and listens to what is written to GitHub."""

    def __init__(self, database: Path, github: Simulator, repo: Repository) -> None:
        self._connection = sqlite3.connect(database, timeout=30, isolation_level=None)
        self._connection.executescript(_HISTORY)
        self._repo = repo
        self._shown: defaultdict[str, list[str]] = defaultdict(list)  # by external id: each status that was written
        github.observers.append(self._look)

    def close(self) -> None:
        "Let go of the database."
        self._connection.close()

    def job_of(self, number: int) -> Row | None:
        "Return the newest job of a pull request."
        found = self._connection.execute(
            "SELECT id, number, state, attempt, sent_at IS NOT NULL, is_shown, lease_worker FROM jobs "
            "WHERE number = ? ORDER BY id DESC LIMIT 1",
            (number,),
        ).fetchone()
        if found is None:
            return None
        job_id, number, state, attempt, is_sent, is_shown, worker = found
        return Row(job_id, number, JobState(state), attempt, bool(is_sent), bool(is_shown), worker)

    def complaints(self, job: Row) -> list[str]:
        "Return what is wrong with a job that should be over, in words; nothing for one that ended as it has to."
        return [*self._wrong_ends(job), *self._wrong_check_runs(job), *self._wrong_results(job)]

    def is_ended_once(self, job: Row) -> bool:
        "True when it came into exactly one end and stayed there."
        return not self._wrong_ends(job)

    def check_runs(self, job: Row) -> int:
        "Return how many check runs GitHub has of a job."
        return sum(run.external_id == f"job:{job.id}" for run in self._repo.runs.values())

    def is_in_progress(self, job: Row) -> bool:
        "True when GitHub shows a job as going on."
        return any(
            run.external_id == f"job:{job.id}" and run.status != "completed" for run in self._repo.runs.values()
        )

    def results(self, job: Row) -> int:
        "Return how many results are kept of a job."
        query = "SELECT count(*) FROM artifacts WHERE number = ? AND name = 'precheck.json'"
        return int(self._connection.execute(query, (job.number,)).fetchone()[0])

    def _wrong_ends(self, job: Row) -> list[str]:
        query = "SELECT state, attempt, outcome FROM chaos_history WHERE job_id = ? ORDER BY id"
        history = self._connection.execute(query, (job.id,)).fetchall()
        ends = [index for index, (state, _, _) in enumerate(history) if JobState(state).is_over]
        if len(ends) == 1 and ends[0] == len(history) - 1:
            return []
        return [f"job {job.id} went {' > '.join(f'{state} {attempt}' for state, attempt, _ in history)}"]

    def _wrong_check_runs(self, job: Row) -> list[str]:
        name = f"job:{job.id}"
        runs = [run for run in self._repo.runs.values() if run.external_id == name]
        if len(runs) != 1:
            return [f"job {job.id} has {len(runs)} check runs"]
        shown, expected = self._shown[name], _CONCLUSIONS[job.state]
        wrong = []
        if runs[0].conclusion != expected:
            wrong.append(f"job {job.id} is {job.state}, its check run {runs[0].status} {runs[0].conclusion}")
        if "completed" in shown and set(shown[shown.index("completed") :]) != {"completed"}:
            wrong.append(f"job {job.id} was shown as {' > '.join(shown)}")
        return wrong

    def _wrong_results(self, job: Row) -> list[str]:
        expected = int(job.state is JobState.SUCCEEDED)
        found = self.results(job)
        return [] if found == expected else [f"job {job.id} is {job.state} with {found} results"]

    def _look(self, request: RequestRecord, response: ResponseRecord) -> None:
        if request.method in ("POST", "PATCH") and _CHECK_RUN.search(request.path) and response.status < 300:
            body = json.loads(request.body)
            if str(body.get("external_id", "")).startswith("job:"):
                self._shown[body["external_id"]].append(body["status"])
