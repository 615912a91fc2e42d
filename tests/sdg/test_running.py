"""A flow runs to the same rows whatever comes back first; what a model spoils is counted."""

from __future__ import annotations

import asyncio
import itertools
from collections import Counter
from collections.abc import Sequence

import pytest

from pipeline.sdg.blocks.dedupe import Seen, folded
from pipeline.sdg.flow import Flow, Makes, read_flow
from pipeline.sdg.leaf_run import LeafRun, flows_for, run_leaf
from pipeline.sdg.rows import Split
from pipeline.sdg.running import FlowRun, run_flow
from pipeline.sdg.samples import questions_of, samples_of
from pipeline.sdg.starts import Lesson, Pair, Seed, first_rows, split_seeds
from pipeline.teacher import Ask, AskError, Reply, TeacherError
from pipeline.tiny.prompt import Prompt
from tests.sdg.leaves import KNOWLEDGE, a_freeform_skill, a_grounded_skill, lesson, some_knowledge
from tests.sdg.offline import OfflineTeacher, Spoil

LESSONS = {"freeform": a_freeform_skill(), "grounded": a_grounded_skill(), "knowledge": some_knowledge()}


async def run(name: str, teacher: OfflineTeacher | None = None) -> FlowRun:
    "Run the flow over the lesson of the same name."
    flow, lesson = read_flow(name), LESSONS[name]
    known = lesson.known
    return await run_flow(flow, first_rows(lesson, flow.start), (teacher or OfflineTeacher()).models, 1, known)


async def whole(lesson: Lesson, **options: bool) -> LeafRun:
    "Run a leaf through all its flows."
    return await run_leaf(lesson, flows_for(lesson, **options), OfflineTeacher().models, 1)


@pytest.mark.parametrize("name", LESSONS)
async def test_a_flow_gives_samples(name: str) -> None:
    "Some are kept and some are dropped, so that the judges have judged."
    made = await run(name)
    assert len(made.rows) >= 5
    assert sum(sum(count.dropped.values()) for count in made.counts) > 0
    assert all(row.texts["question"] and row.texts["answer"] for row in made.rows)


@pytest.mark.parametrize("name", LESSONS)
async def test_the_order_of_answers_does_not_show(name: str) -> None:
    "The same rows in the same order, the same tallies, the same rows dropped."
    at_once = await run(name)
    for chance in range(3):
        made = await run(name, OfflineTeacher(shuffled_by=chance))
        assert made.rows == at_once.rows
        assert [(c.rows_in, c.kept, c.dropped, c.rows_dropped) for c in made.counts] == [
            (c.rows_in, c.kept, c.dropped, c.rows_dropped) for c in at_once.counts
        ]


@pytest.mark.parametrize("name", LESSONS)
async def test_every_row_is_accounted_for(name: str) -> None:
    "What goes into a block is kept or dropped; what it kept goes into the next."
    made = await run(name)
    for block, count in zip(made.flow.blocks, made.counts, strict=True):
        if block.block not in ("generate", "parse"):
            assert count.rows_in == count.kept + sum(count.dropped.values()), block.name
    for before, after in zip(made.counts, made.counts[1:], strict=False):
        assert before.kept == after.rows_in
    assert made.counts[-1].kept == len(made.rows)


def always(text: str, task: str) -> Spoil:
    return lambda prompt, reply: text if prompt.task == task else reply


@pytest.mark.parametrize(
    ("spoilt", "reason"),
    [
        ("[[7]]", "the judge gave a rating outside of its scale"),
        ("I give it [[1]], no, [[3]]", "the judge gave two different ratings"),
        ("Very good indeed.", "the judge gave no rating"),
        ("", "the judge gave no rating"),
    ],
)
async def test_a_judge_who_talks_nonsense_lets_nothing_through(spoilt: str, reason: str) -> None:
    "Each is asked once more, then dropped and counted by the reason."
    teacher = OfflineTeacher(always(spoilt, "judge-pair"))
    made = await run("freeform", teacher)
    judged = next(count for count in made.counts if count.block == "good answers")
    assert made.rows == ()
    assert judged.dropped == Counter({reason: judged.rows_in})
    assert judged.asked_again == Counter({reason: judged.rows_in})
    assert judged.requests == 2 * judged.rows_in


