"""A gate as a worker does it: candidate, last good build and student asked the same, each once."""

from __future__ import annotations

import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from pipeline.build_files import MANIFEST, canonical, files_in
from pipeline.build_orders import GATE, MIX, BuildOrder, Phase, PublishedBuild, Variant, selecting, variant
from pipeline.build_results import GateResult, VariantResult
from pipeline.building.gate_step import NOTHING_TO_ASK
from pipeline.contract import Ending, Outcome, TaskKind
from pipeline.evaluation.benchmark_files import SAMPLE_MMLU, SAMPLE_TWO_TURNS
from pipeline.evaluation.students import identity_of
from pipeline.generation import Subject
from pipeline.model_store import ModelStore
from pipeline.tiny import MODEL_ID
from pipeline.tiny.process import OfflineTeacherProcess
from tests.building.builds import Steps
from tests.sdg.leaves import a_freeform_skill, some_knowledge

pytestmark = [
    pytest.mark.filterwarnings("ignore::DeprecationWarning"),
    pytest.mark.filterwarnings("ignore::FutureWarning"),
]
OWLS, POEMS = some_knowledge(), a_freeform_skill()


@pytest.fixture(scope="module")
def built(student: Path, tmp_path_factory: pytest.TempPathFactory) -> Steps:
    "A build up to its selected models; nobody changes it."
    steps = Steps(tmp_path_factory.mktemp("built"), student, {"build_preset": "tiny", "build_epochs": 1})
    steps.settings["model_store_url"] = str(steps.folder / "models")
    steps.generates(Subject(OWLS))
    steps.generates(Subject(POEMS), fresh=False)
    steps.builds()
    return steps


def a_copy(built: Steps) -> Steps:
    "The same build, to go on with."
    return replace(
        built, files=dict(built.files), leaves=list(built.leaves), told=[], noted=[], settings=dict(built.settings)
    )


def measures(steps: Steps, seed: int, *without: str) -> VariantResult:
    "Train and measure a variant."
    name = f"without-{'-'.join(without)}-{seed}" if without else f"seed-{seed}"
    order = steps.order(variant(name), variant=Variant(seed, without))
    return steps._result(steps.does(TaskKind.VARIANT, order), VariantResult)


def decides(steps: Steps, **more: Any) -> tuple[Outcome, GateResult]:
    "Do the gate."
    outcome = steps.does(TaskKind.GATE, steps.order(GATE, **more))
    return outcome, steps._result(outcome, GateResult)


def published(steps: Steps, name: str, model: Path) -> PublishedBuild:
    "Publish a model as a build."
    place = steps.folder / f"to-publish-{name}"
    shutil.copytree(model, place / "model")
    files = [{"path": file.path, "sha256": file.sha256, "size": file.size} for file in files_in(place)]
    (place / MANIFEST).write_bytes(canonical({"name": name, "files": files}))
    return ModelStore(steps.settings["model_store_url"], 1).write(name, place)


def test_the_first_build_is_held_against_the_student(built: Steps) -> None:
    "Its own questions and all others, with the noise of other seeds in the intervals; then it says what it did."
    steps = a_copy(built)
    seeds = [measures(steps, seed) for seed in (101, 102)]
    outcome, result = decides(steps)
    (compared,) = result.comparisons
    assert compared.against == "the student"
    assert [row.name for row in compared.rows] == ["PR-mmlu of included contributions"]
    assert [gate.name for gate in compared.gates] == ["PR-mmlu of included contributions"]
    (name,) = seeds[0].scores
    assert seeds[0].counts[name] == compared.rows[0].n
    assert sum(each.n for each in seeds[0].leaves) == compared.rows[0].n
    assert result.noise_seeds == 2
    assert result.noise_freedom == 1
    assert result.noise[name] == pytest.approx(abs(seeds[0].scores[name] - seeds[1].scores[name]) / 2**0.5)
    (contribution,) = result.contributions
    assert contribution.number == 1
    assert contribution.benchmark.delta == pytest.approx(compared.rows[0].delta)
    assert result.candidate.name == "2026-01-05.1"
    assert outcome.verdict == ("passed" if result.is_passed else "failed")
    assert "tiny" not in result.stands_in
    assert "offline teacher" in result.stands_in


