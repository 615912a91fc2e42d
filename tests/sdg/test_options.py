"""Multiple choice: as many questions as a document bears, and none that gives its answer away."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

import pytest

from pipeline.sdg.blocks.block import Work
from pipeline.sdg.blocks.dedupe import folded
from pipeline.sdg.blocks.options import LETTERS, Options, form_of
from pipeline.sdg.blocks.siblings import Siblings
from pipeline.sdg.counts import BlockCount
from pipeline.sdg.flow import read_flow
from pipeline.sdg.rows import Row, Split
from pipeline.sdg.running import FlowRun, run_flow
from pipeline.sdg.starts import NO_SEED, first_rows
from tests.sdg.leaves import KNOWLEDGE, lesson
from tests.sdg.offline import OfflineTeacher

FERRY = (
    "The Lune ferry crosses the estuary near Ashby in twelve minutes. Orm Pell founded the service in 1871 with "
    "a boat named Heron. Passengers pay four coins, and horses travel free on Sundays. The ferry carries sixty "
    "people. A storm sank the Heron in 1903, and its successor Kestrel was built in Bremen. The landing stage at "
    "Corve has a bronze bell, which the keeper rings before each departure. Engineers widened the channel in 1928."
)


def asked(*pairs: tuple[str, str], kept: Sequence[int] | None = None) -> tuple[list[Row], BlockCount]:
    "Questions and answers through both blocks; only those `kept` are still there at the second."
    rows = [Row((i,), NO_SEED, Split.TRAIN, {"question": q, "answer": a}) for i, (q, a) in enumerate(pairs)]
    count = BlockCount("options")
    work = Work(OfflineTeacher().models, 1, count)
    knowing = Siblings(name="siblings", block="siblings").rows_of_all(rows, work)
    left = [knowing[i] for i in kept] if kept is not None else knowing
    return list(Options(name="options", block="options").rows_of_all(left, work)), count


def options_of(row: Row) -> list[str]:
    return [row.texts[f"option_{letter.lower()}"] for letter in LETTERS]


_CHARTERS = {"Ashby": "1204", "Birke": "1310", "Corve": "1477", "Dunmor": "1512", "Elsbeck": "1603"}
YEARS = tuple((f"When did {town} get its charter?", year) for town, year in _CHARTERS.items())


async def run(document: str) -> FlowRun:
    flow = read_flow("mmlu")
    leaf = lesson("knowledge/ferry/qna.yaml", KNOWLEDGE, (document,))
    return await run_flow(flow, first_rows(leaf, flow.start), OfflineTeacher().models, 1, leaf.questions)


async def test_one_passage_gives_many_questions() -> None:
    "It is asked often enough, and the answers of questions that were dropped serve as wrong options."
    made = await run(FERRY)
    assert len(made.rows) >= 6
    letters = Counter(row.texts["gold"] for row in made.rows)
    assert max(letters.values()) - min(letters.get(letter, 0) for letter in LETTERS) <= 1
    answers = {answer for row in made.rows for answer in options_of(row)}
    assert answers <= set(FERRY.replace(",", "").replace(".", "").split())
    for row in made.rows:
        options = options_of(row)
        assert len({folded(option) for option in options}) == 4
        assert len({form_of(option) for option in options}) == 1
        assert options[LETTERS.index(row.texts["gold"])] == row.texts["answer"]
        assert all(f" {folded(option)} " not in f" {folded(row.texts['question'])} " for option in options)


async def test_a_document_of_many_passages_is_not_asked_more_often() -> None:
    "Only few passages are asked again and again."
    flow, teacher = read_flow("mmlu"), OfflineTeacher()
    leaf = lesson("knowledge/ferry/qna.yaml", KNOWLEDGE, tuple(f"{FERRY} Note {i}." for i in range(12)))
    await run_flow(flow, first_rows(leaf, flow.start), teacher.models, 1)
    assert teacher.tasks["choices"] == 12


async def test_a_document_that_says_nothing_gives_nothing() -> None:
    "Nothing is invented to fill the options."
    assert (await run("# A heading only")).rows == ()
    assert (await run("The ferry sails.")).rows == ()


def test_wrong_options_have_the_form_of_the_right_one() -> None:
    "A year stands among years: words, names and long answers are no options beside it."
    rows, count = asked(
        *YEARS[:4],
        ("Who rings the bell?", "the keeper"),
        ("Where was the Kestrel built?", "Bremen"),
        ("What do horses pay?", "Horses travel free on Sundays and on the day of the fair."),
    )
    assert [set(options_of(row)) for row in rows] == [{"1204", "1310", "1477", "1512"}] * 4
    assert count.dropped == {"too few other answers have the form of the right one and are unlike it": 3}


def test_questions_that_were_dropped_still_lend_their_answers() -> None:
    "One question is left of five, and it has its four options."
    rows, _ = asked(*YEARS, kept=[2])
    assert len(rows) == 1
    assert "1477" in options_of(rows[0])


@pytest.mark.parametrize(
    "other",
    [
        ("When was the charter of Ashby granted?", "the 1204"),
        ("Who founded the town?", "Pell"),
        ("Who built the bridge?", "orm  pell"),
    ],
    ids=["says it in more words", "says a part of it", "is written in another way"],
)
def test_what_might_be_right_too_is_no_wrong_option(other: tuple[str, str]) -> None:
    "One option says all that another says: then both might be right."
    right = ("Who founded the ferry?", "Orm Pell") if "1204" not in other[1] else YEARS[0]
    names = [("Who was mayor?", "Ada Thorn"), ("Who was smith?", "Ben Garm"), ("Who was baker?", "Cyd Rhun")]
    rows, _ = asked(right, other, *names, *YEARS[1:4], kept=[0])
    assert all(other[1] not in options_of(row) for row in rows)
    assert len(rows) == 1


def test_the_answer_to_the_same_question_is_no_wrong_option() -> None:
    "Two wordings of one question have right answers both."
    pairs = (
        ("Which vessel crosses the estuary today?", "Kestrel"),
        ("Which vessel crosses the estuary nowadays?", "Steamer"),
        ("Who keeps the bell?", "Garm"),
        ("What lies in the north?", "Corve"),
        ("Where is the yard of the builders?", "Bremen"),
    )
    rows, _ = asked(*pairs, kept=[0])
    assert sorted(options_of(rows[0])) == ["Bremen", "Corve", "Garm", "Kestrel"]


def test_a_question_that_says_its_answer_is_dropped() -> None:
    "And no option stands in the question, where it could be ruled out or picked by looking."
    rows, count = asked(
        ("Which year was 1871?", "1871"), *YEARS[:3], ("When did Fenwold, not in 1310, get it?", "1499")
    )
    assert count.dropped["the question gives its answer away"] == 1
    assert all("1310" not in options_of(row) for row in rows if "1310" in row.texts["question"])


@pytest.mark.parametrize(
    ("one", "other"),
    [("1871", "1928"), ("Orm Pell", "Ada Thorn"), ("sixty people", "four coins"), ("9,377 km", "21.9 km")],
)
def test_answers_of_one_form(one: str, other: str) -> None:
    "Nobody can tell them apart without knowing."
    assert form_of(one) == form_of(other)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("1871", "60"),
        ("Bremen", "storm"),
        ("Bremen", "Bremen in the north of Germany"),
        ("a bell", "a bell."),
        ("1871", "in 1871"),
    ],
)
def test_answers_of_different_forms(one: str, other: str) -> None:
    "Sort, length and the last sign can be seen."
    assert form_of(one) != form_of(other)