async def test_a_spoilt_reply_is_asked_for_once_more_with_another_seed() -> None:
    "And the second one counts."
    spoilt: set[str] = set()

    def once(prompt: Prompt, reply: str) -> str:
        key = f"{prompt.task}{prompt.data}"
        if prompt.task == "judge-pair" and key not in spoilt:
            spoilt.add(key)
            return "no idea"
        return reply

    made, usual = await run("freeform", OfflineTeacher(once)), await run("freeform")
    assert len(made.rows) == len(usual.rows)
    judged = next(count for count in made.counts if count.block == "good answers")
    assert judged.asked_again["the judge gave no rating"] == judged.rows_in


async def test_a_second_try_is_not_the_first_again() -> None:
    "At temperature 0 a model says the same whatever its seed: whoever is asked again is asked more warmly."
    teacher = OfflineTeacher(always("%$#!", "knowledge-questions"))
    await run("knowledge", teacher)
    tries: dict[str, list[float]] = {}
    for ask in teacher.asked:
        tries.setdefault(ask.messages[0].content, []).append(ask.temperature)
    assert tries
    assert all(len(temperatures) > 1 for temperatures in tries.values())
    assert all(sorted(temperatures)[:2] == [0, 0.5] for temperatures in tries.values())


async def test_a_teacher_who_writes_garbage_gives_no_row() -> None:
    "Every row of the leaf is dropped by the first block, and nothing breaks."
    made = await run("knowledge", OfflineTeacher(always("%$#!", "knowledge-questions")))
    assert made.rows == ()
    assert made.counts[0].dropped == Counter({"the reply was not in the format asked for": made.counts[0].rows_in})


async def test_more_than_asked_for_is_left_out() -> None:
    "A teacher that does not stop fills no data set."
    endless = "\n".join(f"### Question\nWho is number {i} of the row?" for i in range(500))
    made = await run("freeform", OfflineTeacher(always(endless, "questions")))
    assert made.counts[0].kept == 10 * 4 * 5
    assert made.counts[0].left_out["more was written than asked for"] == 490 * 4 * 5


class Failing(OfflineTeacher):
    """Fails for good at the nth request; the others never end by themselves."""

    def __init__(self, at: int) -> None:
        super().__init__()
        self.at = at
        self.stopped = 0

    async def ask(self, ask: Ask) -> Reply:
        if len(self.asked) + 1 == self.at:
            self.asked.append(ask)
            raise TeacherError("The server is gone.")
        if len(self.asked) >= self.at // 2:
            self.asked.append(ask)
            try:
                await asyncio.Event().wait()
            finally:
                self.stopped += 1
        return await super().ask(ask)


async def test_when_the_teacher_is_gone_nothing_stays_under_way() -> None:
    "The others are cancelled, and the error is the teacher's own."
    teacher = Failing(8)
    with pytest.raises(BaseExceptionGroup) as error:
        await run("knowledge", teacher)
    assert error.group_contains(TeacherError)
    assert teacher.stopped > 0
    assert len(asyncio.all_tasks()) == 1


@pytest.mark.parametrize("lesson", LESSONS.values(), ids=LESSONS)
async def test_no_seed_example_is_on_two_sides_of_the_split(lesson: Lesson) -> None:
    "Prompts for training show no seed example that is tested with, nor the other way round."
    splits = {seed.index: seed.split for seed in lesson.seeds}
    assert Counter(splits.values()) == {Split.TRAIN: 3, Split.DEV: 1, Split.TEST: 1}
    for row in first_rows(lesson, read_flow("freeform").start):
        for seed in lesson.seeds:
            shows = any(pair.question in row.texts["examples"] for pair in seed.pairs)
            assert not shows or seed.split is row.split
    for sample in samples_of(await whole(lesson), "offline"):
        seed = sample["metadata"].get("seed")
        assert sample["metadata"]["split"] == splits[seed]


async def test_the_split_does_not_hang_on_the_order_in_the_file() -> None:
    "Whoever moves an example leaves it on its side."
    seeds = a_freeform_skill().seeds
    forwards = {seed.digest: seed.split for seed in split_seeds(seeds)}
    assert {seed.digest: seed.split for seed in split_seeds(seeds[::-1])} == forwards


def seeds_asking(*questions: str, context: str = "") -> list[Seed]:
    return [Seed(i, context and f"{context} {i}", (Pair(each, "Yes."),)) for i, each in enumerate(questions)]


