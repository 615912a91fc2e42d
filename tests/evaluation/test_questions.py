"""Questions are read strictly, and general benchmarks in the layouts that they come in."""

from __future__ import annotations

import csv
import json
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from pipeline.datasets import write_jsonl
from pipeline.evaluation.benchmark_files import (
    SAMPLE_MMLU,
    SAMPLE_TWO_TURNS,
    read_benchmark,
    read_conversations,
)
from pipeline.evaluation.material import LeafFiles, read_material
from pipeline.evaluation.questions import QuestionError, QuestionSet, question_set, questions_in
from pipeline.sdg.leaf_run import flows_for, run_leaf
from pipeline.sdg.rows import Split
from pipeline.sdg.samples import questions_of
from tests.sdg.leaves import KNOWLEDGE, lesson
from tests.sdg.offline import OfflineTeacher


def row(**changed: Any) -> dict[str, Any]:
    good = {"id": "1", "question": "Who?", "choices": ["Ana", "Bob", "Cy", "Di"], "answer": 2}
    return good | {"metadata": {"split": "test", "fact": "f"}} | changed


def read_questions(path: Path) -> QuestionSet:
    return question_set(questions_in(path))


def written(path: Path, *rows: dict[str, Any]) -> Path:
    write_jsonl(path, rows)
    return path


async def test_what_was_generated_is_read(tmp_path: Path) -> None:
    "Few are for examples, the rest to measure with; each knows its fact."
    passages = tuple(
        f"The town of {name} has {n} bells. The river {name}el flows there. {name} was founded in {1200 + n}."
        for n, name in enumerate(("Ashby", "Birke", "Corve", "Dunmor", "Elsbeck", "Fenwold"), start=3)
    )
    towns = lesson("knowledge/towns/qna.yaml", KNOWLEDGE, passages)
    made = await run_leaf(towns, flows_for(towns), OfflineTeacher().models, 1)
    rows = questions_of(made, "offline")
    found = read_questions(written(tmp_path / "questions.jsonl", *rows))
    assert len(found.test) + len(found.dev) == len(rows)
    assert found.dev
    assert {question.fact for question in found.test} == {
        each["metadata"]["fact"] for each in rows if each["metadata"]["split"] == "test"
    }
    assert found.subjects() == [""]


@pytest.mark.parametrize(
    ("bad", "why"),
    [
        ({"answer": 4}, "none of the 4 choices"),
        ({"answer": -1}, "none of the 4 choices"),
        ({"answer": "C"}, "index"),
        ({"answer": True}, "index"),
        ({"answer": 1.0}, "index"),
        ({"choices": ["a", "A", "b", "c"]}, "the same"),
        ({"choices": ["a", "b", "c", " "]}, "has to be a text"),
        ({"choices": "abcd"}, "list"),
        ({"choices": ["a"]}, "2 to 10"),
        ({"question": "  "}, "question has to be a text"),
        ({"question": 7}, "question has to be a text"),
        ({"question": None}, "question has to be a text"),
        ({"choices": None}, "list"),
        ({"choices": []}, "2 to 10"),
        ({"id": ""}, "no id"),
        ({"metadata": {"split": "train"}}, "trained on"),
        ({"metadata": {"split": "all"}}, "split has to be"),
    ],
)
def test_a_bad_row_is_named(tmp_path: Path, bad: dict[str, Any], why: str) -> None:
    "With its file and number; nothing is measured with the rest."
    path = written(tmp_path / "q.jsonl", row(id="0", question="Fine?"), row(**bad))
    with pytest.raises(QuestionError, match=why) as error:
        read_questions(path)
    assert "row 2" in str(error.value)


@pytest.mark.parametrize(
    ("rows", "why"),
    [
        ((row(), row(id="2")), "twice"),
        ((row(), row(question="Other?")), "twice"),
        ((row(metadata={"split": "dev"}),), "no question to measure with"),
        ((), "no question to measure with"),
    ],
)
def test_bad_sets_are_refused(tmp_path: Path, rows: tuple[dict[str, Any], ...], why: str) -> None:
    "What is there twice would count twice."
    with pytest.raises(QuestionError, match=why):
        read_questions(written(tmp_path / "q.jsonl", *rows))


