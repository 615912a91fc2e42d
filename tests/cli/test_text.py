"""The report in a terminal: readable in 60 columns and in 120, with colour only where it is wanted."""

from __future__ import annotations

import io
from textwrap import dedent

import pytest

from checks.checkout import Facts
from checks.contribution import Commit, Identity, Sha
from checks.findings import Cause, Crash, Finding, Severity, Suggestion, Verdict
from checks.report.content import Report
from checks.report.text import console_for, excerpt, print_report
from tests.checks.contributions import contribution_of
from tests.cli.checkouts import Checkout

PATH = "knowledge/birds/qna.yaml"
TEXT = "".join(f"line {n}: some words that stand in the file\n" for n in range(1, 31))
FEW = Cause("counts/few", "There are too few examples", "Variety starts with them.", "Write more examples.")
MAIL = Cause("pii/email", "An e-mail address", "It is public for ever.", "Take it out.")


def shown(*findings: Finding, columns: int = 60, text: str = TEXT, colour: bool = False, **facts: object) -> str:
    contribution = contribution_of((PATH, text), commits=())
    settings: dict[str, object] = {"took_s": 0.2} | facts
    report = Report(Verdict(findings), Facts(contribution, "mine"), "https://rules", **settings)  # type: ignore[arg-type]
    stream = io.StringIO()
    print_report(report, console_for(stream, colour=colour, width=columns))
    return stream.getvalue()


def few(line: int | None, message: str = "Here are 2 examples; 5 are needed.", column: int | None = 1) -> Finding:
    return Finding(FEW, Severity.ERROR, message, PATH, line, column)


def test_a_finding_in_a_narrow_terminal() -> None:
    "Place, source with caret, message, reason and remedy; nothing runs over 60 columns but paths."
    finding = few(3, "Here are 2 examples, and at least 5 of them are needed in a knowledge file.", 9)

    assert shown(finding) == dedent("""\
        Checked mine.

        knowledge/birds/qna.yaml

          ✗ error: There are too few examples  [counts/few]
            knowledge/birds/qna.yaml:3:9
                3 │ line 3: some words that stand in the file
                  │         ^
            Here are 2 examples, and at least 5 of them are needed
            in a knowledge file.
            Why: Variety starts with them.
            Fix: Write more examples.

        ✗ 1 thing to fix in 1 file — checked 1 leaf, 0 commits in
        0.2 s.
          taxonomy-check --explain RULE tells more about a rule.
        """)


def test_one_kind_in_many_places_is_told_once() -> None:
    "The first three places come with their source, the rest as line numbers."
    report = shown(*(few(n) for n in range(1, 19)), columns=120)

    assert report.count("Here are 2 examples") == report.count("Why:") == report.count("Fix:") == 1
    assert report.count("│ line") == 3
    assert "and 15 more: lines 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, …" in report
    assert "1 thing to fix in 1 file" in report


def test_warnings_let_a_contribution_pass() -> None:
    "Suggestions do not spoil the good news."
    report = shown(Finding(FEW, Severity.WARNING, "Short.", PATH, 1))

    assert "! warning: There are too few examples" in report
    assert "✓ Ready to go! There is 1 suggestion in 1 file; it blocks\nnothing. Checked 1 leaf" in report


def test_notices_are_for_triagers() -> None:
    "They are shown on request only."
    notice = Finding(FEW, Severity.NOTICE, "Look at this.", PATH, 1)

    assert "Look at this" not in shown(notice)
    assert "i notice: There are too few examples" in shown(notice, notices=True)


def test_personal_data_is_never_shown() -> None:
    "Neither the finding itself nor another one on the same line repeats the line."
    text = "a: 1\nmail: bob@example.com\n"
    report = shown(
        Finding(MAIL, Severity.ERROR, "Here stands an e-mail address.", PATH, 2, 7),
        few(2, column=3),
        text=text,
    )

    assert report.count("[hidden]") == 2
    assert "bob" not in report


def test_hostile_text_is_made_visible() -> None:
    "Escape codes, direction marks and line ends of others never reach the terminal."
    text = "a: \x1b[31mred\u202e\tx\n"
    report = shown(few(1, "It says \x1b]0;owned\x07 and \u2028::error::x", 10), text=text)

    assert "\x1b" not in report
    assert "\u202e" not in report
    assert "a: <U+001B>[31mred<U+202E>→   x" in report
    assert "<U+001B>]0;owned<U+0007> and <U+2028>::error::x" in " ".join(report.split())


