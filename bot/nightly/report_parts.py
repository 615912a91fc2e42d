"""What the sections of a report are made of: links that ping nobody, lists that fit, parts to unfold."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from bot.comments.escape import code, short
from bot.nightly.build_view import BuildView

LONGEST_NOTE = 300
_LONGEST_PATH = 160


def pull_link(number: int) -> str:
    """Return a link to a pull request of which that pull request shows nothing.

    It is relative to the page of an issue, and its text is code: GitHub sees no reference in it, so that a report
    that names hundreds leaves no line on any of them.
    """
    return f"[`#{number}`](../pull/{number})"


def pull_links(numbers: Iterable[int]) -> str:
    """Return links to several, with commas."""
    return ", ".join(pull_link(number) for number in numbers)


def leaf_name(path: str) -> str:
    """Return a leaf's path as code; of a long one its end, which tells most."""
    shown = path if len(path) <= _LONGEST_PATH else f"…{path[-_LONGEST_PATH + 1 :]}"
    return code(shown).replace("|", "\\|")


def cell(text: str, most: int) -> str:
    """Return somebody's words as code that fits into a cell of a table."""
    return code(short(text, most)).replace("|", "\\|")


def fitted(rows: Sequence[str], room: int, most: int = 400) -> list[str]:
    """Return the rows that fit into so many characters, and a last one that counts the others."""
    kept: list[str] = []
    for row in rows[:most]:
        room -= len(row) + 1
        if room < 0:
            break
        kept.append(row)
    rest = len(rows) - len(kept)
    if not rest:
        return kept
    mark = rows[0][:2]
    told = f"… and {rest:,} more: `taxonomy-bot nightly report --json` lists them all"
    return [*kept, f"| {told} |" if mark == "| " else f"- {told}"]


def folded(summary: str, body: str) -> str:
    """Return a part that opens when somebody wants to read it. `summary` is plain text of our own."""
    return f"<details>\n<summary>{summary}</summary>\n\n{body}\n\n</details>"


def cut_off(view: BuildView) -> str:
    """Return the last line of a report that did not fit."""
    where = f", and so has [its page]({view.addresses.page})" if view.addresses.page else ""
    return f"There is more than fits here: `taxonomy-bot nightly report {view.name} --json` has all of it{where}."