def test_a_build_like_the_last_good_one_passes_with_no_difference(built: Steps) -> None:
    "The last good build comes from the store of models, verified; the pinned release is asked once if it is that."
    steps = a_copy(built)
    model = steps.folder_of(selecting(Phase.SKILLS), "model", steps.folder / "selected")
    last = published(steps, "2026-01-04.1", model)
    _, result = decides(steps, last=last, pinned=last)
    (compared,) = result.comparisons
    assert compared.against == "2026-01-04.1"
    assert all(row.delta == 0 and row.low <= 0 <= row.high for row in compared.rows)
    assert result.is_passed
    assert result.gains == result.losses == ()
    assert result.candidate.sha256 == identity_of(model).sha256
    assert any("was not measured" in remark for remark in result.remarks)
    _, both = decides(steps, last=last)
    assert [each.against for each in both.comparisons] == ["2026-01-04.1", "the student"]


def test_a_last_build_that_somebody_changed_is_nothing_to_be_held_against(built: Steps) -> None:
    "That is for an operator; where the store lies is nobody's business."
    steps = a_copy(built)
    model = steps.folder_of(selecting(Phase.SKILLS), "model", steps.folder / "selected-too")
    last = published(steps, "2026-01-03.1", model)
    (lies,) = (steps.folder / "models").rglob("2026-01-03.1/model/config.json")
    lies.write_text("{}")
    outcome = steps.does(TaskKind.GATE, steps.order(GATE, last=last))
    assert outcome.ending is Ending.INFRA_ERROR
    assert "damaged" in outcome.message
    assert str(steps.folder) not in outcome.message


def test_what_nobody_can_measure_does_not_pass(student: Path, tmp_path: Path) -> None:
    "No question, no judge, no benchmark: said so, with what to set."
    steps = Steps(tmp_path, student, {"build_preset": "tiny", "build_epochs": 1})
    steps.generates(Subject(POEMS))
    steps.builds()
    outcome, result = decides(steps)
    assert not result.is_passed
    assert result.failed == ()
    assert result.unmeasured == NOTHING_TO_ASK
    assert "TAXONOMY_PIPELINE_CRITIC_URL" in outcome.message
    assert any("no judge is configured" in remark for remark in result.remarks)


def test_a_variant_learns_nothing_of_what_it_is_to_do_without(built: Steps) -> None:
    "Without all leaves it is the student as it is; with them, the same seed gives the same scores."
    steps = a_copy(built)
    every = tuple(sorted(leaf.path for leaf in steps.leaves))
    nothing = measures(steps, 7, *every)
    assert nothing.without == every
    assert any("measured as it is" in line for line in steps.noted)
    _, result = decides(steps)
    (row,) = result.comparisons[0].rows
    assert nothing.scores[row.name] == pytest.approx(row.base)
    steps.noted.clear()
    first, again = measures(steps, 7, OWLS.path), measures(steps, 7, OWLS.path)
    assert first == again
    learnt = steps.lines(f"{MIX}:skills.train.jsonl")
    assert (
        f"{sum(OWLS.path.encode() not in line for line in learnt)} samples, without 1 leaves, seed 7" in steps.noted
    )


def test_an_order_without_its_variant_is_refused(built: Steps) -> None:
    "Bot and worker are not alike: it says so."
    steps = a_copy(built)
    order: BuildOrder = steps.order(variant("seed-1"))
    with pytest.raises(Exception, match="names no variant"):
        steps.does(TaskKind.VARIANT, order)


async def test_with_a_judge_skills_and_conversations_are_gated_too(built: Steps) -> None:
    "What was held out of a skill's samples, the operator's files, and who stood in for whom."
    import asyncio

    async with OfflineTeacherProcess() as judge:
        steps = a_copy(built)
        steps.settings |= {"critic_url": judge.url, "critic_model": MODEL_ID, "evaluate_answer_tokens": 12}
        steps.settings |= {"evaluate_gates_mmlu": SAMPLE_MMLU, "evaluate_gates_subset": "tiny"}
        steps.settings |= {"evaluate_gates_two_turns": SAMPLE_TWO_TURNS}
        await asyncio.to_thread(_judged, steps)


def _judged(steps: Steps) -> None:
    seed = measures(steps, 101)
    _, result = decides(steps)
    (compared,) = result.comparisons
    assert [row.name for row in compared.rows] == [
        "PR-mmlu of included contributions",
        "PR-bench of all other leaves",
        "sample questions (not MMLU), tiny subset",
        "sample questions (not MT-Bench)",
    ]
    assert len(compared.gates) == 4
    assert {gate.margin for gate in compared.gates} == {0.02, 0.3}
    assert seed.scores.keys() == {row.name for row in compared.rows}
    assert all(1 <= row.tuned <= 10 for row in compared.rows if row.name.startswith("PR-bench"))
    assert result.stands_in.endswith("which wrote the data and judged")
    assert len(result.gains) <= 5
    assert all(side.question and side.reference for side in (*result.gains, *result.losses))
