"""Suggested changes: what is mechanical, on the lines of the diff, to be accepted in GitHub's web pages."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from bot.actions import LineNote, Review
from bot.comments.escape import block, prose, visible
from checks.contribution import Sha
from checks.findings import Finding, Severity, Suggestion, Verdict
from checks.fixing import apart
from checks.repair import confidential_paths

_MOST_NOTES = 30
_HEAD = (
    "What follows is mechanical. **Commit suggestion** takes one, **Add suggestion to batch** several at once; "
    "GitHub signs off what you accept here. `/fix` has me commit all of it."
)


def suggested_changes(
    verdict: Verdict, shown: Mapping[str, frozenset[int]], head_sha: str, marker: str
) -> Review | None:
    """Return one review with what can be accepted as it is; None where there is nothing of that kind."""
    notes = tuple(_notes(verdict, shown))
    if not notes:
        return None
    rest = len(notes) - _MOST_NOTES
    more = f" There are {rest} more of them, shown once these are in." if rest > 0 else ""
    return Review(Sha(head_sha), _HEAD + more, marker, notes[:_MOST_NOTES])


def _notes(verdict: Verdict, shown: Mapping[str, frozenset[int]]) -> Iterator[LineNote]:
    private = confidential_paths(verdict.findings)
    by_path: dict[str, dict[Suggestion, Finding]] = {}
    for finding in verdict.findings:
        if finding.suggestion is None or finding.path is None or finding.path in private:
            continue
        if finding.suggestion.lines and finding.severity is not Severity.NOTICE:
            by_path.setdefault(finding.path, {}).setdefault(finding.suggestion, finding)
    for path, found in by_path.items():
        lines = shown.get(path, frozenset())
        for suggestion in apart(found):
            text = "\n".join(suggestion.lines)
            is_shown = lines.issuperset(range(suggestion.first_line, suggestion.last_line + 1))
            if is_shown and visible(text).rstrip() == text:  # else it would not be what is written there
                body = f"{prose(found[suggestion].message)}\n\n{block(text, 'suggestion')}"
                yield LineNote(path, suggestion.first_line, suggestion.last_line, body)
