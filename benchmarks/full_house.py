"""A database as it is after years: ten thousand pull requests, fifty thousand jobs, a build for each night."""

from __future__ import annotations

import hashlib
import json
import random
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from itertools import islice
from typing import Any

from sqlalchemy import Table, insert, text
from sqlalchemy.ext.asyncio import AsyncEngine

from bot.jobs import JobKind, JobState
from bot.nightly.leaves import LeafChange
from bot.nightly.plan import BuildPlan, MergedPull, PlannedLeaf
from bot.nightly.plan_text import plan_as_text
from bot.readings import ExampleRead, FileRead, FindingRead, LeafRead, PairRead, Reading, Words, packed
from bot.store import tables
from bot.workflow import State
from pipeline.artifacts import ArtifactStore
from pipeline.contract import Artifact, Ending, Outcome, outcome_to_data
from tests.words.evaluating import RESULT as EVALUATED
from tests.words.generating import RESULT as GENERATED

PULLS, JOBS, BUILDS = 10_000, 50_000, 365
OPEN_PULLS, WAITING, RUNNING = 400, 60, 4
FAILS_EACH = 23  # one job of so many
KINDS = (JobKind.PRECHECK, JobKind.GENERATE, JobKind.EVALUATE, JobKind.POSTCHECK)
_OF_PULLS = PULLS * len(KINDS)
_QUEUES = {
    JobKind.GENERATE: "gpu.sdg",
    JobKind.EVALUATE: "gpu.eval",
    JobKind.PRECHECK: "cpu",
    JobKind.POSTCHECK: "gpu.eval",
}
_STEPS = (
    JobKind.GENERATE,
    JobKind.MIX,
    JobKind.TRAIN,
    JobKind.SCORE,
    JobKind.SELECT,
    JobKind.GATE,
    JobKind.PACKAGE,
)
_AT_ONCE = 2000  # rows of one statement
SAMPLES = "compositional_skills-words.samples.jsonl"
_WORDS = (
    *("owl", "otter", "heron", "voles", "river", "night", "feather", "wing"),
    *("stone", "moss", "reed", "pond", "mouse", "tide", "burrow", "nest"),
)


@dataclass(frozen=True, slots=True)
class Files:
    """What jobs have left in the artifact store; many share it, as the store holds each content once."""

    generated: Artifact
    evaluated: Artifact
    samples: Artifact


def store_files(store: ArtifactStore) -> Files:
    """Store results as workers write them."""
    rows = "".join(_sample(number) + "\n" for number in range(600))
    return Files(
        store.put("generate.json", GENERATED.to_json().encode(), "application/json"),
        store.put("evaluate.json", EVALUATED.to_json().encode(), "application/json"),
        store.put(SAMPLES, rows.encode(), "application/jsonl"),
    )


def _sample(number: int) -> str:
    turns = [
        {"role": "user", "content": f"Question {number}?"},
        {"role": "assistant", "content": "An answer. " * 20},
    ]
    about = {"leaf": "x", "split": "train", "origin": "generated", "flow": "freeform"}
    return json.dumps({"id": str(number), "messages": turns, "metadata": about})


def sha_of(number: int) -> str:
    """Return the head of a pull request."""
    return hashlib.sha1(b"%d" % number, usedforsecurity=False).hexdigest()


@dataclass(frozen=True, slots=True)
class Place:
    """The repository that all is about."""

    repository_id: int
    full_name: str
    installation_id: int


async def fill(engine: AsyncEngine, place: Place, files: Files) -> None:
    """Write everything, the newest just now."""
    now = datetime.now(UTC).replace(microsecond=0)
    house = _House(place, files, now, random.Random(1))
    async with engine.begin() as connection:
        for table, rows in house.tables():
            left = iter(rows)
            while some := list(islice(left, _AT_ONCE)):
                await connection.execute(insert(table), some)
    async with engine.connect() as connection:
        await connection.execution_options(isolation_level="AUTOCOMMIT")
        await connection.execute(text("ANALYZE"))


