"""Guesses about words reach triagers and nobody else; the template of pull requests; ready words."""

from __future__ import annotations

import json

import pytest

from bot.notices_cli import noticed
from bot.ready_texts import TOPICS
from checks.topics import topic_names
from tests.checks.contributions import SKILL_PATH, a_skill, attribution
from tests.world import PullRequest, World
from tests.world.review import gives_powers

JOKES = [
    {"question": f"Tell me a joke about {animal}.", "answer": f"Why did the {animal} cross the road? Who knows."}
    for animal in ("a goose", "two owls", "the wren", "a stork", "my heron")
]
TEMPLATE = "**What is it about?**\n\n**Check-list**\n- [ ] I ran taxonomy-check\n"
FOLDER = SKILL_PATH.rpartition("/")[0]


def the_jokes() -> dict[str, str]:
    text = a_skill(
        seed_examples=JOKES, task_description="Tell jokes about birds. As an AI language model, I laugh."
    )
    return {SKILL_PATH: text, f"{FOLDER}/attribution.txt": attribution()}


def everything_public(pr: PullRequest) -> str:
    "All that GitHub shows on the pull request: comments, check runs with their notes, labels."
    runs = [pr.check(name) for name in ("Contribution", "Sign-off")]
    shown = [repr(run) for run in runs] + [repr(note) for run in runs for note in run.annotations]
    return "\n".join([*(c.body for c in pr.pull.comments), *shown, *pr.labels])


async def notices_of(world: World, pr: PullRequest) -> str:
    lines = await noticed(world.settings, world.clock, "instruct/taxonomy", pr.number, world.workers)
    assert [line for line in lines if len(line) > 80] == []
    return "\n".join(lines)


async def test_a_guess_is_shown_to_triagers_and_nowhere_on_the_pull_request(world: World) -> None:
    "A leaf full of jokes passes all checks; the operator's command names the topic and previews the ready words."
    pr = await world.ana.opens_pr(the_jokes())
    await pr.settled()
    pr.has_been_read()
    public = everything_public(pr)
    assert "joke" not in public.replace(SKILL_PATH, "")
    assert "topics" not in public
    assert "machine" not in public
    assert pr.labels == {"skill", "triage-needed"}

    told = await notices_of(world, pr)

    assert "topics/avoided" in told
    assert "This looks like jokes and poems: 5 of 5 questions and answers say so." in told
    assert "/topic humour would say, after a sentence of yours if you add one:" in told
    assert "| Thank you for contributing! This topic is not taken at the moment." in told


@pytest.mark.parametrize("command", ["/why", "/check", "/status", "/check topics", "/check machine-written"])
async def test_no_command_brings_a_guess_into_the_open(world: World, command: str) -> None:
    "Not even asked for by its name."
    pr = await world.ana.opens_pr(the_jokes())
    await pr.settled()
    gives_powers(world)
    await world.ana.comments(pr, command)
    await pr.settled()
    pr.has_been_read()
    said = "\n".join(c.body for c in pr.pull.comments if c.author != "ana")
    assert "looks like" not in said
    assert "jokes and poems" not in said


async def test_a_pull_request_without_notes_says_so(world: World) -> None:
    "In one line."
    pr = await world.ana.opens_pr()
    await pr.next_comment()
    assert "There is nothing that only triagers look at." in await notices_of(world, pr)


async def test_a_policy_can_switch_guesses_off(world: World) -> None:
    "Then the command has nothing to tell."
    await world.github.push_to_default(world.repo, {".github/taxonomy-bot.yml": 'rules: {"topics": "off"}\n'})
    pr = await world.ana.opens_pr(the_jokes())
    await pr.settled()
    pr.has_been_read()
    assert "topics" not in await notices_of(world, pr)


async def test_a_topic_is_refused_with_a_sentence_of_ones_own(world: World) -> None:
    "It stands before the ready words, and neither mentions nor markup in it do anything."
    pr = await world.ana.opens_pr(the_jokes())
    await pr.next_comment()
    gives_powers(world)
    await world.tess.comments(pr, "/topic humour Your geese made *me* smile, @ana and @instruct/team!")
    said = await pr.next_comment()
    assert "@<!-- -->ana and @<!-- -->instruct/team!" in said
    assert said.index("geese") < said.index("Jokes and poems are a matter of taste")
    assert pr.labels == {"skill", "triage-rejected", "topic-failure"}
    pr.has_been_read()


async def test_a_change_is_asked_for_in_ready_words(world: World) -> None:
    "With a sentence before them, if there is one."
    pr = await world.ana.opens_pr()
    await pr.next_comment()
    gives_powers(world)
    await world.tess.comments(pr, "/request-changes no-attribution Lovely herons!")
    said = await pr.next_comment()
    assert said.index("Lovely herons!") < said.index("Each source has to be named in an attribution.txt")
    pr.has_been_read()


def test_every_topic_that_is_guessed_has_ready_words() -> None:
    assert set(topic_names()) <= set(TOPICS)


async def test_an_open_box_of_the_template_is_a_suggestion_until_the_description_is_edited(world: World) -> None:
    "Editing the description judges anew; nothing has to be pushed."
    await world.github.push_to_default(world.repo, {".github/PULL_REQUEST_TEMPLATE.md": TEMPLATE})
    pr = await world.ana.opens_pr(body=TEMPLATE.replace("about?**\n", "about?**\nShort sentences.\n"))
    assert "All checks passed" in await pr.next_comment()
    assert 'Not ticked: "I ran taxonomy-check".' in pr.pull.comments[0].body

    await world.github.edit_pull(pr.pull, body="**What is it about?**\nBirds.\n- [x] I ran taxonomy-check\n")

    assert "Not ticked" not in await pr.edited_comment()
    assert json.dumps(sorted(pr.labels)) == '["skill", "triage-needed"]'
