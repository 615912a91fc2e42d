"""Only prose commands: what is quoted, shown as code, linked or hidden never does."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.commands.parsing import MOST_COMMANDS, commands_in


def names(text: str) -> list[str]:
    return [command.name for command in commands_in(text)]


@pytest.mark.parametrize(
    ("text", "found"),
    [
        pytest.param("/hold", ["hold"], id="alone"),
        pytest.param("Looks fine.\n/triage-approve\n/assign @tess", ["triage-approve", "assign"], id="after prose"),
        pytest.param("/HOLD", ["hold"], id="in capitals"),
        pytest.param("  /hold", ["hold"], id="a little indented"),
        pytest.param("/hold\r\n/unhold\r\n", ["hold", "unhold"], id="Windows line ends"),
    ],
)
def test_commands_are_found_at_the_start_of_a_line(text: str, found: list[str]) -> None:
    "Several per comment, any case, in order."
    assert names(text) == found


@pytest.mark.parametrize(
    "text",
    [
        pytest.param("> /hold", id="quoted"),
        pytest.param("> a quote\n/hold", id="the lazy rest of a quote"),
        pytest.param("```\n/hold\n```", id="fenced code"),
        pytest.param("~~~\n/hold", id="fenced code never closed"),
        pytest.param("    /hold", id="indented code"),
        pytest.param("`/hold`", id="inline code"),
        pytest.param("`x\n/hold`", id="inline code over two lines"),
        pytest.param("[/hold](https://example.org)", id="a link"),
        pytest.param("<!-- /hold -->", id="a hidden comment"),
        pytest.param("<!--\n/hold\n-->", id="a hidden comment over lines"),
        pytest.param("<details>\n/hold\n</details>", id="inside HTML"),
        pytest.param("- /hold", id="a list"),
        pytest.param("# /hold", id="a heading"),
        pytest.param("| /hold |\n|---|", id="a table"),
        pytest.param("please /hold", id="in the middle of a line"),
        pytest.param("\\/hold", id="escaped"),
        pytest.param("&#47;hold", id="as an entity"),
        pytest.param("/ho\u200bld", id="with a zero-width character"),
        pytest.param("/hоld", id="with a Cyrillic letter"),
        pytest.param("／hold", id="with a full-width slash"),
        pytest.param("/usr/bin/env", id="a path"),
        pytest.param("**/hold**", id="emphasised"),
        pytest.param("//hold", id="two slashes"),
    ],
)
def test_what_is_not_prose_commands_nothing(text: str) -> None:
    "However a command is quoted, shown or disguised, it does not fire."
    assert names(text) == []


def test_arguments_are_the_rest_of_the_line() -> None:
    "What follows on the line belongs to the command, what follows on the next does not."
    (command,) = commands_in("/request-changes name the *source* of `answer` 3\nThank you!")
    assert command.arguments == "name the source of answer 3"
    assert command.line == 1


def test_a_flood_of_commands_is_cut() -> None:
    "One more than are read is returned, so that the cut can be told."
    assert len(commands_in("/hold\n" * 1000)) == MOST_COMMANDS + 1


@given(st.text())
def test_any_text_can_be_read(text: str) -> None:
    "Nothing a person writes breaks the reader; what it finds is plain ASCII and on a line that is there."
    for command in commands_in(text):
        assert command.name.isascii()
        assert 1 <= command.line <= len(text.splitlines())


@pytest.mark.parametrize(
    "text",
    [
        pytest.param("/hold | x\n--- | ---\n/hold | y", id="a table without its outer lines"),
        pytest.param("/ho<b>ld</b>", id="a word put together by HTML"),
        pytest.param("/ho<!-- -->ld", id="a word put together by a hidden comment"),
        pytest.param("/ho`ld`", id="a word put together by code"),
        pytest.param("No.\n\nOn Mon, 5 Jan 2026 at 10:00, Ana <ana@example.org> wrote:\n/hold", id="mail"),
        pytest.param(
            "No.\n\nOn Mon, 5 Jan 2026 at 10:00, Ana\n<ana@example.org> wrote:\n\n/hold", id="mail, folded"
        ),
        pytest.param("No.\n-----Original Message-----\n/hold", id="a mail program's line"),
        pytest.param("No.\n\nFrom: Ana\nSent: Monday\nTo: Tess\n\n/hold", id="a quoted head of a mail"),
    ],
)
def test_what_somebody_else_may_have_written_holds_none(text: str) -> None:
    "Neither the mail that a reply carries along, unmarked, nor words that only look put together."
    assert names(text) == []


def test_a_mail_reply_commands_above_what_it_quotes() -> None:
    "The person's own words come first."
    assert names("/hold\n\nOn Monday, Ana <ana@example.org> wrote:\n\n/unhold") == ["hold"]
