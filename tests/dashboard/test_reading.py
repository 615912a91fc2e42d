"""Reading one pull request: its examples as they were judged, where they come from, and what has changed."""

from __future__ import annotations

import zlib
from itertools import pairwise
from pathlib import Path

import pytest

from bot.readings import Reading, SourceState, Words, packed, unpacked
from bot.store.readings import KEPT_HEADS, ReadingStore
from bot.transcript import MOST_FINDINGS, MOST_LEAVES, transcribe
from checks.documents import DocumentFile, FetchedDocuments
from checks.policy import default_policy
from checks.run import judge
from tests.checks.contributions import (
    KNOWLEDGE_PATH,
    SKILL_PATH,
    a_knowledge,
    a_skill,
    attribution,
    contribution_of,
)
from tests.dashboard.visitor import Visitor
from tests.world import PullRequest, World
from tests.world.review import gives_powers

ATTRIBUTION_PATH = SKILL_PATH.replace("qna.yaml", "attribution.txt")
PRIVATE = {
    "an e-mail address": "lena.vogel@birds-of-varholm.de",
    "a phone number": "+49 30 901820417",
    "a bank account": "DE89 3704 0044 0532 0130 00",
    "a key": "ghp_" + "a8B3kQ9zX2mN5vC7wE1rT4yU6iO0pL3sD8fG",
}
HOSTILE = (
    "<script>alert(1)</script>",
    '"><img src=x onerror=alert(1)>',
    "{{ 7*7 }}{% raw %}",
    "javascript:alert(1)",
    "\x1b[31mred\x1b[0m",
    "\u202eevil\u202c",
    "x" * 10_000,
)


def examples(*said: tuple[str, str]) -> list[dict[str, str]]:
    return [{"question": question, "answer": answer} for question, answer in said]


BIRDS = [
    (f"How does bird {name} sing?", f"It sings the song of {name}.")
    for name in ("anna", "ben", "cleo", "dan", "eva")
]


def leaf_of(said: list[tuple[str, str]], **keys: str) -> dict[str, str]:
    "The files of a skill with these questions and answers."
    return {SKILL_PATH: a_skill(seed_examples=examples(*said), **keys), ATTRIBUTION_PATH: attribution()}


async def reading_of(world: World, pr: PullRequest) -> Reading:
    async with world.database() as engine:
        found = await ReadingStore(engine).get(world.repo.id, pr.number, pr.pull.head_sha)
    assert found is not None
    return found


async def test_a_pull_request_can_be_read_as_it_was_judged(world: World, visitor: Visitor) -> None:
    "The page opens with how it stands and who acts next, then each example with its lines and the attribution."
    pr = await world.ana.opens_pr(leaf_of(BIRDS), title="Songs of birds")
    await world.settled()

    seen = await visitor.opens_page(f"/pulls/{pr.number}")

    assert seen.status == 200
    assert "Songs of birds #" in seen.words
    assert "Next: a triager" in seen.words
    assert "Triage has not signed it off yet." in seen.words
    assert seen.words.count("Example ") == len(BIRDS)
    for question, answer in BIRDS:
        assert question in seen.words
        assert answer in seen.words
    assert "Title of work: Kingfisher" in seen.words
    assert "lines " in seen.words


async def test_what_was_found_stands_beside_the_example_it_is_about(world: World, visitor: Visitor) -> None:
    "A question that is there twice is told of at the example, with the remedy."
    twice = [*BIRDS[:4], BIRDS[0]]
    pr = await world.ana.opens_pr(leaf_of(twice))
    await world.settled()

    seen = await visitor.opens_page(f"/pulls/{pr.number}")

    assert "Next: the author" in seen.words
    assert "to fix" in seen.words
    reading = await reading_of(world, pr)
    error = next(found for found in reading.findings if found.severity == "error")
    card = next(one for one in reading.leaves[0].examples if one.line <= error.line <= one.last_line)
    before, _, behind = seen.html.partition(error.title)
    assert 'class="card example' in before
    assert card.pairs[0].question is not None
    assert card.pairs[0].question.text in behind.split("</article>")[0]


