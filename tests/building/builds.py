"""A build's steps as workers do them, one after the other in this process; orders as the bot writes them."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, TypeVar

from pipeline.artifacts import ArtifactStore
from pipeline.build_orders import (
    MIX,
    ORDER,
    ORDER_TYPE,
    RESULT,
    BuildOrder,
    OrderedLeaf,
    Phase,
    file_of,
    generating,
    reads_files_of,
    scoring,
    selecting,
    training,
)
from pipeline.build_results import MixResult, ScoreResult, SelectResult, TrainResult
from pipeline.contract import Artifact, Ending, JobSpec, LogLevel, Message, Outcome, TaskKind
from pipeline.generation import Order, Subject, generate
from pipeline.settings import PipelineSettings
from pipeline.tasks.bench import Bench
from pipeline.tasks.generate import stored_files
from pipeline.tasks.registry import run_task
from pipeline.tiny import NAME
from tests.sdg.offline import OfflineTeacher

COMMIT = "c0ffee" + "0" * 34
_Result = TypeVar("_Result", bound=Message)


@dataclass
class Steps:
    "A build and its worker. `files` are what its steps have stored, by role; `told` and `noted` what they said."

    folder: Path
    student: Path | None
    settings: dict[str, Any] = field(default_factory=dict)
    leaves: list[OrderedLeaf] = field(default_factory=list)
    files: dict[str, Artifact] = field(default_factory=dict)
    told: list[tuple[float, str]] = field(default_factory=list)
    noted: list[str] = field(default_factory=list)
    seed: int = 42
    replay_share: float = 1.0

    @property
    def store(self) -> ArtifactStore:
        return ArtifactStore(str(self.folder / "artifacts"))

    def generates(self, *subjects: Subject, fresh: bool = True) -> None:
        "Do what the generate jobs of some leaves do."
        made = asyncio.run(generate(subjects, Order(NAME), OfflineTeacher().models, self.folder / "generated"))
        for data in made:
            self.takes(data.path, *stored_files([data], self.store), fresh=fresh)

    def takes(self, path: str, *files: Artifact, fresh: bool = True) -> None:
        "Take in a leaf with these files."
        self.leaves.append(OrderedLeaf(path, path.startswith("knowledge/"), fresh, (1,)))
        self.files |= {file_of(generating(path), file.name): file for file in files}

    def order(self, step: str, **more: Any) -> BuildOrder:
        "What the bot would write for a step."
        steps = dict.fromkeys(role.rpartition(":")[0] for role in self.files)
        wanted = set(reads_files_of(step, steps))
        files = {role: each for role, each in self.files.items() if role.rpartition(":")[0] in wanted}
        order = BuildOrder("2026-01-05.1", step, COMMIT, self.seed, tuple(self.leaves), files=files)
        return replace(order, replay_share=self.replay_share, **more)

    def does(self, task: TaskKind, order: BuildOrder) -> Outcome:
        "Have a worker do a step, and keep what it has stored."
        spec = JobSpec(7, 1, task, 1, 0, COMMIT, 600.0)
        spec.inputs[ORDER] = self.store.put("order.json", order.to_json().encode(), ORDER_TYPE)
        settings = {
            "artifacts_url": str(self.folder / "artifacts"),
            "work_dir": self.folder / "work",
            "student_model": self.student,
        }
        room = self.folder / f"room-{len(list(self.folder.glob('room-*')))}"
        room.mkdir()
        bench = Bench(PipelineSettings(**settings | self.settings), room, self._tell, self._note)
        outcome = run_task(spec, bench)
        if outcome.ending is Ending.SUCCEEDED:
            self.files |= {file_of(order.step, file.name): file for file in outcome.artifacts}
            assert outcome.result is not None
            self.files[file_of(order.step, RESULT)] = outcome.result
        return outcome

    def mixes(self) -> MixResult:
        "Do the mix."
        return self._result(self.does(TaskKind.MIX, self.order(MIX)), MixResult)

    def trains(self, phase: Phase) -> TrainResult:
        "Train a phase."
        return self._result(self.does(TaskKind.TRAIN, self.order(training(phase))), TrainResult)

    def scores(self, phase: Phase, checkpoint: str) -> ScoreResult:
        "Score one checkpoint."
        order = self.order(scoring(phase, checkpoint), checkpoint=checkpoint)
        return self._result(self.does(TaskKind.SCORE, order), ScoreResult)

    def selects(self, phase: Phase) -> SelectResult:
        "Select."
        return self._result(self.does(TaskKind.SELECT, self.order(selecting(phase))), SelectResult)

    def builds(self) -> list[SelectResult]:
        "Do everything from the mix on; what each phase came to."
        mixed = self.mixes()
        found = []
        for phase in (phase for phase in Phase if phase in mixed.phases):
            for checkpoint in self.trains(phase).checkpoints:
                self.scores(phase, checkpoint.name)
            found.append(self.selects(phase))
        return found

    def folder_of(self, step: str, folder: str, place: Path) -> Path:
        "Fetch a folder that a step has stored, such as a model."
        place.mkdir()
        begins = file_of(step, f"{folder}.")
        for role, artifact in self.files.items():
            if role.startswith(begins):
                self.store.fetch(artifact, place / role.removeprefix(begins))
        return place

    def lines(self, role: str) -> list[bytes]:
        "The lines of a file that a step has stored."
        return self.store.get(self.files[role]).splitlines()

    def put(self, name: str, rows: Sequence[Mapping[str, Any]] | bytes) -> Artifact:
        "Store a file of rows."
        import json

        content = rows if isinstance(rows, bytes) else "".join(json.dumps(row) + "\n" for row in rows).encode()
        return self.store.put(name, content)

    def _result(self, outcome: Outcome, kind: type[_Result]) -> _Result:
        assert outcome.ending is Ending.SUCCEEDED, outcome.message
        assert outcome.result is not None
        return kind.from_json(self.store.get(outcome.result))

    def _tell(self, share: float, stage: str) -> None:
        self.told.append((share, stage))

    def _note(self, text: str, level: LogLevel = LogLevel.INFO) -> None:
        self.noted.append(text)
