"""Data sets are the same bytes whatever fails on the way to the teacher; what it spoils is counted and let go."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

import pytest

from pipeline.datasets import read_jsonl, read_manifest
from pipeline.generation import DROPPED, QUESTIONS, REPORT, SAMPLES, LeafData, Order, Subject, generate
from pipeline.sdg.blocks.block import Models
from pipeline.sdg.blocks.dedupe import folded
from pipeline.sdg.flow import Flow, read_flow
from pipeline.sdg.starts import Lesson
from pipeline.teacher import Counters, ReplyCache, Teacher, TeacherSettings
from pipeline.tiny import MODEL_ID
from pipeline.tiny.process import OfflineTeacherProcess
from tests.sdg.leaves import a_freeform_skill, a_grounded_skill, some_knowledge

LESSONS = (a_freeform_skill(), some_knowledge())


def small(name: str) -> Flow:
    "One of our flows, keeping a few samples of each seed example."
    flow = read_flow(name)
    return Flow(flow.name, flow.about, flow.start, flow.makes, 4, flow.blocks, flow.prompts)


FLOWS = {lesson.path: tuple(map(small, names)) for lesson, names in zip(LESSONS, (("freeform",), ()), strict=True)}


async def generated(
    out: Path,
    *faults: str,
    lessons: Sequence[Lesson] = LESSONS,
    timeout_s: float = 20.0,
    tries: int = 40,
    most_at_once: int = 64,
) -> tuple[list[LeafData], Counters]:
    "Generate into a folder with a teacher of its own process, of whose requests a share fails."
    async with OfflineTeacherProcess(*(word for fault in faults for word in ("--fault", fault))) as server:
        settings = TeacherSettings(
            server.url, MODEL_ID, timeout_s=timeout_s, tries=tries, most_at_once=most_at_once, longest_pause_s=0.3
        )
        with ReplyCache(out / "cache.sqlite") as cache:
            async with Teacher(settings, cache) as teacher:
                made = []
                for lesson in lessons:
                    order = Order(MODEL_ID, flows=FLOWS.get(lesson.path, ()))
                    made += await generate([Subject(lesson)], order, Models(teacher, teacher), out)
                return made, teacher.counters


def bytes_in(out: Path) -> dict[str, str]:
    "Return the digest of every file but the reports, which tell of the run itself."
    return {
        path.relative_to(out).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(out.rglob("*.json*"))
        if path.name != REPORT
    }


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    "Where the data sets are that come about when nothing fails; filled by the first who needs them."
    return tmp_path_factory.mktemp("undisturbed")


async def without_faults(out: Path) -> dict[str, str]:
    if not bytes_in(out):
        made, counters = await generated(out)
        assert all(data.samples >= 5 for data in made)
        assert not counters.retries
    return bytes_in(out)


MIXED = ("429:0.04", "500:0.04", "503:0.04", "cut:0.03", "reset:0.03", "silent:0.02")


@pytest.mark.parametrize(
    "faults",
    [("429:0.2",), ("500:0.2",), ("503:0.2:2",), ("cut:0.2",), ("reset:0.2",), MIXED],
    ids=["429", "500", "503 twice", "cut", "reset", "mixed"],
)
async def test_faults_on_the_way_change_no_byte(undisturbed: Path, tmp_path: Path, faults: tuple[str, ...]) -> None:
    "A fifth of all requests fails: the same samples, questions, dropped rows and manifests."
    made, counters = await generated(tmp_path, *faults, timeout_s=1.5)
    assert sum(counters.retries.values()) > 0.1 * counters.requests
    assert counters.failures == 0
    assert [read_manifest(data.folder)["unanswered"] for data in made] == [0, 0]  # type: ignore[index]
    assert bytes_in(tmp_path) == await without_faults(undisturbed)


async def test_silence_changes_no_byte(tmp_path: Path) -> None:
    "Nor do time-outs, which are set short here."
    one, other = tmp_path / "one", tmp_path / "other"
    knowledge = [some_knowledge()]
    await generated(one, lessons=knowledge)
    _, counters = await generated(other, "silent:0.2", lessons=knowledge, timeout_s=0.4, tries=80)
    assert counters.retries["time-out"] > 10
    assert bytes_in(other) == bytes_in(one)


async def test_what_was_not_answered_is_asked_for_by_the_next_run(undisturbed: Path, tmp_path: Path) -> None:
    "Where every try fails, a row is missing and the manifest says so; another run makes the data set whole."
    made, counters = await generated(tmp_path, "500:0.2:always", tries=2)
    missing = [data.manifest["unanswered"] for data in made]
    assert sum(missing) == counters.failures > 0
    expected = await without_faults(undisturbed)
    assert bytes_in(tmp_path) != expected

    made, counters = await generated(tmp_path)

    assert not any(data.is_old for data, lacked in zip(made, missing, strict=True) if lacked)
    assert counters.from_cache > counters.requests
    assert bytes_in(tmp_path) == expected

    made, counters = await generated(tmp_path)
    assert all(data.is_old for data in made)
    assert counters.asks == 0


SPOILT = ("garbage:0.07", "rating:0.05", "empty:0.04", "shape:0.04")


@pytest.mark.parametrize(
    ("kinds", "times"),
    [
        pytest.param(SPOILT, "1", id="all, once each"),
        pytest.param(SPOILT, "always", id="all, always"),
        pytest.param(("garbage:0.2",), "always", id="garbage"),
        pytest.param(("rating:0.2",), "always", id="ratings"),
        pytest.param(("empty:0.2",), "1", id="empty"),
    ],
)
async def test_spoilt_answers_are_counted_and_go_no_further(
    tmp_path: Path, kinds: tuple[str, ...], times: str
) -> None:
    "None of their words is in the data set, no sample is there twice, and each is asked about once more at most."
    lessons = (a_freeform_skill(), some_knowledge(), a_grounded_skill()) if kinds is SPOILT else LESSONS
    made, counters = await generated(tmp_path, *(f"{kind}:{times}" for kind in kinds), lessons=lessons, tries=3)
    again, reasons = Counter[str](), Counter[str]()
    for data in made:
        assert data.samples >= 3
        for block in data.report["blocks"]:
            again.update(block["asked_again"])
            reasons.update(block["dropped"])
            firsts = block["requests"] - sum(block["asked_again"].values())
            assert sum(block["asked_again"].values()) <= firsts + data.manifest["unanswered"]
        for row in read_jsonl(data.folder / SAMPLES):
            assert_is_clean(*(message["content"] for message in row["messages"]))
        if (data.folder / QUESTIONS).is_file():
            for row in read_jsonl(data.folder / QUESTIONS):
                assert_is_clean(row["question"], *row["choices"])
        assert_none_twice(data)
    assert again
    assert set(again) <= REASONS
    assert sum(reasons.values()) > 0
    assert counters.requests <= 2.5 * counters.asks


REASONS = {
    "the judge gave no rating",
    "the judge gave two different ratings",
    "the judge gave a rating outside of its scale",
    "the reply was not in the format asked for",
    "the reply was empty",
    "the model gave no answer",
}
WORDS_OF_FAULTS = ("Here is what I came up with", "lorem ipsum", "see above 2)", "as a language model I", "\ufffd")


def assert_is_clean(*texts: str) -> None:
    for text in texts:
        assert text.strip()
        assert "[[" not in text
        assert not any(words in text for words in WORDS_OF_FAULTS), text


def assert_none_twice(data: LeafData) -> None:
    rows = list(read_jsonl(data.folder / SAMPLES))
    assert len({row["id"] for row in rows}) == len(rows)
    questions = Counter(folded(row["messages"][0]["content"]) for row in rows)
    assert max(questions.values()) == 1, questions.most_common(1)


async def test_the_first_dropped_rows_are_kept_whatever_came_back_first(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    "Where more are dropped than are kept to be looked at, the same ones are, fast server or slow one."
    monkeypatch.setattr("pipeline.sdg.counts.MOST_DROPPED_KEPT", 3)
    one, other = tmp_path / "one", tmp_path / "other"
    made, _ = await generated(one, lessons=[some_knowledge()], most_at_once=1)
    await generated(other, "500:0.3", lessons=[some_knowledge()])
    assert any(sum(block["dropped"].values()) > 3 for block in made[0].manifest["counts"])
    assert len(list(read_jsonl(made[0].folder / DROPPED))) >= 3
    assert bytes_in(one) == bytes_in(other)


async def test_a_lost_report_is_made_anew(tmp_path: Path) -> None:
    "Without it the leaf goes through its flows again, from the cache alone."
    made, _ = await generated(tmp_path, lessons=[some_knowledge()])
    before = bytes_in(tmp_path)
    (made[0].folder / REPORT).write_text("no JSON")
    made, counters = await generated(tmp_path, lessons=[some_knowledge()])
    assert not made[0].is_old
    assert counters.requests == 0
    assert bytes_in(tmp_path) == before
