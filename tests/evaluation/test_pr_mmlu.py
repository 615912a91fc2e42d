"""PR-mmlu: lm-eval's numbers are those of a plain forward pass, and base and adapter share one load."""

from __future__ import annotations

import json
import shutil
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from pipeline.datasets import read_jsonl
from pipeline.evaluation.mmlu_tasks import Form, prompt_of, tasks_for, write_tasks
from pipeline.evaluation.pr_mmlu import MmluPlan, pr_mmlu, rows_of, write_table
from pipeline.evaluation.questions import Question, QuestionSet
from pipeline.evaluation.students import identity_of, load_with_adapters
from pipeline.evaluation_results import Scale
from pipeline.sdg.rows import Split
from pipeline.training.errors import TrainingError
from tests.evaluation.tiny import TinyFolders, question, some_questions

if TYPE_CHECKING:
    from pipeline.evaluation.students import EvaluatedStudent

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning")


@pytest.fixture(scope="module")
def student(tiny: TinyFolders) -> EvaluatedStudent:
    return load_with_adapters(tiny.base, [tiny.adapter], "cpu")


def by_hand(model: Any, tokenizer: Any, before: str, scored: str) -> float:
    "The log-probability of a text after another, from one forward pass."
    import torch

    context = tokenizer(before, add_special_tokens=False)["input_ids"]
    whole = tokenizer(before + scored, add_special_tokens=False)["input_ids"]
    assert whole[: len(context)] == context
    with torch.no_grad():
        log_probs = model(torch.tensor([whole])).logits[0].double().log_softmax(-1)
    return sum(float(log_probs[at - 1, whole[at]]) for at in range(len(context), len(whole)))


def shown(examples: tuple[Question, ...], asked: Question, form: Form) -> str:
    "The prompt, written out by hand."
    told = ""
    for each in examples:
        right = each.letters[each.answer] if form is Form.LETTERS else each.choices[each.answer]
        told += f"{prompt_of(each, form)} {right}\n\n"
    return told + prompt_of(asked, form)


@pytest.mark.parametrize("form", Form)
def test_accuracy_is_that_of_a_hand_computation(student: EvaluatedStudent, tmp_path: Path, form: Form) -> None:
    "Every log-probability, every choice, and the share of right ones; with examples and without, base and tuned."
    questions = some_questions(12)
    (measured,) = pr_mmlu(student, questions, tmp_path, MmluPlan(form=form))
    assert [task.task.shots for task in measured] == [0, 5]
    for task in measured:
        for tuned, answers in ((False, task.base), (True, task.tuned)):
            right = 0
            for asked, found in zip(questions.test, answers, strict=True):
                scored = list(asked.letters) if form is Form.LETTERS else list(asked.choices)
                before = shown(questions.examples(task.task.shots), asked, form)
                if tuned:
                    expected = [by_hand(student.model, student.tokenizer, before, f" {text}") for text in scored]
                else:
                    with student.as_base():
                        expected = [
                            by_hand(student.model, student.tokenizer, before, f" {text}") for text in scored
                        ]
                assert list(found.log_probs) == pytest.approx(expected, abs=1e-3)
                weighed = [
                    e / (1 if form is Form.LETTERS else len(t)) for e, t in zip(expected, scored, strict=True)
                ]
                assert weighed[found.choice] == pytest.approx(max(weighed), abs=1e-3)
                right += found.choice == asked.answer
            row = next(row for row in rows_of([measured]) if row.shots == task.task.shots)
            assert (row.tuned if tuned else row.base) == pytest.approx(right / len(questions.test), abs=1e-12)
    assert all(row.scale is Scale.ACCURACY and row.n == 12 and row.facts == 6 for row in rows_of([measured]))