def sides(seeds: Sequence[Seed]) -> list[str]:
    return sorted(split.value for split in (seed.split for seed in seeds))


async def test_seed_examples_that_ask_the_same_stay_on_one_side() -> None:
    "Who asks one thing twice must not be tested with what was trained on; with other contexts it is not the same."
    many = seeds_asking("What is A?", "what is a", "What is B?", "What is C?", "What is D?", "What is E?")
    for order in itertools.permutations(many):
        split = split_seeds(order)
        assert len({seed.split for seed in split if seed.index in (0, 1)}) == 1
        assert sides(split) == ["dev", "test", *["train"] * 4]
    assert sides(split_seeds(seeds_asking(*["What is A?"] * 5))) == ["train"] * 5
    assert sides(split_seeds(seeds_asking(*["How many?"] * 5, context="Table"))) == ["train"] * 5
    grounded = split_seeds(seeds_asking(*["How many?"] * 5, context="Table"), is_grounded=True)
    assert sides(grounded) == ["dev", "test", "train", "train", "train"]
    pairs = split_seeds(seeds_asking("A?", "A?", "B?", "B?", "C?", "C?"))
    assert sides(pairs) == ["dev", "dev", "test", "test", "train", "train"]


async def test_near_copies_go_over_the_whole_leaf() -> None:
    "A teacher who asks nearly the same for every seed example has asked once; and the test keeps it."
    questions = iter(
        f"Which is the largest volcano {word} the solar system" for word in itertools.cycle(("of", "in"))
    )
    made = await run(
        "freeform", OfflineTeacher(lambda p, r: f"### Question\n{next(questions)}?" if p.task == "questions" else r)
    )
    distinct = next(count for count in made.counts if count.block == "distinct")
    assert distinct.rows_in == 4 * 5
    assert distinct.dropped == Counter({"the question nearly repeats another": 19})
    assert [row.split for row in made.rows] in ([], [Split.TEST])
    assert distinct.kept == 1
    assert {dropped.row.split for dropped in distinct.rows_dropped} == set(Split)


async def test_a_context_that_repeats_a_seed_examples_is_dropped() -> None:
    "Else what is tested with would be trained on under another question."
    tested = next(seed for seed in LESSONS["grounded"].seeds if seed.split is Split.TEST)
    made = await run("grounded", OfflineTeacher(always(f"### Context\n{tested.context}", "contexts")))
    distinct = next(count for count in made.counts if count.block == "distinct contexts")
    assert distinct.kept == 0
    assert distinct.rows_in > 0


async def test_no_question_is_trained_on_and_tested() -> None:
    "Not even nearly: neither among the samples, nor among the multiple choice questions."
    made = await whole(some_knowledge(), auxiliary=True)
    samples = list(samples_of(made, "offline"))
    training = Seen(90)
    for sample in samples:
        if sample["metadata"]["split"] == "train":
            training.add(sample["messages"][0]["content"])
    tested = [s["messages"][0]["content"] for s in samples if s["metadata"]["split"] == "test"]
    tested += [question["question"] for question in questions_of(made, "offline")]
    generated = [t for t in tested if t not in some_knowledge().questions]
    assert generated
    assert not [question for question in generated if training.has_alike(question)]


async def test_multiple_choice_questions_are_sound() -> None:
    "Four different options, the gold one is the right answer, each letter is gold about equally often."
    passages = tuple(
        f"The town of {name} has {count} bells. The river {river} flows through {name}. {name} was founded in "
        f"{year} by {founder}."
        for name, count, river, year, founder in (
            ("Ashby", 41, "Lune", 1204, "Orm the Old"),
            ("Birke", 7, "Wende", 1380, "Queen Ada"),
            ("Corve", 19, "Teme", 1544, "Pell the Fair"),
            ("Dunmor", 260, "Eska", 1199, "Abbot Rhun"),
            ("Elsbeck", 3, "Isel", 1610, "Count Garm"),
            ("Fenwold", 88, "Ouse", 1432, "Bishop Tull"),
        )
    )
    towns, flow = lesson("knowledge/towns/qna.yaml", KNOWLEDGE, passages), read_flow("mmlu")
    run = await run_flow(flow, first_rows(towns, flow.start), OfflineTeacher().models, 1)
    made = LeafRun(towns, (run,))
    questions = questions_of(made, "offline")
    rights = {row.texts["question"]: row.texts["answer"] for _, row in made.rows(Makes.QUESTIONS)}
    assert len(questions) >= 8
    for question in questions:
        assert len({folded(choice) for choice in question["choices"]}) == 4
        assert question["choices"][question["answer"]] == rights[question["question"]]
    letters = Counter(question["answer"] for question in questions)
    assert max(letters.values()) - min(letters.get(i, 0) for i in range(4)) <= 1
    assert {q["metadata"]["split"] for q in questions} == {"dev", "test"}
    facts = {q["metadata"]["fact"]: (q["metadata"]["passage"], q["choices"][q["answer"]]) for q in questions}
    for question in questions:  # what is asked of one passage with one answer is one fact
        passage, answer = facts[question["metadata"]["fact"]]
        assert folded(answer) == folded(question["choices"][question["answer"]])
        assert passage == question["metadata"]["passage"]