def test_what_leaves_share_is_asked_once(tmp_path: Path) -> None:
    "However it is spaced and its choices are ordered; and it is said. What one leaf shows, none is measured with."
    turned = {"choices": ["Cy", "Ana", "Di", "Bob"], "answer": 0}
    leaves = [
        [row(id="1", question="Who dives?"), row(id="2", question="Shown?", metadata={"split": "dev"})],
        [
            row(id="3", question="who  dives?", **turned),
            row(id="4", question="Shown?"),
            row(id="5", question="Who dives?", choices=["Eve", "Flo", "Gus", "Hal"]),
            row(id="6", question="Who dives?", answer=0),
        ],
    ]
    files = []
    for number, rows in enumerate(leaves):
        (tmp_path / str(number)).mkdir()
        written(tmp_path / str(number) / "samples.jsonl")
        questions = written(tmp_path / str(number) / "questions.jsonl", *rows)
        files.append(LeafFiles(str(number), questions.with_name("samples.jsonl"), questions))
    found = read_material(files)
    assert found.questions is not None
    assert [question.id for question in found.questions.test] == ["1", "5"]  # another answer is another question
    assert [question.id for question in found.questions.dev] == ["2"]
    assert found.remarks == (
        "3 multiple choice questions are shared by several leaves: each is asked once, and not at all where it is "
        "shown as an example.",
    )


def test_files_that_cannot_be_read_are_named(tmp_path: Path) -> None:
    "A missing one, and one that is no JSON."
    (tmp_path / "q.jsonl").write_text("{no")
    for name in ("q.jsonl", "none.jsonl"):
        with pytest.raises(QuestionError, match=name):
            read_questions(tmp_path / name)


FACTS = [
    (f"{subject} question {i}?", [f"{c}{i}" for c in "wxyz"], i % 4) for subject in ("law", "art") for i in range(6)
]


def layouts(folder: Path) -> dict[str, Path]:
    "The same questions in every layout; one more of each subject to show."
    by_subject = {name: [f for f in FACTS if f[0].startswith(name)] for name in ("law", "art")}
    for name, facts in by_subject.items():
        shown = [(f"{name} example?", ["a", "b", "c", "d"], 0)]
        for split, rows in (("dev", shown), ("test", facts)):
            (folder / "csv" / split).mkdir(parents=True, exist_ok=True)
            with (folder / "csv" / split / f"{name}_{split}.csv").open("w", newline="") as file:
                csv.writer(file).writerows([q, *choices, "ABCD"[a]] for q, choices, a in rows)
            plain = [{"question": q, "choices": choices, "answer": a} for q, choices, a in rows]
            (folder / "jsonl").mkdir(exist_ok=True)
            write_jsonl(folder / "jsonl" / f"{name}_{split}.jsonl", plain)
            (folder / "hub" / name).mkdir(parents=True, exist_ok=True)
            import pyarrow
            import pyarrow.parquet

            table = pyarrow.Table.from_pylist([each | {"subject": name} for each in plain])
            pyarrow.parquet.write_table(table, folder / "hub" / name / f"{split}-00000-of-00001.parquet")
            with (folder / "jsonl" / f"all_{split}.txt").open("w") as file:
                file.write("not a benchmark")
    return {name: folder / name for name in ("csv", "jsonl", "hub")}


def test_every_layout_gives_the_same_questions(tmp_path: Path) -> None:
    "CSV by split, JSONL by subject, Parquet as the hub has it."
    found = {name: read_benchmark(folder).questions for name, folder in layouts(tmp_path).items()}
    assert found["csv"] == found["jsonl"] == found["hub"]
    questions = found["csv"]
    assert questions.subjects() == ["art", "law"]
    assert Counter(question.subject for question in questions.test) == {"art": 6, "law": 6}
    assert [question.question for question in questions.examples(5, "law")] == ["law example?"]
    assert {question.choices[question.answer] for question in questions.test} == {f[1][f[2]] for f in FACTS}