def test_one_load_gives_what_two_loads_give(student: EvaluatedStudent, tiny: TinyFolders, tmp_path: Path) -> None:
    "lm-eval alone, loading base and then base with adapter, gets the same log-probabilities; the adapter matters."
    from lm_eval import simple_evaluate
    from lm_eval.models.huggingface import HFLM
    from lm_eval.tasks import TaskManager

    (measured,) = pr_mmlu(student, some_questions(), tmp_path / "ours")
    names = write_tasks([each.task for each in measured], tmp_path / "theirs")
    given = {"device": "cpu", "dtype": "float32", "batch_size": 16}
    for which, adapter in (("base", None), ("tuned", str(tiny.adapter))):
        results = simple_evaluate(
            model=HFLM(pretrained=str(tiny.base), peft=adapter, **given),
            tasks=list(names),
            task_manager=TaskManager(include_path=str(tmp_path / "theirs"), include_defaults=False),
            bootstrap_iters=0,
        )
        for task in measured:
            theirs = {
                sample["doc"]["id"]: [float(log_prob) for log_prob, _ in sample["filtered_resps"]]
                for sample in results["samples"][task.task.name]
            }
            for found in getattr(task, which):
                assert list(found.log_probs) == pytest.approx(theirs[found.question.id], abs=1e-5)
    assert measured[0].base[0].log_probs != measured[0].tuned[0].log_probs


def test_the_base_stays_the_base(student: EvaluatedStudent, tmp_path: Path) -> None:
    "Measured again after the tuned model, in whatever order, each gives the same."
    (once,) = pr_mmlu(student, some_questions(8), tmp_path / "1", MmluPlan(shots=(0,)))
    (again,) = pr_mmlu(student, some_questions(8), tmp_path / "2", MmluPlan(shots=(0,)))
    assert once[0].base == again[0].base
    assert once[0].tuned == again[0].tuned


def loaded_tasks(questions: QuestionSet, folder: Path, shots: int) -> Any:
    from lm_eval.tasks import TaskManager

    names = write_tasks(tasks_for("pr_mmlu", questions, (shots,)), folder)
    return TaskManager(include_path=str(folder), include_defaults=False).load(list(names))["tasks"][names[0]]


def test_examples_are_never_questions_that_are_measured(tmp_path: Path) -> None:
    "What lm-eval shows before a question are the dev questions, the same for all, and nothing of the test."
    questions = some_questions()
    task = loaded_tasks(questions, tmp_path, 5)
    for doc, asked in zip(task.test_docs(), questions.test, strict=True):
        prompt = task.fewshot_context(doc, task.config.num_fewshot)
        assert prompt == shown(questions.examples(5), asked, Form.LETTERS)
        others = [other.question for other in questions.test if other is not asked]
        assert not [text for text in others if text in prompt]


@pytest.mark.parametrize(
    ("dev", "note"), [(5, ""), (3, "3 of 5 examples shown"), (1, "there is no more"), (0, "0 of 5")]
)
def test_fewer_examples_than_shots_are_said(student: EvaluatedStudent, tmp_path: Path, dev: int, note: str) -> None:
    "As many are shown as there are; none is taken from the test."
    (measured,) = pr_mmlu(student, some_questions(10, dev), tmp_path, MmluPlan(shots=(5,)))
    assert len(measured[0].task.examples) == dev
    (row,) = rows_of([measured])
    assert note in row.note
    assert bool(note) == bool(row.note)
    assert (row.shots, row.n) == (5, 10)


