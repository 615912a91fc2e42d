"""Evaluate and postcheck jobs as a worker does them, with a data set that the offline teacher has written."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from pipeline.artifacts import ArtifactStore
from pipeline.contract import Artifact, JobSpec, Load, LogLevel, Outcome, TaskKind
from pipeline.evaluation_results import EvaluateResult, SeedCheckResult
from pipeline.generation import Order, Subject, generate
from pipeline.model_server import ModelServerError
from pipeline.settings import PipelineSettings
from pipeline.tasks.bench import Bench
from pipeline.tasks.generate import stored_files
from pipeline.tasks.precheck import CONTRIBUTION
from pipeline.tasks.registry import run_task
from pipeline.tiny import NAME
from tests.sdg.offline import OfflineTeacher

HEAD = "c0ffee" + "0" * 34


@dataclass
class Jobs:
    "A worker's room. `told` and `noted` hold what it said, `needed` what it had loaded."

    folder: Path
    student: Path | None
    settings: dict[str, Any] = field(default_factory=dict)
    told: list[tuple[float, str]] = field(default_factory=list)
    noted: list[str] = field(default_factory=list)
    needed: list[Load] = field(default_factory=list)
    trouble: str = ""  # why what is needed cannot be loaded

    @property
    def store(self) -> ArtifactStore:
        return ArtifactStore(str(self.folder / "artifacts"))

    def generated(self, *subjects: Subject) -> dict[str, Artifact]:
        "What the generate job would have stored, by role."
        made = asyncio.run(generate(subjects, Order(NAME), OfflineTeacher().models, self.folder / "generated"))
        return {f"made:{artifact.name}": artifact for artifact in stored_files(made, self.store)}

    def samples(self, rows: Sequence[Mapping[str, Any]], questions: Sequence[Mapping[str, Any]] = ()) -> Any:
        "The same of rows as they are given."
        put = self.store.put
        found = {"made:owls.samples.jsonl": put("owls.samples.jsonl", _lines(rows))}
        if questions:
            found["made:owls.questions.jsonl"] = put("owls.questions.jsonl", _lines(questions))
        return found

    def does(
        self, task: TaskKind, inputs: Mapping[str, Artifact], files: Mapping[str, str] | None = None
    ) -> Outcome:
        "Do a job; `files` are the contribution."
        spec = JobSpec(7, 1, task, 1, 12, HEAD, 600.0, dict(inputs))
        content = json.dumps(dict(files or {})).encode()
        spec.inputs[CONTRIBUTION] = self.store.put("contribution.json", content, "application/json")
        settings = {
            "artifacts_url": str(self.folder / "artifacts"),
            "work_dir": self.folder / "work",
            "student_model": self.student,
        }
        room = self.folder / f"room-{len(list(self.folder.glob('room-*')))}"
        room.mkdir()
        return run_task(
            spec, Bench(PipelineSettings(**settings | self.settings), room, self._tell, self._note, self._need)
        )

    def evaluates(self, inputs: Mapping[str, Artifact]) -> tuple[Outcome, EvaluateResult]:
        "Do an evaluate job that has a result."
        outcome = self.does(TaskKind.EVALUATE, inputs)
        assert outcome.result is not None, outcome.message
        return outcome, EvaluateResult.from_json(self.store.get(outcome.result))

    def checks(self, after: Outcome, files: Mapping[str, str]) -> tuple[Outcome, SeedCheckResult]:
        "Do a postcheck job with what an evaluate job has stored."
        made = {f"made:{artifact.name}": artifact for artifact in after.artifacts}
        outcome = self.does(TaskKind.POSTCHECK, made, files)
        assert outcome.result is not None, outcome.message
        return outcome, SeedCheckResult.from_json(self.store.get(outcome.result))

    def prechecks(self, files: Mapping[str, str]) -> tuple[Outcome, SeedCheckResult]:
        "Do a precheck job that has a result."
        outcome = self.does(TaskKind.PRECHECK, {}, files)
        assert outcome.result is not None, outcome.message
        return outcome, SeedCheckResult.from_json(self.store.get(outcome.result))

    def _tell(self, share: float, stage: str) -> None:
        self.told.append((share, stage))

    def _note(self, text: str, level: LogLevel = LogLevel.INFO) -> None:
        self.noted.append(text)

    def _need(self, load: Load) -> None:
        self.needed.append(load)
        if self.trouble:
            raise ModelServerError(self.trouble)


def _lines(rows: Sequence[Mapping[str, Any]]) -> bytes:
    return "".join(json.dumps(row) + "\n" for row in rows).encode()