async def test_what_was_set_aside_is_no_longer_shown_as_a_thing_to_fix(world: World, visitor: Visitor) -> None:
    "The reading follows a maintainer's override, though nothing was judged anew."
    gives_powers(world)
    pr = await world.ana.opens_pr(leaf_of([*BIRDS[:4], BIRDS[0]]))
    await world.settled()
    errors = {found.cause for found in (await reading_of(world, pr)).findings if found.severity == "error"}
    assert errors

    for cause in errors:
        await world.max.comments(pr, f"/override {cause} because it is meant so")
    await world.settled()

    reading = await reading_of(world, pr)
    assert errors <= {found.cause for found in reading.findings if found.severity == "notice"}
    assert len(reading.leaves[0].examples) == 5


async def test_nothing_private_is_kept_or_shown(world: World, visitor: Visitor) -> None:
    "Whatever is found of personal data and keys, wherever it stands, is in no text that is stored."
    planted = list(PRIVATE.values())
    said = [(f"How do I reach {one}?", f"Write to {one} today.") for one in planted] + BIRDS[:1]
    files = leaf_of(said, task_description=f"Ask {planted[0]} how to shorten.", created_by=planted[0])
    files[ATTRIBUTION_PATH] += f"Contact: {planted[0]}, phone {planted[1]}\nKey: {planted[3]}\n"
    files[f"compositional_skills/writing/{planted[0]}/qna.yaml"] = a_skill()
    pr = await world.ana.opens_pr(files)
    await world.settled()

    rows = await world.rows("SELECT sheet FROM readings")

    assert len(rows) == 1
    stored = zlib.decompress(bytes(rows[0][0])[1:]).decode()
    seen = await visitor.opens_page(f"/pulls/{pr.number}")
    for one in planted:
        for told in (stored, seen.html, seen.words):
            assert one not in told
            assert one.rpartition("@")[2] not in told or "@" not in one
            assert one.replace(" ", "") not in told
    assert "is not shown: personal data or a key was found" in seen.words
    assert "It sings the song of anna." in seen.words


def test_a_key_over_many_lines_is_hidden_with_all_of_them() -> None:
    "A private key in an answer and in the attribution leaves no line behind."
    body = "\n".join("MIIEvQIBADANBgkqhkiG9w0BAQEFAASCBKcwggSjAgEAAoIBAQC7" + letter * 10 for letter in "abcd")
    key = f"-----BEGIN RSA PRIVATE KEY-----\n{body}\n-----END RSA PRIVATE KEY-----"
    text = a_skill(seed_examples=examples(("What is it?", f"This:\n{key}\n"), *BIRDS[:4]))
    contribution = contribution_of((SKILL_PATH, text), (ATTRIBUTION_PATH, attribution() + key + "\n"))
    verdict = judge(contribution, default_policy())

    reading = transcribe("a" * 40, contribution, default_policy(), verdict.findings, verdict.findings)

    assert "MIIEvQ" not in repr(reading)
    assert reading.leaves[0].attribution is not None
    assert "Title of work" in reading.leaves[0].attribution.text


def test_a_huge_contribution_makes_a_bounded_reading() -> None:
    "Texts are cut and say so; examples, leaves and findings beyond the limits are counted."
    seeds = examples(*((f"Question {n}?", "A bird sings. " * (500 if n < 2 else 2)) for n in range(70)))
    text = a_skill(seed_examples=seeds)
    contribution = contribution_of(
        *((SKILL_PATH.replace("shorten", f"leaf{n}"), text) for n in range(MOST_LEAVES + 2))
    )
    finding = judge(contribution_of((SKILL_PATH, "version: 3\n")), default_policy()).findings[0]

    reading = transcribe("a" * 40, contribution, default_policy(), [finding] * (MOST_FINDINGS + 5), ())

    first = reading.leaves[0].examples[0].pairs[0].answer
    assert first is not None
    assert first.is_cut
    assert len(first.text) <= 6000
    assert reading.leaves[0].left_out == 10
    assert reading.leaves_left_out == 2
    assert reading.findings_left_out == 5
    assert sum(len(words.text) for words in texts_of(reading)) <= 400_000
    assert unpacked(packed(reading)) == reading