@pytest.mark.parametrize("lesson", LESSONS.values(), ids=LESSONS)
async def test_samples_tell_which_fact_they_are_about(lesson: Lesson) -> None:
    "The same context or passage and answer is the same fact."
    samples = list(samples_of(await whole(lesson), "offline"))
    facts = {sample["metadata"]["fact"] for sample in samples}
    assert 5 <= len(facts) <= len(samples)
    if lesson.is_grounded:
        assert len(facts) < len(samples)


@pytest.mark.parametrize("chance", [None, 0, 1])
async def test_nothing_is_asked_about_samples_that_are_not_wanted(chance: int | None) -> None:
    "Of each seed example the first good ones are kept; those behind the last one wanted are never judged."
    flow, lesson, teacher = read_flow("freeform"), a_freeform_skill(), OfflineTeacher(shuffled_by=chance)
    small = Flow(flow.name, flow.about, flow.start, flow.makes, 2, flow.blocks, flow.prompts)

    made = await run_flow(small, first_rows(lesson, small.start), teacher.models, 1)

    everything = await run_flow(flow, first_rows(lesson, flow.start), OfflineTeacher().models, 1)
    of_seeds = Counter(row.seed for row in everything.rows)
    assert max(of_seeds.values()) > 2
    firsts = [row for seed in of_seeds for row in [r for r in everything.rows if r.seed == seed][:2]]
    assert sorted(made.rows, key=lambda row: row.place) == sorted(firsts, key=lambda row: row.place)
    judging = next(count for count in made.counts if count.block == "good questions")
    unwanted = judging.dropped["more than are wanted of one seed example"]
    assert unwanted > 0
    assert teacher.tasks["judge-question"] == judging.rows_in - unwanted
    assert (
        teacher.tasks["judge-question"] - len(made.rows)
        == sum(sum(count.dropped.values()) for count in made.counts[2:]) - unwanted
    )  # another only for each that came to nothing


@pytest.mark.parametrize(
    ("one", "other", "is_alike"),
    [
        ("How many bells has Ashby?", "how many bells has Ashby", True),
        (
            "Which is the largest volcano of the Solar System?",
            "Which is the largest volcano in the Solar System?",
            True,
        ),
        (
            "When was the town of Ashby founded by its people?",
            "When was the town of Birke founded by its people?",
            False,
        ),
        ("What happened in the town in 1204 in summer?", "What happened in the town in 1205 in summer?", False),
        ("What is a moon?", "Explain how tides come about.", False),
    ],
)
def test_what_nearly_repeats(one: str, other: str, is_alike: bool) -> None:
    "Wording does not make a question another; a name or a number does."
    seen = Seen(90)
    seen.add(one)
    assert seen.has_alike(other) is is_alike


class Refusing(OfflineTeacher):
    """Refuses what asks for one thing, as a server does that finds a prompt too long."""

    async def ask(self, ask: Ask) -> Reply:
        if "TASK: answer" in ask.messages[0].content and "tulip" in ask.messages[0].content:
            raise AskError("The prompt is too long.")
        return await super().ask(ask)


async def test_what_is_not_answered_is_counted_and_the_rest_goes_on() -> None:
    "One prompt that a server refuses costs its row only."
    made = await run("freeform", Refusing())
    answers = next(count for count in made.counts if count.block == "answers")
    assert answers.dropped["the model gave no answer"] > 0
    assert made.rows
