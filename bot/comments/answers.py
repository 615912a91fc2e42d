"""Answers that take a look at the newest commit: what one rule says of it, and its mechanical fixes."""

from __future__ import annotations

from collections.abc import Iterator

from bot.comments.causes import Links, headline, in_full
from bot.comments.escape import block, code
from bot.comments.fixing import nothing
from checks.findings import CauseGroup, Finding, Suggestion, Verdict, by_cause
from checks.registry import get_rule

_MOST_FIXES = 30
_MOST_BYTES = 20_000  # of one part of an answer
_HEADLINE_WORDS = 60


def about_rule(verdict: Verdict, rule: str, links: Links) -> Iterator[str]:
    """Yield what a rule, or one of its causes, says: a text for each cause."""
    known = get_rule(rule.partition("/")[0])
    if any(crash.rule == known.id for crash in verdict.crashes) or known.check in verdict.not_judged:
        yield f"{code(rule)} could not be checked on {code(links.head_sha[:7])}: that is our fault."
        return
    found = [f for f in verdict.findings if rule in (f.rule, f.cause.id)]
    if not found:
        yield f"{code(rule)} has nothing to say about {code(links.head_sha[:7])}."
    yield from (_about_cause(group, links) for group in by_cause(found))


def _about_cause(group: CauseGroup, links: Links) -> str:
    full = in_full(group, links)
    return full if len(full.encode()) <= _MOST_BYTES else headline(group, links, _HEADLINE_WORDS)


def fixes(verdict: Verdict, links: Links) -> Iterator[str]:
    """Yield what can be put right mechanically: a text for each place."""
    fixable = [(f, f.suggestion) for f in verdict.findings if f.suggestion and f.path]
    unshown = by_cause(f for f in verdict.findings if f.is_fixable and not f.suggestion)
    if not fixable and not unshown:
        yield nothing(links.head_sha)
        return
    yield "`taxonomy-check --fix` on your own computer does all of the following at once."
    if unshown:
        rows = (f"- {headline(group, links, _HEADLINE_WORDS)}" for group in unshown)
        yield "What is not about single lines:\n\n" + "\n".join(rows)
    if fixable:
        yield "What can be put right mechanically, to paste over the lines named:"
    for finding, fix in fixable[:_MOST_FIXES]:
        yield _fix(finding, fix, links)
    rest = len(fixable) - _MOST_FIXES
    if rest > 0:
        yield f"… and {rest} more, once these are in."


def _fix(finding: Finding, fix: Suggestion, links: Links) -> str:
    last = f" to {fix.last_line}" if fix.last_line != fix.first_line else ""
    text = f"{links.place(finding)}{last}:\n\n{block(chr(10).join(fix.lines), 'yaml')}"
    if len(text.encode()) <= _MOST_BYTES:
        return text
    return f"{links.place(finding)}{last}: the notes beside the lines show how; it is too long for a comment."
