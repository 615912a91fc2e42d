"""`taxonomy-bot check-config`: every mistake with its line, else what the file changes."""

from __future__ import annotations

from datetime import UTC, date, datetime
from pathlib import Path

import pytest
from typer.testing import CliRunner

import checks.gentleness
from bot.cli import cli
from bot.config_cli import changes_of
from checks.policy import default_policy, read_policy
from tests.cli.checkouts import Answer

NOW = datetime(2026, 1, 10, tzinfo=UTC)


@pytest.fixture
def place(tmp_path: Path) -> Path:
    return tmp_path / "taxonomy-bot.yml"


def checked(place: Path, text: str | bytes) -> Answer:
    "What the command says of a file."
    place.write_bytes(text.encode() if isinstance(text, str) else text)
    result = CliRunner().invoke(cli, ["check-config", str(place)])
    return Answer(result.exit_code, result.stdout, result.stderr)


def test_a_file_that_changes_nothing_says_so(place: Path) -> None:
    "An empty one is a valid policy."
    answer = checked(place, "")
    assert answer.status == 0
    assert answer.out.splitlines()[0] == f"{place}: a valid policy."


def test_it_says_which_rules_it_changes_and_how(place: Path) -> None:
    "Rules by name and by title, then the settings beside their defaults."
    answer = checked(place, "rules:\n  limits: off\n  limits/long-pair: error\nlimits:\n  pair_tokens: 99\n")
    assert answer.status == 0
    assert "  limits -> off: it is not asked\n" in answer.out
    assert "  limits/long-pair -> error: the author has to change something\n" in answer.out
    assert "      A question with its answer is long\n" in answer.out
    assert "  limits.pair_tokens: 99 (default: 250)\n" in answer.out


def test_all_mistakes_are_told_at_once_each_with_its_line(place: Path) -> None:
    "Unknown names beside wrong values beside unknown keys, in the order of the lines."
    text = (
        "rules:\n  limts: off\n  syntax: [a]\n  intake: off\nfoo: 1\n"
        "new_rules:\n  gentle_days: -1\n  start: {nope: 2026-01-01, counts: soon}\n"
    )
    answer = checked(place, text)
    assert answer.status == 1
    assert answer.out == ""
    places = [line.removeprefix(f"{place}:").split(": ")[0] for line in answer.err.splitlines()]
    assert places == ["2:3", "3:3", "4:3", "5:1", "7:3", "8:11", "8:29"]
    assert 'there is no rule "limts"; did you mean "limits"?' in answer.err
    assert 'the rule "intake" cannot be switched' in answer.err
    assert '"counts": must be a day like 2026-12-24' in answer.err


@pytest.mark.parametrize(
    ("content", "words"),
    [(b"\xff\xfe", "is not UTF-8 text (byte 1)"), (b"# " + b"x" * 300_000, "far too large")],
    ids=["no text", "too large"],
)
def test_what_cannot_be_read_ends_with_two(place: Path, content: bytes, words: str) -> None:
    "It is another thing than a mistake in the file."
    answer = checked(place, content)
    assert answer.status == 2
    assert words in answer.wrapped()


def test_a_file_that_is_not_there_ends_with_two(place: Path) -> None:
    "So does a folder."
    for path in (place / "x", place.parent):
        result = CliRunner().invoke(cli, ["check-config", str(path)])
        assert result.exit_code == 2
        assert "cannot be read" in result.stderr


def test_it_says_which_rules_are_gentle_and_until_when(monkeypatch: pytest.MonkeyPatch) -> None:
    "By the release, or by the day that the file names; not those that it switches itself."
    new = {"counts/too-few-examples": date(2026, 1, 1), "dco/missing": date(2026, 1, 9)}
    monkeypatch.setattr(checks.gentleness, "release_days", lambda: new)
    assert "  counts/too-few-examples: in full from 2026-01-15 on" in list(changes_of(default_policy(), NOW))
    policy = read_policy("new_rules:\n  start: {counts: 2026-01-08}\nrules:\n  dco: error\n")
    told = list(changes_of(policy, NOW))
    assert "  counts/too-few-examples: in full from 2026-01-22 on" in told
    assert not any("dco/missing" in line for line in told)


def test_the_lines_fit_a_terminal() -> None:
    "Also those of long lists."
    policy = read_policy("dco:\n  exempt_bots: [" + ", ".join(f"some-bot-{n}" for n in range(40)) + "]\n")
    assert [line for line in changes_of(policy, NOW) if len(line) > 80] == []