def test_no_text_of_a_question_is_a_template(student: EvaluatedStudent, tmp_path: Path) -> None:
    "Braces, digits alone, lists and tags are asked as they stand."
    nasty = (
        Question(
            "1",
            "{{ 7 * 7 }} {% for x in range(9999999) %}x{% endfor %}",
            ("{{ 1 }}", "[1]", "{}", "0"),
            1,
            "1",
            Split.TEST,
        ),
        Question("2", "12345", ("1", "2", "3", "4"), 3, "2", Split.TEST),
        Question("3", "!function os.system", ("yes: no", "- a", "null", "~"), 0, "3", Split.TEST),
    )
    for form in Form:
        questions = QuestionSet(nasty, (question(900, Split.DEV),))
        (measured,) = pr_mmlu(student, questions, tmp_path / form, MmluPlan(shots=(0, 1), form=form))
        for task in measured:
            for asked, found in zip(nasty, task.base, strict=True):
                scored = list(asked.letters) if form is Form.LETTERS else list(asked.choices)
                before = shown(task.task.examples, asked, form)
                with student.as_base():
                    expected = [by_hand(student.model, student.tokenizer, before, f" {text}") for text in scored]
                assert list(found.log_probs) == pytest.approx(expected, abs=1e-3)


def test_every_question_is_written_down(student: EvaluatedStudent, tmp_path: Path) -> None:
    "With gold, both choices and the log-probabilities; counting them gives the row."
    (measured,) = pr_mmlu(student, some_questions(), tmp_path)
    write_table(tmp_path / "pr_mmlu.jsonl", measured)
    rows = list(read_jsonl(tmp_path / "pr_mmlu.jsonl"))
    assert len(rows) == 48
    assert Counter(row["gold"] for row in rows) == dict.fromkeys("ABCD", 12)
    for row in rows_of([measured]):
        of_shots = [each for each in rows if each["shots"] == row.shots]
        assert sum(each["base"] == each["gold"] for each in of_shots) / 24 == row.base
        assert sum(each["tuned"] == each["gold"] for each in of_shots) / 24 == row.tuned


def test_prompts_that_do_not_fit_are_counted(tiny: TinyFolders, tmp_path: Path) -> None:
    "lm-eval leaves out their beginning with a line in the log; here the result says so."
    small = tmp_path / "small"
    shutil.copytree(tiny.base, small)
    config = json.loads((small / "config.json").read_text())
    (small / "config.json").write_text(json.dumps(config | {"max_position_embeddings": 96}))
    student = load_with_adapters(small, [tiny.adapter], "cpu")
    long = question(0, question="owls and voles " * 60)
    questions = QuestionSet((*some_questions(6).test[1:], long), ())
    (row,) = rows_of(pr_mmlu(student, questions, tmp_path / "tasks", MmluPlan(shots=(0,))))
    assert "1 prompts were longer than the model reads" in row.note
    assert row.n == 6


def test_broken_weights_give_no_number(student: EvaluatedStudent, tmp_path: Path) -> None:
    "Not an accuracy of zero."
    import torch

    from pipeline.evaluation.measuring import MeasuringError

    weights = next(p for name, p in student.model.named_parameters() if "lora_B" in name)
    kept = weights.detach().clone()
    try:
        with torch.no_grad():
            weights.fill_(float("nan"))
        with pytest.raises(MeasuringError, match="no numbers"):
            pr_mmlu(student, some_questions(4), tmp_path, MmluPlan(shots=(0,)))
    finally:
        with torch.no_grad():
            weights.copy_(kept)


def test_an_adapter_of_another_model_is_refused(tiny: TinyFolders, tmp_path: Path) -> None:
    "Before anything is measured, and in words."
    other = tmp_path / "other"
    shutil.copytree(tiny.adapter, other)
    (other / "base.json").write_text('{"fingerprint": "0123456789abcdef"}')
    with pytest.raises(TrainingError, match="made for another model"):
        load_with_adapters(tiny.base, [other], "cpu")


def test_models_are_told_apart_by_their_files(tiny: TinyFolders, tmp_path: Path) -> None:
    "Wherever they lie; one changed byte is another model."
    copy = tmp_path / "base"
    shutil.copytree(tiny.base, copy)
    assert identity_of(copy) == identity_of(tiny.base)
    weights = bytearray((copy / "model.safetensors").read_bytes())
    weights[-1] ^= 1
    (copy / "model.safetensors").write_bytes(weights)
    assert identity_of(copy).sha256 != identity_of(tiny.base).sha256
