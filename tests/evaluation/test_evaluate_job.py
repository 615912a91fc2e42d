"""Evaluate and postcheck jobs, from what was generated to the result: a real student, trained and measured."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from pipeline.contract import Ending, Load, TaskKind
from pipeline.evaluation.benchmark_files import SAMPLE_MMLU
from pipeline.evaluation.students import identity_of
from pipeline.evaluation_results import Verdict
from pipeline.generation import Subject
from pipeline.tasks import ContributionError, InputError
from pipeline.tiny import MODEL_ID, NAME
from pipeline.tiny.process import OfflineTeacherProcess
from tests.evaluation.jobs import HEAD, Jobs
from tests.evaluation.tiny import TinyFolders
from tests.sdg.leaves import FREEFORM, a_freeform_skill, some_knowledge
from tests.training.students import a_row

pytestmark = [
    pytest.mark.filterwarnings("ignore::DeprecationWarning"),
    pytest.mark.filterwarnings("ignore::FutureWarning"),
]


@pytest.fixture
def jobs(tiny: TinyFolders, tmp_path: Path) -> Jobs:
    return Jobs(tmp_path, tiny.base)


async def test_a_contribution_is_taught_measured_judged_and_checked(jobs: Jobs) -> None:
    "Knowledge by its questions, a skill by a judge; whatever a reader of the numbers wants stands beside them."
    import asyncio

    async with OfflineTeacherProcess() as judge:
        jobs.settings |= {"critic_url": judge.url, "critic_model": MODEL_ID, "evaluate_answer_tokens": 12}
        jobs.settings |= {"evaluate_gates_mmlu": SAMPLE_MMLU, "evaluate_gates_subset": "tiny"}
        await asyncio.to_thread(_story, jobs)


def _story(jobs: Jobs) -> None:
    made = jobs.generated(Subject(some_knowledge()), Subject(a_freeform_skill()))
    outcome, result = jobs.evaluates(made)
    assert (outcome.ending, outcome.verdict) == (Ending.SUCCEEDED, result.verdict.value)
    assert [(row.name, row.shots) for row in result.rows] == [("PR-mmlu", 0), ("PR-mmlu", 5), ("PR-bench", 0)]
    assert result.rows[0].verdict is Verdict.TOO_FEW  # 9 questions
    assert [gate.name for gate in result.gates] == ["sample questions (not MMLU), tiny subset"]
    assert result.head_sha == HEAD
    assert len(result.base.sha256) == len(result.adapter.sha256) == 64
    assert result.base.sha256 != result.adapter.sha256
    assert result.seeds == (42,)
    assert result.judgements.made > 0
    assert result.stands_in == f"{NAME}, which wrote the data and judged"
    assert {"training", "multiple choice", "answers", "judging"} <= result.durations_s.keys()
    assert any(name.endswith("questions.jsonl") for name in result.data)
    names = {artifact.name for artifact in outcome.artifacts}
    assert {"pr_mmlu.jsonl", "answers.jsonl", "metrics.jsonl", "adapter.adapter_model.safetensors"} <= names
    answers = next(each for each in outcome.artifacts if each.name == "answers.jsonl")
    first = json.loads(jobs.store.get(answers).splitlines()[0])
    assert first["base_score"] is not None
    assert jobs.needed == [Load.TEACHER]
    shares = [share for share, _ in jobs.told]
    assert shares == sorted(shares)
    _, checked = jobs.checks(outcome, {"compositional_skills/words/qna.yaml": FREEFORM})
    assert len(checked.rows) == 5
    assert all(row.tuned is not None for row in checked.rows)
    assert checked.adapter is not None
    assert checked.adapter.sha256 == result.adapter.sha256
    assert checked.method == "a judge's score"


def test_without_a_judge_words_are_compared_and_what_lacks_is_said(jobs: Jobs) -> None:
    "A skill cannot be measured then, and no number is made up: too few to tell."
    jobs.settings |= {"evaluate_answer_tokens": 8}
    outcome, result = jobs.evaluates(jobs.generated(Subject(a_freeform_skill())))
    assert result.rows == ()
    assert outcome.verdict == Verdict.TOO_FEW.value
    assert "no judge is configured" in outcome.message
    _, checked = jobs.checks(outcome, {"compositional_skills/words/qna.yaml": FREEFORM})
    assert checked.method == "token F1"
    assert jobs.needed == []


def test_a_precheck_asks_the_student_before_anything_is_taught(jobs: Jobs, tiny: TinyFolders) -> None:
    "It is the base model, not the teacher. What it knows already is said in its job's last word, and in the log."
    jobs.settings |= {"precheck_known_from": 0.0}
    outcome, found = jobs.prechecks({"compositional_skills/words/qna.yaml": FREEFORM})
    assert (found.base, found.adapter, found.judge) == (identity_of(tiny.base), None, None)
    assert (len(found.rows), found.method, found.head_sha) == (5, "token F1", HEAD)
    assert all(0 <= row.base_score < 1 and row.tuned is None for row in found.rows)
    assert outcome.message == "The base model answers 0 of 5 seed questions: it knows most of this already."
    assert outcome.message in jobs.noted
    assert jobs.told[-1] == (0.6, "5 of 5 questions answered")
    assert jobs.needed == [Load.STUDENT]


async def test_a_precheck_is_scored_by_a_judge_where_there_is_one(jobs: Jobs) -> None:
    "Its answers come from the student that is here, or from a server that has it: that may be another machine."
    import asyncio

    async with OfflineTeacherProcess() as server:
        jobs.settings |= {"critic_url": server.url, "critic_model": MODEL_ID}
        files = {"compositional_skills/words/qna.yaml": FREEFORM}
        _, here = await asyncio.to_thread(jobs.prechecks, files)
        assert here.method == "a judge's score"
        assert here.judgements.made == len(here.rows) == 5
        assert here.stands_in == f"{NAME}, which judged"
        assert jobs.needed == [Load.STUDENT, Load.TEACHER]
        jobs.settings |= {"student_url": server.url, "student_name": MODEL_ID}
        _, there = await asyncio.to_thread(jobs.prechecks, files)
        assert there.base.name == MODEL_ID
        assert len(there.rows) == 5


def test_a_judge_that_does_not_come_ends_the_job_in_its_words(jobs: Jobs) -> None:
    "As our fault: where teacher and student share a GPU, it could not be brought back."
    jobs.settings |= {"critic_url": "http://127.0.0.1:9/v1", "critic_model": "judge", "evaluate_answer_tokens": 4}
    jobs.trouble = "The model server did not wake up within 5 s."
    rows = [a_row(number, 3, "train" if number < 4 else "test") for number in range(8)]
    outcome = jobs.does(TaskKind.EVALUATE, jobs.samples(rows))
    assert (outcome.ending, outcome.message) == (Ending.INFRA_ERROR, jobs.trouble)


def test_nothing_to_learn_from_is_the_contributions_failure(jobs: Jobs) -> None:
    "In words for its author, before anything is loaded."
    with pytest.raises(ContributionError, match="no sample to learn from"):
        jobs.does(TaskKind.EVALUATE, jobs.samples([a_row(1, 3, "test")]))
    with pytest.raises(ContributionError, match=r"too little to learn from.*longer than 4096 tokens"):
        jobs.does(TaskKind.EVALUATE, jobs.samples([a_row(1, 9000)]))


def test_a_worker_without_a_student_says_so(tmp_path: Path) -> None:
    "Both kinds of job are ours to mend, then; a precheck asks the teacher, if there is one."
    jobs = Jobs(tmp_path, None)
    outcome = jobs.does(TaskKind.PRECHECK, {}, {"compositional_skills/words/qna.yaml": FREEFORM})
    assert outcome.ending is Ending.INFRA_ERROR
    assert "STUDENT_MODEL, STUDENT_URL or TEACHER_URL" in outcome.message
    jobs.settings |= {"student_url": "http://127.0.0.1:9/v1"}
    outcome = jobs.does(TaskKind.PRECHECK, {}, {"compositional_skills/words/qna.yaml": FREEFORM})
    assert "called at STUDENT_URL (STUDENT_NAME)" in outcome.message
    jobs.settings.clear()
    for task in (TaskKind.EVALUATE, TaskKind.POSTCHECK):
        outcome = jobs.does(task, {})
        assert outcome.ending is Ending.INFRA_ERROR
        assert outcome.message == "Not available: no student is configured (STUDENT_MODEL)."


def test_inputs_that_lack_are_named(jobs: Jobs) -> None:
    "An older bot sends no data set, or no adapter."
    with pytest.raises(InputError, match="no data set"):
        jobs.does(TaskKind.EVALUATE, {})
    with pytest.raises(InputError, match="no adapter"):
        jobs.does(TaskKind.POSTCHECK, {}, {"compositional_skills/words/qna.yaml": FREEFORM})


def _cut(folder: Path) -> None:
    file = folder / "model.safetensors"
    file.write_bytes(file.read_bytes()[:-50])


def _nan(folder: Path) -> None:
    import torch
    from safetensors.torch import load_file, save_file

    weights = load_file(folder / "model.safetensors")
    weights = {name: torch.full_like(each, float("nan")) for name, each in weights.items()}
    save_file(weights, folder / "model.safetensors", metadata={"format": "pt"})


@pytest.mark.parametrize(
    ("spoil", "said"),
    [
        (shutil.rmtree, "STUDENT_MODEL: there is no such folder"),
        (_cut, "STUDENT_MODEL/model.safetensors: this file is damaged"),
        (_nan, "Loss or gradient is nan in step 1"),
    ],
)
def test_a_broken_student_is_our_fault_in_words(
    tiny: TinyFolders, tmp_path: Path, spoil: Callable[[Path], None], said: str
) -> None:
    "The folder's place on our disk is not told."
    folder = tmp_path / "student"
    shutil.copytree(tiny.base, folder)
    spoil(folder)
    jobs = Jobs(tmp_path, folder)
    outcome = jobs.does(TaskKind.EVALUATE, jobs.samples([a_row(number, 3) for number in range(4)]))
    assert outcome.ending is Ending.INFRA_ERROR
    assert said in outcome.message
    assert str(tmp_path) not in outcome.message


def test_an_adapter_of_another_student_is_refused(jobs: Jobs, tiny: TinyFolders, tmp_path: Path) -> None:
    "The student was exchanged between evaluation and postcheck."
    put = jobs.store.put
    config, weights = (tiny.adapter / name for name in ("adapter_config.json", "adapter_model.safetensors"))
    made = {f"made:adapter.{path.name}": put(path.name, path) for path in (config, weights)}
    made["made:adapter.base.json"] = put("base.json", b'{"fingerprint": "of another one"}')
    outcome = jobs.does(TaskKind.POSTCHECK, made, {"compositional_skills/words/qna.yaml": FREEFORM})
    assert outcome.ending is Ending.INFRA_ERROR
    assert "adapter was made for another model" in outcome.message


def test_a_full_disk_is_told_as_such(jobs: Jobs, monkeypatch: pytest.MonkeyPatch) -> None:
    "Wherever it strikes."
    import errno

    from pipeline.tasks import evaluate

    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device", "/somewhere/of/ours")

    monkeypatch.setattr(evaluate, "examine", full)
    outcome = jobs.does(TaskKind.EVALUATE, jobs.samples([a_row(1, 3)]))
    assert outcome.ending is Ending.INFRA_ERROR
    assert "disk is full" in outcome.message
    assert "/somewhere" not in outcome.message