def test_a_suggested_change_is_shown() -> None:
    "A mechanical fix comes as the lines to write."
    change = Suggestion(2, 3, ("version: 3", "more"))
    report = shown(Finding(FEW, Severity.ERROR, "Wrong.", PATH, 2, 1, suggestion=change))

    assert "    2 + version: 3\n" in report
    assert "    3 + more\n" in report


def test_findings_about_commits_name_the_commit() -> None:
    "They stand last, under a heading of their own."
    commit = Commit(Sha("ab" * 20), "Add \x1b[1mbirds\n\nbody", Identity("A", "a@b.c"), Identity("A", "a@b.c"))
    contribution = contribution_of((PATH, TEXT), commits=(commit,))
    unsigned = Finding(Cause("dco/missing", "No sign-off", "W", "F"), Severity.ERROR, "M", sha=commit.sha)
    stream = io.StringIO()
    print_report(
        Report(Verdict((unsigned, few(1))), Facts(contribution, "mine"), "u"),
        console_for(stream, colour=False, width=80),
    )
    report = stream.getvalue()

    assert "commit ababababab  Add <U+001B>[1mbirds" in report
    assert report.index(PATH) < report.index("Commits\n")


def test_a_crash_is_not_a_pass() -> None:
    "The summary says that not everything was checked."
    stream = io.StringIO()
    crash = Crash("pii", "Contribution", "KeyError at /home/me/checks/rules/pii.py:12")  # type: ignore[arg-type]
    verdict = Verdict((), (crash,))
    print_report(
        Report(verdict, Facts(contribution_of(), "mine"), "u"), console_for(stream, colour=False, width=80)
    )

    assert "mention: KeyError at pii.py:12" in stream.getvalue()
    assert "Not everything could be checked; nothing found so far" in stream.getvalue()
    assert "/home/me" not in stream.getvalue()


@pytest.mark.parametrize("column", [1, 40, 150, 299, 300, 5000])
def test_long_lines_are_cut_around_the_caret(column: int) -> None:
    "The part with the caret stays, and it fits."
    source = "".join(chr(97 + n % 26) for n in range(300))

    part, caret = excerpt(source, column, 50)

    assert len(part) <= 50
    assert caret is not None
    if column <= 300:
        assert part[caret] == source[column - 1]


def test_wide_characters_move_the_caret() -> None:
    "A character that fills two cells moves the caret by two."
    assert excerpt("日本: x", 3, 50) == ("日本: x", 4)


def test_colour_only_where_it_is_wanted(checkout: Checkout) -> None:
    "A pipe gets none, --color always gives it, NO_COLOR does not overrule what was asked for."
    checkout.writes_a_good_skill()

    assert "\x1b[" not in checkout.checks().out
    assert "\x1b[" in checkout.checks("--color", "always").out
    assert "\x1b[" not in checkout.checks("--color", "never", FORCE_COLOR="1").out
    assert "\x1b[" not in checkout.checks(FORCE_COLOR="1").out


def test_a_terminal_without_unicode_gets_plain_marks() -> None:
    "Marks turn into ASCII; nothing crashes."
    raw = io.BytesIO()
    stream = io.TextIOWrapper(raw, encoding="ascii")
    report = Report(Verdict((few(1),)), Facts(contribution_of((PATH, "é: ✗\n")), "mine"), "u")
    print_report(report, console_for(stream, colour=False, width=60))
    stream.flush()

    assert b"x error: There are too few examples" in raw.getvalue()
    assert b"    1 | \\xe9: x" in raw.getvalue()


def test_rules_are_listed_and_explained(checkout: Checkout) -> None:
    "--list-rules names every rule; --explain tells why and what to do."
    listed = checkout.checks("--list-rules")
    explained = checkout.checks("--explain", "dco", columns=60)

    assert listed.status == explained.status == 0
    assert "dco" in listed.out
    assert "[dco/missing]" in explained.wrapped()
    assert "rules.md#dco" in explained.out


def test_inside_a_workflow_no_text_is_a_command(checkout: Checkout) -> None:
    "The plain report, in a GitHub workflow, is fenced with a token that nobody can guess."
    checkout.writes_a_good_skill()

    lines = checkout.checks(GITHUB_ACTIONS="true").out.splitlines()

    assert lines[0].startswith("::stop-commands::")
    assert lines[-1] == f"::{lines[0].removeprefix('::stop-commands::')}::"
