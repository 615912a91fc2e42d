"""Plans and builds in a terminal: whole at 60 columns and at 100, harmless whatever people call their leaves."""

from __future__ import annotations

import io
from dataclasses import replace
from datetime import UTC, date, datetime

import pytest
from rich.cells import cell_len
from rich.console import Console

from bot.nightly.builds import Build, BuildState, Counts
from bot.nightly.leaves import LeafChange
from bot.nightly.plan import BuildPlan, LeftOutLeaf, LeftOutPull, MergedPull, PlannedLeaf
from bot.nightly.schedule import Schedule
from bot.nightly.shown import MOST_SHOWN, show_plan, show_status

NOW = datetime(2026, 1, 5, 9, tzinfo=UTC)
LONG = "compositional_skills/writing/freeform/summaries/of_very_long_documents/about_the_sea_and_its_animals"
LEAF = PlannedLeaf(
    LONG, LeafChange.NEW, "1" * 40, "2" * 40, (12, 1013), ("ana", "somebody-else"), ("CC-BY-SA-4.0",)
)
PLAN = BuildPlan(
    1,
    "a" * 40,
    "b" * 40,
    "2026-01-04",
    (LEAF, replace(LEAF, path="knowledge/otter", change=LeafChange.CHANGED, licences=None)),
    9_998,
    (MergedPull(12, "ana", 1, "c" * 40, NOW), MergedPull(1013, "eve", 2, "d" * 40, NOW, is_known=False)),
    (LeftOutLeaf("knowledge/vole", "#7 is on legal hold"),),
    (LeftOutPull(9, "ben", "it changes no leaf"),),
    ("The history of main was rewritten.",),
)


def shown(plan: BuildPlan, width: int) -> str:
    "What a terminal of that width shows."
    out = io.StringIO()
    show_plan(plan, Console(file=out, width=width))
    return out.getvalue()


@pytest.mark.parametrize("width", [60, 100])
def test_everything_fits_and_nothing_is_cut(width: int) -> None:
    "No line is wider than the terminal, and paths are folded behind a slash."
    text = shown(PLAN, width)
    assert max(cell_len(line) for line in text.splitlines()) <= width
    for part in LONG.split("/"):
        assert part in text
    flat = " ".join(text.split())
    for told in (
        "after the good build of 2026-01-04 (bbbbbbb)",
        "Note: The history of main was rewritten.",
        "1 new, 1 changed, 0 removed, 9,998 as before",
        "1 of them merged without the bot hearing of it",
        "#12 #1013",
        "CC-BY-SA-4.0",
        "not read",
        "knowledge/vole #7 is on legal hold",
        "#9 by ben it changes no leaf",
    ):
        assert told in flat, text


def test_nothing_new_says_so() -> None:
    "And that there is no build."
    assert "Nothing new: no build." in shown(replace(PLAN, leaves=()), 60)


@pytest.mark.parametrize("width", [60, 100])
def test_hostile_names_do_nothing(width: int) -> None:
    "Neither escapes of a terminal, nor markup, nor directions; wide characters do not burst the table."
    odd = PlannedLeaf(
        "knowledge/\x1b[31mred/[bold]loud[/bold]/\u202erebmun/" + "\N{CJK UNIFIED IDEOGRAPH-6F22}" * 90,
        LeafChange.NEW,
        "1",
        "",
        (1,),
        ("[link=https://evil.example]x[/link]",),
        ("MIT\nleft out: all\x07",),
    )
    text = shown(replace(PLAN, leaves=(odd,)), width)
    assert not {"\x1b", "\u202e", "\x07"} & set(text)
    flat = "".join(text.split())
    assert "[bold]loud[/bold]" in flat
    assert "[link=https://" in text
    assert max(cell_len(line) for line in text.splitlines()) <= width


def test_of_very_many_leaves_the_first_are_shown() -> None:
    "How many more there are is said."
    many = tuple(replace(LEAF, path=f"knowledge/{n:05}") for n in range(10_000))
    text = shown(replace(PLAN, leaves=many), 100)
    assert f"and {10_000 - MOST_SHOWN:,} more; --json tells them all." in text
    assert text.count("new ") <= MOST_SHOWN + 2


@pytest.mark.parametrize("width", [60, 100])
def test_the_status_names_the_next_build_and_the_last_ones(width: int) -> None:
    "With how much each takes in."
    build = Build(1, 1, date(2026, 1, 5), BuildState.PASSED_OVER, 1, "a" * 40, NOW, Counts(9_999, 2, 3, 4, 5))
    out = io.StringIO()
    show_status([build], Schedule("0 2 * * *"), "08:00", NOW, Console(file=out, width=width))
    text = out.getvalue()
    assert "Next build: 2026-01-06 02:00 UTC" in text
    assert "08:00 UTC" in " ".join(text.split())
    assert text.splitlines()[-1].split() == ["2026-01-05", "passed", "over", "aaaaaaa", "9,999", "2", "3", "4", "5"]
    assert max(cell_len(line) for line in text.splitlines()) <= width


def test_a_bot_that_plans_nothing_says_so() -> None:
    "With the setting that is off."
    out = io.StringIO()
    show_status([], None, "08:00", NOW, Console(file=out, width=60))
    assert "TAXONOMY_BOT_NIGHTLY is off" in out.getvalue()
    assert "There is no build yet." in out.getvalue()
