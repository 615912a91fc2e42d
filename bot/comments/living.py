"""The living comment: the one text on a pull request that says how it stands and who acts next."""

from __future__ import annotations

from collections.abc import Sequence

from bot.comments.causes import Links, headline, in_full
from bot.comments.escape import code
from bot.comments.standing import Standing, situation_lines
from bot.readiness import Who
from bot.workflow import State, Turn
from checks.findings import CauseGroup, Outcome, Severity, Verdict, by_cause

MOST_BYTES = 60_000  # GitHub takes 65,536 characters
_VISIBLE_WORDS = 140  # of 150: room for the line that says how many more there are
_SHOWN_CAUSES = 3
_SEE_RECIPE = "Nothing has to be redone: the recipe below takes a minute, in your browser."


# how it stands once the checks have passed
_PASSED = {
    State.CHANGES_REQUESTED: "✋ All checks passed, but a triager asks for a change",
    State.APPROVED: "✅ All checks passed and triage is satisfied",
}
_NOTHING_TO_FIX = "✅ All checks passed, nothing to fix"
NEXT_IN_TRIAGE = {  # who of the triagers
    State.UNCERTAIN: "the triage team, who talk it over",
    State.FOLLOW_UP: "a triager, who looks again",
}


def living_comment(
    verdict: Verdict, turn: Turn, standing: Standing, links: Links, sign_off_recipe: str = ""
) -> str:
    """Return the comment's Markdown, without the marker: first line is verdict, count and who acts next."""
    errors = by_cause(verdict.with_severity(Severity.ERROR))
    warnings = by_cause(verdict.with_severity(Severity.WARNING))
    notices = by_cause(verdict.with_severity(Severity.NOTICE))
    head = [first_line(verdict, len(errors), turn, standing), *_greeting(standing, turn)]
    if verdict.crashes:
        head.append(_our_fault())
    elif verdict.overall is Outcome.UNVERIFIED:
        head.append(_not_told() if verdict.not_judged else _still_open())
    closing = _closing(turn, standing)
    words_left = _VISIBLE_WORDS - len(" ".join((*head, *closing, _footer(links))).split())
    parts = [*head, *_shown_causes(errors, links, words_left, has_recipe=bool(sign_off_recipe)), *closing]
    folded = [
        _folded(_count(len(errors), "thing", "to fix, in full"), [in_full(g, links) for g in errors]),
        _folded("How to sign off your commits", [sign_off_recipe] if sign_off_recipe else []),
        _folded(
            f"{_count(len(warnings), 'suggestion')} (nothing here blocks you)",
            [in_full(g, links) for g in warnings],
        ),
        _folded(f"{_count(len(notices), 'note')} for triagers", [in_full(g, links) for g in notices]),
    ]
    return _fitted(parts, [part for part in folded if part], links)


def first_line(verdict: Verdict, things: int, turn: Turn, standing: Standing) -> str:
    """Return the heading: verdict, how many things to fix, who acts next."""
    state = standing.status.state
    if state is State.REJECTED:
        return "### ✋ Triage cannot accept this. Next: an approver, who closes it"
    if turn is Turn.AUTHOR:
        return f"### ✋ Not ready yet: {_count(things, 'thing')} to fix. Next: you, {code(standing.author)}"
    if turn is Turn.US:
        return "### ⏳ Not checked completely: nothing for you to fix. Next: us"
    if standing.readiness.is_ready:
        waits = standing.readiness.obstacles
        following = _next(standing) if waits else "it is merged"
        return f"### ✅ All checks passed, everything is approved. Next: {following}"
    return f"### {_PASSED.get(state, _NOTHING_TO_FIX)}. Next: {_next(standing)}"


def _next(standing: Standing) -> str:
    """Return who acts next, as its author reads it."""
    who = standing.readiness.obstacles[0].who
    if who is Who.AUTHOR:
        return "you mark this draft as ready" if standing.is_draft else "you"
    return NEXT_IN_TRIAGE.get(standing.status.state, who) if who is Who.TRIAGER else who


def _greeting(standing: Standing, turn: Turn) -> list[str]:
    if not standing.is_first_time:
        return []
    if turn is Turn.AUTHOR:
        return [
            "Welcome, and thank you for your first contribution! Almost everybody has something to fix at first."
        ]
    return ["Welcome, and thank you for your first contribution!"]


def _closing(turn: Turn, standing: Standing) -> list[str]:
    lines = [*situation_lines(turn, standing)]
    state = standing.status.state
    is_asked = turn is Turn.AUTHOR or (turn is Turn.TRIAGER and state is State.CHANGES_REQUESTED)
    if is_asked and state is not State.REJECTED:
        lines.append("Push to this branch when you are done: I look again within seconds and update this comment.")
    if not standing.targets_default_branch:
        lines.append("This branch is not the one that models are built from, so I check it but never merge it.")
    return lines


def _our_fault() -> str:
    return (
        "One of our checks broke down. That is our fault, not yours, and says nothing about your contribution. "
        "It can be run again from the Checks tab."
    )


def _not_told() -> str:
    return (
        "GitHub did not tell us everything about this commit, and a part is never judged. "
        "Run the checks again from the Checks tab in some minutes."
    )


def _still_open() -> str:
    return (
        "A document that this names has not been looked at yet: it is on its way, or its server did not answer. "
        "Everything else has passed. I try again by myself and update this comment."
    )


def _shown_causes(errors: Sequence[CauseGroup], links: Links, words_left: int, *, has_recipe: bool) -> list[str]:
    shown = errors[:_SHOWN_CAUSES]
    if not shown:
        return []
    lines = []
    for number, group in enumerate(shown, start=1):
        share = words_left // (len(shown) - number + 1)
        short = _SEE_RECIPE if has_recipe and group.cause.rule == "dco" else ""
        line = headline(group, links, share, short)
        words_left -= len(line.split())
        lines.append(f"{number}. {line}")
    rest = len(errors) - len(shown)
    if rest:
        lines.append(f"\n… and {_count(rest, 'more thing')} below.")
    return ["\n".join(lines)]


def _folded(summary: str, parts: Sequence[str]) -> str:
    if not parts:
        return ""
    return f"<details>\n<summary>{summary}</summary>\n\n" + "\n\n---\n\n".join(parts) + "\n\n</details>"


def _footer(links: Links) -> str:
    sha = links.head_sha
    page = f" [More on its page]({links.page_url})." if links.page_url else ""
    return (
        f"<sub>Checked [{code(sha[:7])}]({links.repository_url}/commit/{sha}) against the "
        f"[rules]({links.rules_url}). The same answer on your own computer: `taxonomy-check`.{page}</sub>"
    )


def _fitted(parts: Sequence[str], folded: Sequence[str], links: Links) -> str:
    """Join everything; what would make the comment too long for GitHub is left to the Checks tab.

    Folded parts go first, then what is shown, the longest first; the heading never goes.
    """
    shown, hidden = list(parts), list(folded)
    footer, cut = _footer(links), list[str]()
    while True:
        text = "\n\n".join((*shown, *hidden, *cut, footer)) + "\n"
        if len(text.encode()) <= MOST_BYTES or not (hidden or shown[1:]):
            return text
        cut = [f"[The Checks tab]({links.checks_url}) lists everything; it did not fit in here."]
        longest = max(hidden or shown[1:], key=len)
        (hidden or shown).remove(longest)


def _count(number: int, noun: str, rest: str = "") -> str:
    plural = "" if number == 1 else "s"
    return f"{number} {noun}{plural}{' ' + rest if rest else ''}"