class _House:
    def __init__(self, place: Place, files: Files, now: datetime, chance: random.Random) -> None:
        self._place = place
        self._id = place.repository_id
        self._files = files
        self._now = now
        self._chance = chance

    def tables(self) -> Iterator[tuple[Table, Iterable[dict[str, Any]]]]:
        """Yield every table with its rows."""
        place = self._place
        here = {"id": self._id, "full_name": place.full_name, "installation_id": place.installation_id}
        yield tables.repositories, [here | {"first_seen_at": self._now}]
        yield tables.pull_requests, (self._pull(number) for number in range(1, PULLS + 1))
        yield tables.heads, (row for number in range(1, PULLS + 1) for row in self._heads(number))
        yield tables.readings, self._readings()
        yield (
            tables.leaves,
            (
                {"repository_id": self._id, "number": number, "leaf": self._leaf(number)}
                for number in range(PULLS - OPEN_PULLS, PULLS + 1)
            ),
        )
        yield tables.state_changes, (row for number in range(1, PULLS + 1) for row in self._moves(number))
        yield tables.approvals, (self._approval(number) for number in range(1, PULLS + 1))
        yield tables.rule_hits, (self._hit(number) for number in range(1, PULLS + 1, 2))
        yield tables.audit, (row for number in range(1, PULLS + 1) for row in self._audit(number))
        yield tables.deliveries, (self._delivery(number) for number in range(1, 30_001))
        yield tables.jobs, (self._job(number) for number in range(1, JOBS + 1))
        yield tables.job_reports, (row for number in range(1, JOBS + 1) for row in self._reports(number))
        yield tables.artifacts, (row for number in range(1, PULLS + 1) for row in self._artifacts(number))
        yield tables.builds, (self._build(number) for number in range(1, BUILDS + 1))
        yield tables.build_contributions, (self._contribution(number) for number in range(1, PULLS - OPEN_PULLS))
        yield tables.releases, (self._release(number) for number in range(1, BUILDS + 1))
        yield (
            tables.last_looks,
            (
                {
                    "user_id": 7,
                    "repository_id": self._id,
                    "number": n,
                    "head_sha": sha_of(n),
                    "looked_at": self._now,
                }
                for n in range(1, PULLS, 5)
            ),
        )

    def _when(self, number: int, of: int) -> datetime:
        """Return when the nth of so many was: spread over a year, the last one just now."""
        return self._now - timedelta(days=365) * ((of - number) / of)

    def _leaf(self, number: int) -> str:
        return f"knowledge/science/{_WORDS[number % 16]}/{_WORDS[number // 16 % 16]}_{number}"

    def _pull(self, number: int) -> dict[str, Any]:
        is_open = number > PULLS - OPEN_PULLS
        states = list(State)
        state = states[number % len(states)] if is_open else State.APPROVED
        at, leaf = self._when(number, PULLS), self._leaf(number)
        return {
            "repository_id": self._id,
            "number": number,
            "head_sha": sha_of(number),
            "judged_sha": sha_of(number),
            "verdict_digest": "d" * 64,
            "comment_id": number,
            "comment_node_id": f"IC_{number}",
            "comment_digest": "c" * 64,
            "comment_turn": "triager",
            "comment_posted_for": sha_of(number),
            "own_labels": "knowledge",
            "content_digest": f"{number:064d}",
            "outcome": "failed" if state is State.NOT_READY else "passed",
            "state": state.value,
            "flags": "precheck-generate-ready" if number % 3 == 0 else "",
            "state_since": at,
            "author_id": 1000 + number % 900,
            "author": f"person-{number % 900}",
            "author_seen_at": at,
            "is_open": is_open,
            "paths": json.dumps([f"{leaf}/attribution.txt", f"{leaf}/qna.yaml"]),
            "commit_authors": f"person-{number % 900}",
            "updated_at": at,
            "ruled_at": at,
            "title": " ".join(self._chance.choices(_WORDS, k=7)),
        }

    def _heads(self, number: int) -> list[dict[str, Any]]:
        at = self._when(number, PULLS)
        shas = (sha_of(-number), sha_of(number))
        return [{"repository_id": self._id, "number": number, "sha": sha, "first_seen_at": at} for sha in shas]

    def _readings(self) -> Iterator[dict[str, Any]]:
        """Return what is read of each: of open ones their own, of old ones what some share."""
        pairs = tuple(
            PairRead(Words(f"What does {word} do at night, and why?", 10), Words("It rests. " * 20, 12), 10, 13)
            for word in _WORDS[:3]
        )
        examples = tuple(
            ExampleRead(Words("A long context. " * 90, at), pairs, at, at + 20) for at in range(5, 105, 20)
        )
        findings = tuple(
            FindingRead(
                "counts", "few-words", "Few words", "warning", "It is short.", "Write more.", "qna.yaml", at
            )
            for at in range(1, 6)
        )
        for number in range(1, PULLS + 1):
            leaf = LeafRead(self._leaf(number), "knowledge", "added", is_readable=True, examples=examples)
            if number % 500 == 1:
                files = (FileRead(f"{leaf.path}/qna.yaml", "added"),)
                shared = packed(Reading(sha_of(number), (leaf,), findings, files))
            sheet = shared
            if number > PULLS - OPEN_PULLS:
                sheet = packed(
                    Reading(sha_of(number), (leaf,), findings, (FileRead(f"{leaf.path}/qna.yaml", "added"),))
                )
            key = {"repository_id": self._id, "number": number, "head_sha": sha_of(number)}
            yield key | {"read_at": self._when(number, PULLS), "sheet": sheet}

    def _moves(self, number: int) -> list[dict[str, Any]]:
        at = self._when(number, PULLS)
        steps = ((State.NEW, State.NEEDED, ""), (State.NEEDED, State.CHANGES_REQUESTED, "tess"))
        steps += ((State.CHANGES_REQUESTED, State.FOLLOW_UP, ""), (State.FOLLOW_UP, State.APPROVED, "tess"))
        return [
            {
                "repository_id": self._id,
                "number": number,
                "at": at + timedelta(hours=hour),
                "source": source.value,
                "target": target.value,
                "trigger": "push",
                "actor": actor,
            }
            for hour, (source, target, actor) in enumerate(steps)
        ]

    def _approval(self, number: int) -> dict[str, Any]:
        return {
            "repository_id": self._id,
            "number": number,
            "kind": "triage",
            "actor_id": 7,
            "actor": "tess",
            "sha": sha_of(number),
            "content_digest": f"{number:064d}",
            "at": self._when(number, PULLS),
            "source": f"comment:{number}:1",
            "fell_at": None,
        }

    def _hit(self, number: int) -> dict[str, Any]:
        key = {"repository_id": self._id, "rule": "counts", "number": number}
        return key | {"content_digest": f"{number:064d}", "at": self._when(number, PULLS)}

    def _audit(self, number: int) -> list[dict[str, Any]]:
        acts = ("/triage", "/generate", "/evaluate", "/approve", "/hold", "/unhold")
        return [
            {
                "repository_id": self._id,
                "number": number,
                "at": self._when(number, PULLS),
                "actor_id": 7 + each % 3,
                "actor": ("tess", "tom", "mia")[each % 3],
                "role": "triager",
                "act": act,
                "arguments": "",
                "sha": sha_of(number),
                "result": "done",
                "source": f"comment:{number}:{each}",
            }
            for each, act in enumerate(acts)
        ]

    def _delivery(self, number: int) -> dict[str, Any]:
        at = self._now - timedelta(days=30) * ((30_000 - number) / 30_000)
        state = "failed" if number % 1000 == 0 else "done"
        return {
            "guid": f"{number:036d}",
            "event": ("pull_request", "issue_comment", "check_run")[number % 3],
            "repository_id": self._id,
            "subject": f"{self._id}#{number % PULLS + 1}",
            "payload": b"{}" + b" " * 2000,
            "state": state,
            "attempts": 1,
            "error": "GitHubError: 502" if state == "failed" else "",
            "received_at": at,
            "finished_at": at + timedelta(seconds=1),
        }

    def _job(self, number: int) -> dict[str, Any]:
        is_of_pull = number <= _OF_PULLS
        pull = (number - 1) // len(KINDS) + 1 if is_of_pull else 0
        kind = KINDS[(number - 1) % len(KINDS)] if is_of_pull else _STEPS[number % len(_STEPS)]
        build = 0 if is_of_pull else min(BUILDS, (number - _OF_PULLS) * BUILDS // (JOBS - _OF_PULLS) + 1)
        at = self._when(pull, PULLS) if is_of_pull else self._when(build, BUILDS)
        state = JobState.SUCCEEDED
        if _OF_PULLS - WAITING < number <= _OF_PULLS:
            state = JobState.RUNNING if number <= _OF_PULLS - WAITING + RUNNING else JobState.QUEUED
        elif number % FAILS_EACH == 0:
            state = JobState.FAILED_BY_CONTRIBUTION
        going = state is JobState.RUNNING
        is_over = state.is_over
        return {
            "repository_id": self._id,
            "number": pull,
            "kind": kind.value,
            "head_sha": sha_of(pull),
            "content_digest": f"{pull:064d}",
            "asked_by_id": 7,
            "asked_by": "tess",
            "source": f"comment:{number}:1",
            "queue": _QUEUES.get(kind, "build"),
            "priority": 1,
            "queued_at": at,
            "due_at": at,
            "sent_at": at if is_over or going else None,
            "state": state.value,
            "attempt": 1,
            "infra_retries": 0,
            "hand_backs": 0,
            "not_before": None if is_over or going else self._now + timedelta(days=1),
            "message": "done" if is_over else "",
            "progress_share": 0.4 if going else None,
            "progress_stage": "writing" if going else "",
            "outcome": json.dumps(outcome_to_data(self._outcome(kind, state))) if is_over else "",
            "lease_worker": f"gpu-{number % 4}" if going else "",
            "lease_secret_digest": "",
            "lease_since": at if going else None,
            "lease_heard_at": self._now + timedelta(days=1) if going else None,
            "lease_deadline": self._now + timedelta(days=1) if going else None,
            "lease_sequence": 1 if going else 0,
            "gpu_s": 600.0 if is_over else 0.0,
            "check_run_id": number,
            "check_run_sha": sha_of(pull),
            "is_shown": True,
            "finished_at": at + timedelta(minutes=10) if is_over else None,
            "revision": 3,
            "build_id": build,
            "build_attempt": 1 if build else 0,
            "step": f"{kind.value}/{number}" if build else "",
            "variant": "",
        }

    def _outcome(self, kind: JobKind, state: JobState) -> Outcome:
        if state is JobState.FAILED_BY_CONTRIBUTION:
            return Outcome(Ending.FAILED_BY_CONTRIBUTION, "no question passed the judge", run_s=400.0)
        result = {JobKind.GENERATE: self._files.generated, JobKind.EVALUATE: self._files.evaluated}.get(kind)
        made = (self._files.samples,) if kind is JobKind.GENERATE else ()
        return replace(Outcome(Ending.SUCCEEDED, "done", result, made), run_s=600.0)

    def _reports(self, number: int) -> list[dict[str, Any]]:
        line = {"at": 1.0, "level": "info", "text": "a line of a log that says what is being done just now"}
        lines = json.dumps([line] * 6)
        key = {"job_id": number, "attempt": 1, "at": self._now, "lines": lines}
        return [key | {"sequence": sequence} for sequence in (1, 2)]

    def _artifacts(self, number: int) -> list[dict[str, Any]]:
        weights = Artifact("adapter.adapter_model.safetensors", f"{number:064x}", 1000, "application/octet-stream")
        kept = (self._files.generated, self._files.evaluated, self._files.samples, weights)
        first = len(KINDS) * (number - 1) + 1
        return [
            {
                "sha256": each.sha256,
                "repository_id": self._id,
                "number": number,
                "name": each.name,
                "media_type": each.media_type,
                "size": each.size,
                "job_id": first + (1 if at in (0, 2) else 2),
                "stored_at": self._when(number, PULLS),
            }
            for at, each in enumerate(kept)
        ]

    def _night(self, number: int) -> str:
        return (self._now - timedelta(days=BUILDS - number)).date().isoformat()

    def _build(self, number: int) -> dict[str, Any]:
        at = self._when(number, BUILDS)
        merged = tuple(
            MergedPull(pull, f"person-{pull % 900}", 1000 + pull % 900, sha_of(pull), at)
            for pull in range(26 * number, 26 * number + 26)
        )
        leaves = tuple(
            PlannedLeaf(self._leaf(each.number), LeafChange.NEW, "1" * 40, "2" * 40, (each.number,), (each.author,))
            for each in merged
        )
        plan = BuildPlan(self._id, sha_of(number), leaves=leaves, unchanged=26 * number, pulls=merged)
        return {
            "repository_id": self._id,
            "night": self._night(number),
            "state": "failed" if number % 9 == 0 else "good",
            "attempt": 1,
            "commit_sha": sha_of(number),
            "planned_at": at,
            "began_at": at,
            "ended_at": at + timedelta(hours=3),
            "leaves_new": 26,
            "leaves_changed": 0,
            "leaves_removed": 0,
            "pulls": 26,
            "left_out": 0,
            "plan": plan_as_text(plan),
            "because": "MMLU fell by more than is allowed" if number % 9 == 0 else "",
        }

    def _contribution(self, number: int) -> dict[str, Any]:
        return {
            "build_id": max(1, min(BUILDS, number // 26)),
            "number": number,
            "repository_id": self._id,
            "author_id": 1000 + number % 900,
            "author": f"person-{number % 900}",
            "merge_sha": sha_of(number),
        }

    def _release(self, number: int) -> dict[str, Any]:
        is_kept = number > BUILDS - 10
        return {
            "repository_id": self._id,
            "build_id": number,
            "name": f"{self._night(number)}.1",
            "manifest_sha256": "0" * 64,
            "size": 10**9,
            "files": 12,
            "commit_sha": sha_of(number),
            "state": "served" if number == BUILDS - 1 else "replaced" if is_kept else "removed",
            "added_at": self._when(number, BUILDS),
        }
