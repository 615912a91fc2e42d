"""Questions as tasks of lm-eval: a folder of task files and data, which its own command line reads as well.

Prompts are made here and stored with the data, so that no text of a question is ever read as a template.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Any

import yaml

from pipeline.datasets import write_jsonl
from pipeline.evaluation.questions import LETTERS, Question, QuestionSet


class Form(StrEnum):
    """What is scored of each choice."""

    LETTERS = "letters"  # the choices are shown, and the letter of each is scored
    ANSWERS = "answers"  # each choice's own words are scored, by character: for models too small for letters


@dataclass(frozen=True, slots=True)
class MmluTask:
    """One task: some questions of one subject, asked with so many examples before each."""

    name: str
    questions: tuple[Question, ...]
    examples: tuple[Question, ...]
    shots: int  # that were wanted; there may be fewer examples
    form: Form

    @property
    def note(self) -> str:
        """What a reader of the result has to know of its shots, or an empty text."""
        if len(self.examples) == self.shots:
            return ""
        there = len(self.examples)
        return f"{there} of {self.shots} examples shown: there {'is' if there == 1 else 'are'} no more"

    def scored(self, question: Question) -> tuple[str, ...]:
        """Return what is scored of each choice."""
        return tuple(question.letters) if self.form is Form.LETTERS else question.choices


def tasks_for(name: str, questions: QuestionSet, shots: Iterable[int], form: Form = Form.LETTERS) -> list[MmluTask]:
    """Return a task for each number of shots and each subject. Examples come from the dev questions alone."""
    return [
        MmluTask(
            "_".join(part for part in (name, subject, f"{count}shot") if part),
            tuple(question for question in questions.test if question.subject == subject),
            questions.examples(count, subject),
            count,
            form,
        )
        for count in shots
        for subject in questions.subjects()
    ]


def write_tasks(tasks: Sequence[MmluTask], folder: Path) -> list[str]:
    """Write the tasks into a folder for lm-eval's `include_path`. Return their names."""
    folder.mkdir(parents=True, exist_ok=True)
    for task in tasks:
        data = {"test": folder / f"{task.name}.test.jsonl"}
        write_jsonl(data["test"], (_row(question, task.form) for question in task.questions))
        if task.examples:
            data["dev"] = folder / f"{task.name}.dev.jsonl"
            write_jsonl(data["dev"], (_row(question, task.form) for question in task.examples))
        text = yaml.safe_dump(_config(task, data, folder), sort_keys=False)
        (folder / f"{task.name}.yaml").write_text(text, encoding="utf-8")
    return [task.name for task in tasks]


def prompt_of(question: Question, form: Form) -> str:
    """Return what is before the model when a choice is scored, without the examples."""
    lines = [f"Question: {question.question}"]
    if form is Form.LETTERS:
        lines += [f"{letter}. {choice}" for letter, choice in zip(LETTERS, question.choices, strict=False)]
    return "\n".join((*lines, "Answer:"))


def _row(question: Question, form: Form) -> dict[str, Any]:
    scored = list(question.letters) if form is Form.LETTERS else list(question.choices)
    return {
        "id": question.id,
        "prompt_text": prompt_of(question, form),
        "scored": scored,
        "answer": question.answer,
        "fact": question.fact,
    }


def _config(task: MmluTask, data: dict[str, Path], folder: Path) -> dict[str, Any]:
    config: dict[str, Any] = {
        "task": task.name,
        "dataset_path": "json",
        "dataset_kwargs": {
            "data_files": {split: str(path.resolve()) for split, path in data.items()},
            "cache_dir": str((folder / "cache").resolve()),
        },
        "test_split": "test",
        "output_type": "multiple_choice",
        "doc_to_text": "prompt_text",
        "doc_to_choice": "scored",
        "doc_to_target": "answer",
        "num_fewshot": len(task.examples),
        "should_decontaminate": False,
        "metric_list": [
            {"metric": metric, "aggregation": "mean", "higher_is_better": True} for metric in ("acc", "acc_norm")
        ],
        "metadata": {"version": 1.0},
    }
    if task.examples:
        config |= {"fewshot_split": "dev", "fewshot_config": {"sampler": "first_n"}}
    return config
