"""Badges: what they say, that nothing in them can act, and that they keep what is private."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator
from datetime import date
from pathlib import Path
from xml.etree import ElementTree

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.dashboard.badges import Colour, badge
from tests.dashboard.visitor import Seen, Visitor
from tests.world import World
from tests.world.told_builds import passes, told_builds

BADGE = "/badge/instruct/taxonomy"


@pytest.fixture
async def visitor(world: World) -> AsyncIterator[Visitor]:
    "Somebody who is not signed in."
    async with Visitor(world) as visitor:
        yield visitor


def tag_of(seen: Seen) -> str:
    "What a browser sends to ask whether it has changed."
    return {name.lower(): value for name, value in seen.headers.items()}["etag"]


async def test_the_badge_of_a_pull_request_follows_it(world: World, visitor: Visitor) -> None:
    "In words, for everybody, kept for a minute, and sent again only when it says something else."
    pr = await world.ana.opens_pr()
    await world.settled()
    seen = await visitor.opens(f"{BADGE}/pull/{pr.number}.svg")
    assert f"taxonomy #{pr.number}: waits for triage" in seen.words
    assert seen.headers["Content-Type"].startswith("image/svg+xml")
    assert seen.headers["Cache-Control"] == "public, max-age=60"
    again = await visitor.opens(f"{BADGE}/pull/{pr.number}.svg", If_None_Match=tag_of(seen))
    assert again.status == 304
    await world.github.close_pull(pr.pull, by="ana")
    await world.settled()
    after = await visitor.opens(f"{BADGE}/pull/{pr.number}.svg", If_None_Match=tag_of(seen))
    assert "closed" in after.words
    pr.has_been_read()


async def test_what_is_private_looks_like_what_is_not_there(world: World, visitor: Visitor) -> None:
    "Strangers learn neither whether a repository nor whether a pull request exists."
    pr = await world.ana.opens_pr()
    await world.settled()
    missing = await visitor.opens(f"{BADGE}/pull/999.svg")
    assert "taxonomy: private" in missing.words
    world.repo.private = True
    await world.clock.advance(minutes=2)
    for path in (
        f"{BADGE}/pull/{pr.number}.svg",
        f"{BADGE}/pull/x.svg",
        f"{BADGE}/build.svg",
        "/badge/no/such/build.svg",
        "/badge/no/such/pull/1.svg",
    ):
        seen = await visitor.opens(path)
        assert (seen.status, seen.html, path) == (200, missing.html, path)
        assert tag_of(seen) == tag_of(missing)
    pr.has_been_read()


async def test_the_badge_of_the_builds_tells_the_newest_and_what_is_served(world: World, tmp_path: Path) -> None:
    "None yet, then how it came out, then the score of what is served; a contribution is in its build."
    async with told_builds(world, tmp_path) as newsroom, Visitor(world) as visitor:
        pr, build = await passes(newsroom, date(2026, 1, 6), "haiku", 0.64)
        assert (
            "nightly build: 2026-01-06 passed, not served yet" in (await visitor.opens(f"{BADGE}/build.svg")).words
        )
        await newsroom.promote(build)
        seen = await visitor.opens(f"{BADGE}/build.svg")
        assert "2026-01-06 passed, served; served MMLU 0.640" in seen.words
        assert "in build 2026-01-06" in (await visitor.opens(f"{BADGE}/pull/{pr.number}.svg")).words
        listed = await visitor.opens_page("/builds")
        home = world.settings.public_url
        page = f"{home}/r/instruct/taxonomy/builds"
        assert f"[![The nightly build]({home}{BADGE}/build.svg)]({page})" in listed.words


@given(st.text(max_size=200), st.text(max_size=200))
def test_whatever_a_badge_says_it_is_a_picture_of_those_words(label: str, message: str) -> None:
    "It is well-formed, holds nothing but shapes and text, and is no wider than its words need."
    svg = badge(label, message, Colour.GOOD)
    tree = ElementTree.fromstring(svg)
    assert {each.tag.rpartition("}")[2] for each in tree.iter()} == {
        "svg",
        "title",
        "clipPath",
        "rect",
        "g",
        "text",
    }
    assert not re.search(r"\bon\w+=", re.sub(r'"[^"]*"', "", svg.partition("<title>")[0]))
    assert int(tree.attrib["width"]) <= 2 * (60 * 12 + 14)


@pytest.mark.parametrize(
    "words", ["<script>alert(1)</script>", '"><a href="x">', "&lt;", "]]>", "a\x00b", "語" * 90]
)
def test_hostile_words_stay_words(words: str) -> None:
    "They are escaped, shortened and shown."
    tree = ElementTree.fromstring(badge("taxonomy", words, Colour.BAD))
    shown = [each.text or "" for each in tree.iter() if each.tag.endswith("text")]
    assert len(shown) == 2
    assert shown[1].rstrip("…") in words.replace("\x00", "")