def test_a_subset_is_always_the_same(tmp_path: Path) -> None:
    "Some of each subject, whatever the order of the rows; its name has to be one that is known."
    folder = layouts(tmp_path)["jsonl"]
    once = read_benchmark(folder, "tiny")
    for file in folder.glob("*_test.jsonl"):
        file.write_text("".join(reversed(file.read_text().splitlines(keepends=True))))
    again = read_benchmark(folder, "tiny")
    assert Counter(question.subject for question in once.questions.test) == {"art": 3, "law": 3}
    assert again.questions == once.questions
    assert again.sha256 != once.sha256
    with pytest.raises(QuestionError, match="all, small, tiny"):
        read_benchmark(folder, "half")


def test_what_is_shown_is_never_measured(tmp_path: Path) -> None:
    "A test question that stands among the examples, too, is left out."
    plain = [{"question": q, "choices": c, "answer": a, "subject": "art"} for q, c, a in FACTS[:4]]
    write_jsonl(tmp_path / "test.jsonl", plain)
    write_jsonl(tmp_path / "dev.jsonl", plain[:1])
    assert len(read_benchmark(tmp_path).questions.test) == 3


@pytest.mark.parametrize("text", ["What?,a,b,c,d,Z\n", "What?,a\n", "What?,a,b,c,d,1\n"])
def test_a_bad_line_of_a_csv_is_named(tmp_path: Path, text: str) -> None:
    "With its number."
    (tmp_path / "test").mkdir()
    (tmp_path / "test" / "art_test.csv").write_text(text)
    with pytest.raises(QuestionError, match=r"art_test\.csv, row 1"):
        read_benchmark(tmp_path)


def test_an_empty_folder_is_no_benchmark(tmp_path: Path) -> None:
    "It is said what was looked for."
    with pytest.raises(QuestionError, match="no benchmark"):
        read_benchmark(tmp_path)


def test_the_sample_is_whole_and_named_as_such() -> None:
    "Sixty sound questions of four subjects, each letter gold about equally often; nobody takes it for MMLU."
    questions = read_benchmark(SAMPLE_MMLU).questions
    assert Counter(q.subject for q in questions.dev) == dict.fromkeys(questions.subjects(), 3)
    assert Counter(q.subject for q in questions.test) == dict.fromkeys(questions.subjects(), 12)
    assert len(questions.subjects()) == 4
    golds = Counter(question.answer for question in (*questions.dev, *questions.test))
    assert max(golds.values()) - min(golds.values()) <= 4
    assert all(question.split is Split.TEST for question in questions.test)
    read_me = (SAMPLE_MMLU.parent / "README.md").read_text()
    assert "not MMLU, not MT-Bench" in read_me


def test_the_sample_conversations_are_whole() -> None:
    "Ten, each with two requests and two answers."
    conversations = read_conversations(SAMPLE_TWO_TURNS)
    assert len(conversations) == 10
    assert all(text.strip() for each in conversations for text in (*each.turns, *each.references))


@pytest.mark.parametrize(
    ("bad", "why"),
    [
        ({"turns": ["one"]}, "two texts"),
        ({"turns": "ab"}, "two texts"),
        ({"turns": ["a", ""]}, "two texts"),
        ({"turns": ["a", "b"], "references": ["x"]}, "references"),
    ],
)
def test_a_bad_conversation_is_named(tmp_path: Path, bad: dict[str, Any], why: str) -> None:
    "References may lack, but not be halves."
    (tmp_path / "c.jsonl").write_text(json.dumps(bad))
    with pytest.raises(QuestionError, match=why):
        read_conversations(tmp_path / "c.jsonl")
