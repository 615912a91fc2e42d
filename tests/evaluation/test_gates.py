"""Gates: a model may not fall; what a sample cannot tell, no gate claims."""

from __future__ import annotations

from pathlib import Path

import pytest

from pipeline.evaluation.benchmark_files import SAMPLE_MMLU, SAMPLE_TWO_TURNS, read_benchmark, read_conversations
from pipeline.evaluation.gates import GatePlan, gate_name, judged_gates, mmlu_gate
from pipeline.evaluation.mmlu_tasks import prompt_of
from pipeline.evaluation.pr_bench import Contestants
from pipeline.evaluation.pr_mmlu import row_of
from pipeline.evaluation.statistics import Pair, compare
from pipeline.evaluation.students import load_with_adapters
from pipeline.evaluation.two_turns import two_turns
from pipeline.evaluation_results import BenchmarkRow, Scale, Verdict
from tests.evaluation.speaking import OfflineJudge, Speaker
from tests.evaluation.tiny import TinyFolders


def fallen(n: int, lost: int, gained: int = 0) -> BenchmarkRow:
    "A benchmark on which so many of n questions were lost and gained."
    half = n // 2
    pairs = [Pair(str(i), str(i), float(i < half), float(lost <= i < half + gained)) for i in range(n)]
    return row_of(compare(pairs, Scale.ACCURACY), f"{n}/{lost}", Scale.ACCURACY)


@pytest.mark.parametrize(
    ("row", "passes", "noted"),
    [
        (fallen(400, 40), False, False),
        (fallen(400, 0, 40), True, False),
        (fallen(1000, 10), True, False),  # significant, and within the margin
        (fallen(60, 5, 3), True, True),  # a fall, and too few questions to tell
    ],
)
def test_a_gate_fails_by_a_sure_fall_of_more_than_its_margin(row: BenchmarkRow, passes: bool, noted: bool) -> None:
    "What is not sure passes, and is said not to be sure."
    (gate,) = judged_gates([row])
    assert gate.is_passed is passes
    assert bool(gate.note) is noted


def test_a_margin_can_be_set_for_each_gate() -> None:
    "A wide one lets a fall through."
    row = fallen(400, 40)
    assert [gate.is_passed for gate in judged_gates([row, row], [0.2, None])] == [True, False]


def test_many_gates_are_read_together() -> None:
    "What one gate alone would call a fall is chance among twenty."
    row = fallen(60, 7, 0)
    assert row.p < 0.05
    assert not judged_gates([row])[0].is_passed
    many = judged_gates([row, *[fallen(60, 3, 3)] * 19])
    assert all(gate.is_passed for gate in many)
    assert many[0].p == pytest.approx(min(1.0, row.p * 20))


def test_a_sample_is_never_called_by_a_benchmarks_name(tmp_path: Path) -> None:
    "And a subset says which."
    assert gate_name(SAMPLE_MMLU, "MMLU") == "sample questions (not MMLU)"
    assert gate_name(SAMPLE_TWO_TURNS, "MT-Bench") == "sample questions (not MT-Bench)"
    assert gate_name(tmp_path, "MMLU", "small") == "MMLU, small subset"


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_general_questions_go_through_lm_eval(tiny: TinyFolders, tmp_path: Path) -> None:
    "Subject by subject, each with examples of its own."
    student = load_with_adapters(tiny.base, [tiny.adapter], "cpu")
    files = read_benchmark(SAMPLE_MMLU, "tiny")
    row, (measured,) = mmlu_gate(student, files, "sample", tmp_path, GatePlan(shots=3))
    assert (row.name, row.n, row.facts, row.shots, row.note) == ("sample", 12, 12, 3, "")
    assert [task.task.questions[0].subject for task in measured] == files.questions.subjects()
    for task in measured:
        assert {example.subject for example in task.task.examples} == {task.task.questions[0].subject}
        assert not {prompt_of(q, task.task.form) for q in task.task.examples} & {
            prompt_of(q, task.task.form) for q in task.task.questions
        }
    assert row.base == sum(answer.is_right for task in measured for answer in task.base) / 12


async def test_conversations_are_held_and_scored() -> None:
    "The second turn follows the model's own first answer, and is judged with it in view."
    conversations = read_conversations(SAMPLE_TWO_TURNS)
    right = {turn: said for each in conversations for turn, said in zip(each.turns, each.references, strict=True)}
    knows, guesses, judge = Speaker(lambda asked: right[asked]), Speaker(lambda _: "No idea."), OfflineJudge()
    found = await two_turns(conversations, Contestants(guesses, [knows], judge), "sample")
    assert (found.row.n, found.row.facts) == (20, 10)
    assert found.row.tuned == 10
    assert found.row.verdict is Verdict.IMPROVED
    assert found.counts.made == 40
    second = next(ask for ask in knows.asked if len(ask.messages) == 3)
    assert [message.role for message in second.messages] == ["user", "assistant", "user"]
    assert second.messages[1].content == right[second.messages[0].content]
    seen = [ask.messages[0].content for ask in judge.asked]
    assert sum("<<<EARLIER_ANSWER:" in prompt for prompt in seen) == 20


async def test_a_gate_counts_every_training() -> None:
    "One that lost nothing and one that lost all: the mean counts, and two trainings are too few to be sure."
    conversations = read_conversations(SAMPLE_TWO_TURNS)
    right = {turn: said for each in conversations for turn, said in zip(each.turns, each.references, strict=True)}
    knows, forgot = Speaker(lambda asked: right[asked]), Speaker(lambda _: "No idea.")
    both = await two_turns(conversations, Contestants(knows, [knows, forgot], OfflineJudge()), "sample")
    lost = await two_turns(conversations, Contestants(knows, [forgot], OfflineJudge()), "sample")
    assert (lost.row.runs, both.row.runs, both.counts.made) == (1, 2, 60)
    assert both.row.delta == pytest.approx(lost.row.delta / 2)
    assert both.row.low == -9 < 0 < both.row.high
    assert not judged_gates([lost.row])[0].is_passed
    (gate,) = judged_gates([both.row])
    assert gate.is_passed
    assert "too few to rule a larger fall out" in gate.note


async def test_a_conversation_that_breaks_off_is_counted() -> None:
    "Both of its turns, where the first is not answered."
    conversations = read_conversations(SAMPLE_TWO_TURNS)
    lost = conversations[0].turns[0]
    tuned = Speaker(lambda asked: None if asked == lost else "Well.")
    well = Speaker(lambda _: "Well.")
    found = await two_turns(conversations, Contestants(well, [tuned], OfflineJudge()), "sample")
    assert found.row.n == 18
    assert found.counts.questions_left_out == 2