def texts_of(reading: Reading) -> list[Words]:
    pairs = [pair for leaf in reading.leaves for one in leaf.examples for pair in one.pairs]
    return [words for pair in pairs for words in (pair.question, pair.answer) if words is not None]


def test_a_context_stands_beside_the_passage_it_was_taken_from() -> None:
    "Word for word, nearly, or not at all; what nobody has looked into is not called missing."
    kept = "The kingfisher lives near slow water and digs a tunnel as long as an arm into the bank of the river."
    near = (
        "The grey heron stands still for hours in shallow water and strikes at fish and frogs with its long bill."
    )
    foreign = "Bread is baked from flour, water, salt and yeast, and it needs an hour to rise before it goes in."
    pair = [{"question": "What is it?", "answer": "A bird."}]
    seeds = [{"context": text, "questions_and_answers": pair} for text in (kept, near, foreign)]
    page = (
        f"# Birds\n\n{kept}\n\n{near.replace('grey heron stands', 'white heron waits').replace('frogs', 'newts')}\n"
    )
    document = DocumentFile("birds.md", page.encode(), "0" * 64)
    found = FetchedDocuments("https://github.com/ana/birds", "0" * 40, (document,))
    contribution = contribution_of((KNOWLEDGE_PATH, a_knowledge(contexts=seeds)), documents={KNOWLEDGE_PATH: found})
    unseen = contribution_of((KNOWLEDGE_PATH, a_knowledge(contexts=seeds)))

    reading = transcribe("a" * 40, contribution, default_policy(), (), ())
    other = transcribe("a" * 40, unseen, default_policy(), (), ())

    places = [(example.line, example.last_line) for example in reading.leaves[0].examples]
    assert all(last < first for (_, last), (first, _) in pairwise(places)), "a line belongs to one example"
    sources = [example.source for example in reading.leaves[0].examples]
    assert [source.state for source in sources if source] == [
        SourceState.EXACT,
        SourceState.NEAREST,
        SourceState.NOTHING,
    ]
    assert sources[1] is not None
    assert sources[1].passage is not None
    assert "white heron waits" in sources[1].passage.text
    assert 50 <= sources[1].percent < 100
    assert {example.source.state for example in other.leaves[0].examples if example.source} == {SourceState.UNKNOWN}


async def test_who_comes_back_sees_what_has_changed(world: World, visitor: Visitor) -> None:
    "An example that was changed, one that is new and one that is gone are marked, word by word."
    gives_powers(world)
    pr = await world.ana.opens_pr(leaf_of(BIRDS))
    await world.settled()
    await visitor.signs_in("tess")
    first = await visitor.opens_page(f"/pulls/{pr.number}")
    assert "example changed" not in first.words
    assert "<ins>" not in first.html
    await world.clock.advance(hours=2)
    changed = [BIRDS[0], (BIRDS[1][0], "It sings the melody of ben."), *BIRDS[2:4]]
    fresh = ("Why do mountains look blue from far away?", "Air scatters blue light.")
    await world.ana.pushes(pr, leaf_of([*changed, fresh]))
    await world.settled()

    seen = await visitor.opens_page(f"/pulls/{pr.number}")

    assert "1 example changed" in seen.words
    assert "1 example added" in seen.words
    assert "1 example removed" in seen.words
    assert "<del>song</del>" in seen.html
    assert "<ins>melody</ins>" in seen.html
    assert "since=" in seen.url  # loading it again shows the same
    assert "An example that is no longer there" in seen.words
    again = await visitor.opens_page(f"/pulls/{pr.number}")
    assert "<del>" not in again.html
    assert "Compare with an earlier commit" in again.words


