"""The published page on the workflow is what the table says."""

from __future__ import annotations

import re

from bot import handbook
from bot.labels import Label
from bot.workflow import TABLE, State
from bot.workflow_page import ANYWHERE, NOT_FROM, diagram, page

_EDGE = re.compile(r"    (\w+) --> (\w+) : (.+)")


def edges_of(lines: list[str]) -> set[tuple[State, str, State]]:
    "Read a diagram back: source, what is said on the edge (without who may), target."
    found = set()
    for source, target, said_all in (match.groups() for line in lines if (match := _EDGE.match(line))):
        for said in said_all.split("<br/>"):
            trigger = said.partition(" (")[0]
            without = {state_named(name) for name in said.partition(NOT_FROM)[2].split(", ") if name}
            sources = {state for state in State if state is not state_named(target)} - without
            for state in sources if source == ANYWHERE else {state_named(source)}:
                found.add((state, trigger, state_named(target)))
    return found


def state_named(name: str) -> State:
    return State(name.replace("_", "-").replace(" ", "-"))


def test_the_pages_are_fresh() -> None:
    "docs/workflow.md and docs/commands.md match the code; else run `make docs`."
    stale = [name for name, text in handbook.pages().items() if (handbook.FOLDER / name).read_text() != text]
    assert not stale, "run `python -m bot.handbook --write`"


def test_the_diagrams_show_every_move_and_no_other() -> None:
    "Each edge with each of its triggers stands in the table, and the reverse."
    drawn = edges_of(list(diagram(TABLE)))
    assert drawn == {(row.source, row.trigger.value, row.target) for row in TABLE if row.source is not row.target}


def test_the_page_draws_all_of_the_table() -> None:
    "The two diagrams of the page together are the diagram of the table."
    assert edges_of(page().splitlines()) == edges_of(list(diagram(TABLE)))


def test_who_may_stands_on_the_edges_of_people() -> None:
    "What people do names their role, what happens by itself names none."
    for row in TABLE:
        if row.source is not row.target and row.who is not None:
            assert f"{row.trigger.value} ({row.who.noun})" in page()


def test_the_page_explains_every_label_and_trigger() -> None:
    "Nobody meets a label that the page does not know; each trigger has its row."
    text = page()
    assert [label for label in Label if f"| `{label}` |" not in text] == []
    rows = text.partition("## Everything that can happen")[2]
    assert len(re.findall(r"^\| (?!what|---)", rows.replace("|---", ""), re.MULTILINE)) == len(
        {row.trigger for row in TABLE}
    )
