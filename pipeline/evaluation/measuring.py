"""Measures a student with lm-eval: every task without and with each adapter, the model loaded once.

Importing this module takes seconds: import it where something is measured, and nowhere else.
"""

from __future__ import annotations

import logging
import math
import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

os.environ["HF_HUB_OFFLINE"] = "1"
os.environ["TQDM_DISABLE"] = "1"  # its bars are for terminals

from lm_eval import evaluator
from lm_eval.models.huggingface import HFLM
from lm_eval.tasks import TaskManager

from pipeline.evaluation.errors import MeasuringError
from pipeline.evaluation.mmlu_tasks import Form, MmluTask, write_tasks
from pipeline.evaluation.questions import Question
from pipeline.evaluation.students import EvaluatedStudent, LoneStudent

Tell = Callable[[float, str], None]  # how far it is, 0 to 1, and the stage


@dataclass(frozen=True, slots=True)
class Answered:
    """What a model made of one question: the log-probability of each choice, and its choice by them."""

    question: Question
    log_probs: tuple[float, ...]
    choice: int
    is_cut: bool  # the prompt was longer than the model reads: its beginning was left out

    @property
    def is_right(self) -> bool:
        """True when it chose the right one."""
        return self.choice == self.question.answer


@dataclass(frozen=True, slots=True)
class Measured:
    """One task's answers by both models, in the order of its questions."""

    task: MmluTask
    base: tuple[Answered, ...]
    tuned: tuple[Answered, ...]


class _QuietLM(HFLM):  # type: ignore[misc] # lm-eval is not typed
    """The student as lm-eval knows models; without a bar for each task, and knowing which prompts did not fit."""

    def __init__(self, student: EvaluatedStudent | LoneStudent, batch_size: int) -> None:
        super().__init__(pretrained=student.model, tokenizer=student.tokenizer, batch_size=batch_size)
        self.too_long: set[tuple[str, str]] = set()

    def loglikelihood(self, requests: Any, disable_tqdm: bool = True) -> Any:
        """Score requests."""
        return super().loglikelihood(requests, disable_tqdm=disable_tqdm)

    def _loglikelihood_tokens(self, requests: Any, *args: Any, **options: Any) -> Any:
        most = self.max_length + 1  # the last token is scored, not read
        self.too_long |= {said for said, context, scored in requests if len(context) + len(scored) > most}
        if any(len(scored) > self.max_length for _, _, scored in requests):
            raise MeasuringError(
                f"A choice alone is longer than the {self.max_length} tokens that the model reads."
            )
        return super()._loglikelihood_tokens(requests, *args, **options)


def measure(
    student: EvaluatedStudent,
    tasks: Sequence[MmluTask],
    folder: Path,
    *,
    batch_size: int = 16,
    with_chat_template: bool = False,
    tell: Tell = lambda *_: None,
) -> list[list[Measured]]:
    """Return for each adapter every task's answers by base and tuned model; the base answers once for all.

    The folder keeps the tasks, for lm-eval itself to read. Raises MeasuringError for what gives no number.
    """
    loaded, lm = _ready(student, tasks, folder, batch_size)
    states: list[tuple[str, AbstractContextManager[None]]] = [("base model answers", student.as_base())]
    for number in range(len(student.adapters)):
        which = "tuned model answers" if len(student.adapters) == 1 else f"model of training {number + 1} answers"
        states.append((which, student.as_tuned(number)))
    found: list[dict[str, tuple[Answered, ...]]] = []
    for at, (which, state) in enumerate(states):
        tell(at / len(states), f"the {which} {sum(len(task.questions) for task in tasks)} questions")
        with state, _quiet():
            found.append(_evaluated(lm, tasks, loaded, with_chat_template=with_chat_template))
    base, *tuned = found
    return [[Measured(task, base[task.name], each[task.name]) for task in tasks] for each in tuned]


def answers_of(
    student: LoneStudent,
    tasks: Sequence[MmluTask],
    folder: Path,
    *,
    batch_size: int = 16,
    with_chat_template: bool = False,
) -> dict[str, tuple[Answered, ...]]:
    """Return one model's answers by the name of the task. Raises MeasuringError as `measure` does."""
    loaded, lm = _ready(student, tasks, folder, batch_size)
    with _quiet():
        return _evaluated(lm, tasks, loaded, with_chat_template=with_chat_template)


def _ready(
    student: EvaluatedStudent | LoneStudent, tasks: Sequence[MmluTask], folder: Path, batch_size: int
) -> tuple[Any, _QuietLM]:
    """Return the tasks and the student as lm-eval knows them."""
    names = write_tasks(tasks, folder)
    with _quiet():
        loaded = TaskManager(include_path=str(folder), include_defaults=False).load(names)
        return loaded, _QuietLM(student, batch_size)


def _evaluated(
    lm: _QuietLM, tasks: Sequence[MmluTask], loaded: Any, *, with_chat_template: bool
) -> dict[str, tuple[Answered, ...]]:
    results = evaluator.evaluate(
        lm=lm,
        task_dict=loaded,
        bootstrap_iters=0,  # the statistics are ours: by facts, and paired
        log_samples=True,
        apply_chat_template=with_chat_template,
        fewshot_as_multiturn=with_chat_template,
    )
    answered = {task.name: _answered(task, results["samples"][task.name], lm.too_long) for task in tasks}
    for task in tasks:
        metric = "acc" if task.form is Form.LETTERS else "acc_norm"
        theirs = float(results["results"][task.name][f"{metric},none"])
        if not math.isclose(theirs, accuracy(answered[task.name]), abs_tol=1e-9):
            raise MeasuringError(f"{task.name}: lm-eval counts {theirs}, and its own answers say otherwise.")
    return answered


def accuracy(answered: Sequence[Answered]) -> float:
    """Return the share of right answers."""
    return sum(each.is_right for each in answered) / len(answered)


def _answered(
    task: MmluTask, samples: Sequence[Mapping[str, Any]], too_long: set[tuple[str, str]]
) -> tuple[Answered, ...]:
    by_id = {sample["doc"]["id"]: sample for sample in samples}
    return tuple(_one(task, question, by_id[question.id], too_long) for question in task.questions)


def _one(task: MmluTask, question: Question, sample: Mapping[str, Any], too_long: set[tuple[str, str]]) -> Answered:
    log_probs = tuple(float(log_prob) for log_prob, _ in sample["filtered_resps"])
    if not all(map(math.isfinite, log_probs)):
        raise MeasuringError("The model gives log-probabilities that are no numbers: its weights are broken.")
    is_cut = any(tuple(said) in too_long for said in sample["arguments"])
    return Answered(question, log_probs, chosen(log_probs, task.scored(question), task.form), is_cut)


def chosen(log_probs: Sequence[float], scored: Sequence[str], form: Form) -> int:
    """Return the most probable choice, the first of equals; where words are scored, by character."""
    weights = [1 if form is Form.LETTERS else len(text) for text in scored]
    return max(range(len(scored)), key=lambda i: (log_probs[i] / weights[i], -i))


@contextmanager
def _quiet() -> Iterator[None]:
    """Keep what lm-eval says to its own users out of the log of a job."""
    log = logging.getLogger("lm_eval")
    level = log.level
    log.setLevel(logging.ERROR)
    try:
        yield
    finally:
        log.setLevel(level)
