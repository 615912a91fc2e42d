"""Signing in: with GitHub, in the browser that began it, and never into somebody else's session."""

from __future__ import annotations

import pytest

from bot.dashboard.sign_in import own_path
from tests.dashboard.visitor import Visitor
from tests.world import World


async def test_somebody_signs_in_and_out_again(world: World, visitor: Visitor) -> None:
    "Who has chosen their account on GitHub is greeted by name on the page they came from, until they leave."
    await world.ana.opens_pr()
    await world.settled()
    assert "Sign in" in (await visitor.opens("/commands")).words

    seen = await visitor.signs_in("ana", back="/commands")

    assert seen.url.endswith("/commands")
    assert "ana" in seen.words
    assert "Sign in" not in seen.words
    seen = await visitor.sends("/sign-out", seen.csrf_token)
    assert "Sign in" in seen.words


async def test_an_answer_from_github_that_this_browser_never_asked_for_signs_nobody_in(
    world: World, visitor: Visitor
) -> None:
    "Whoever is lured to the end of somebody else's sign-in stays who they are."
    seen = await visitor.opens("/sign-in/done?code=abc&state=of-somebody-else")
    assert seen.status == 400
    assert "not begun in this browser" in seen.words


@pytest.mark.parametrize(
    ("wanted", "leads_to"),
    [
        ("/r/a/b/pulls?state=open", "/r/a/b/pulls?state=open"),
        ("https://evil.example", "/"),
        ("//evil.example/x", "/"),
        ("/\\evil.example", "/"),
        ("\\\\evil.example", "/"),
        ("javascript:alert(1)", "/"),
        ("/ok\r\nSet-Cookie: a=b", "/"),
        ("", "/"),
        ("/" + "x" * 3000, "/"),
        ("///evil.example", "/"),
    ],
)
def test_after_signing_in_nobody_is_sent_elsewhere(wanted: str, leads_to: str) -> None:
    assert own_path(wanted) == leads_to