async def test_only_the_last_heads_are_kept_and_old_ones_are_forgotten(world: World, visitor: Visitor) -> None:
    "After the days that an operator sets, what was judged is gone, and so is who looked."
    pr = await world.ana.opens_pr(leaf_of(BIRDS))
    await world.settled()
    await visitor.signs_in("ana")
    for n in range(KEPT_HEADS + 1):
        await world.clock.advance(minutes=3)
        await world.ana.pushes(pr, leaf_of([*BIRDS[:4], (f"What is {n}?", "A number.")]))
        await world.settled()
    await visitor.opens_page(f"/pulls/{pr.number}")
    assert await world.rows("SELECT count(*) FROM readings") == [(KEPT_HEADS,)]
    assert await world.rows("SELECT count(*) FROM last_looks") == [(1,)]

    with world.no_webhooks():
        pr.pull.state = "closed"
    await world.clock.advance(days=world.settings.reading_days + 1)
    await world.sweeps()

    assert await world.rows("SELECT count(*) FROM readings") == [(0,)]
    assert await world.rows("SELECT count(*) FROM last_looks") == [(0,)]
    assert (await visitor.opens_page(f"/pulls/{pr.number}")).status in {200, 404}


async def test_a_reading_that_cannot_be_kept_costs_nobody_the_verdict(
    world: World, visitor: Visitor, monkeypatch: pytest.MonkeyPatch
) -> None:
    "The report is posted all the same, and the page says that there is nothing to read."

    async def broken(*_: object) -> None:
        raise OSError("the disk is full")

    monkeypatch.setattr(ReadingStore, "save", broken)
    pr = await world.ana.opens_pr()

    assert "All checks passed" in await pr.next_comment()
    assert "There is nothing to read here yet" in (await visitor.opens_page(f"/pulls/{pr.number}")).words


async def test_what_is_hostile_is_shown_and_does_nothing(world: World, visitor: Visitor) -> None:
    "Markup, templates, marks for terminals and characters that turn the direction are only words here."
    said = [(f"Question {n}: {text[:300]}?", f"Answer: {text[:3000]}") for n, text in enumerate(HOSTILE)]
    files = leaf_of(said)
    files["docs/<img src=x onerror=alert(1)>.md"] = "# Hello\n"
    pr = await world.ana.opens_pr(files, title="<svg onload=alert(1)>\u202e" + "y" * 10_000)
    await world.settled()

    for path in (f"/pulls/{pr.number}", "/pulls", f"/pulls/{pr.number}?since='\"><script>"):
        seen = await visitor.opens_page(path)
        assert seen.status == 200
        assert "<script>alert" not in seen.html
        assert "<img src=x" not in seen.html
        assert "<svg onload" not in seen.html
        assert "\u202e" not in seen.html
        assert "\x1b" not in seen.html
        assert len(seen.html) < 200_000
    assert "{{ 7*7 }}" in (await visitor.opens_page(f"/pulls/{pr.number}")).words


async def test_a_private_repository_is_read_by_its_people_and_a_pull_request_by_its_author(
    world: World, visitor: Visitor
) -> None:
    "Others are told nothing, not even that there is such a pull request."
    gives_powers(world)
    world.repo.private = True
    pr = await world.ana.opens_pr(leaf_of(BIRDS))
    await world.settled()
    path = f"/pulls/{pr.number}"

    assert (await visitor.opens_page(path)).status == 401
    await visitor.signs_in("mallory")
    assert (await visitor.opens_page(path)).status == 404
    async with Visitor(world) as author:
        await author.signs_in("ana")
        seen = await author.opens_page(path)
        assert seen.status == 200
        assert BIRDS[0][1] in seen.words
        assert (await author.opens_page("/pulls")).status == 200  # with the own ones alone
    async with Visitor(world) as triager:
        await triager.signs_in("tess")
        assert (await triager.opens_page(path)).status == 200


async def test_the_next_link_leads_through_what_waits(world: World, visitor: Visitor) -> None:
    "A triager goes from one to the next, the longest wait first; the own ones and failing ones are left out."
    gives_powers(world)
    numbers = []
    for login in ("ana", "bob", "cleo"):
        pr = await getattr(world, login).opens_pr()
        numbers.append(pr.number)
        await world.settled()
        await world.clock.advance(minutes=10)
    await world.tess.opens_pr()
    await world.settled()
    await visitor.signs_in("tess")

    for here, there in zip(numbers, [*numbers[1:], numbers[0]], strict=True):
        seen = await visitor.opens_page(f"/pulls/{here}")
        assert f'/pulls/{there}">Next that waits for me' in seen.html
    assert Path(seen.url).name == str(numbers[-1])
