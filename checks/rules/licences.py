"""Rule: every licence that an attribution.txt names is one the community accepts.

What is certainly not on the list is an error, and so are words that name no licence at all ("free", "open
source"), because they give nobody a right. A spelling that can be recognised is a warning with the right name.
Text that we cannot make sense of is a warning too: it may be a licence that we do not know, and a person will look.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from checks import attribution_text
from checks.attribution_text import Entry
from checks.contribution import Contribution, text_of
from checks.findings import Cause, Finding, Severity, Suggestion
from checks.licence_names import PUBLIC_DOMAIN, LicenceReading, Standing, read_licence
from checks.personal_data import mask
from checks.policy import Policy
from checks.quoting import quoted
from checks.readable import is_binary, is_too_large
from checks.registry import rule
from checks.rules.attribution import is_attribution

_WHY = (
    "The model and its training data are given away freely. "
    "That is allowed only if the licence of every source allows it."
)

NOT_ALLOWED = Cause(
    "licences/not-allowed",
    "A source has a licence that is not accepted here",
    _WHY,
    "Use another source for this content, one under an accepted licence. If the source is also offered under an "
    "accepted licence (Wikipedia's texts, for example, are CC-BY-SA-4.0 today), name that one.",
)
NO_LICENCE = Cause(
    "licences/no-licence",
    "Where a licence belongs, none is named",
    _WHY + ' Words such as "free" or "open source" alone give nobody a right to use a text.',
    "Look up the licence of the source and write its name, for example CC-BY-SA-4.0. It often stands at the bottom "
    "of the page. If it has none, the source cannot be used. For your own text, choose one.",
)
UNKNOWN = Cause(
    "licences/unknown",
    "A licence is not recognised",
    _WHY,
    "Write the short name from the SPDX list, for example CC-BY-SA-4.0. The list is at https://spdx.org/licenses. "
    "If the source names no licence, it cannot be used.",
)
SPELLING = Cause(
    "licences/spelling",
    "The name of a licence is not written in its standard form",
    "With the standard name, people and programs know without doubt which licence is meant.",
    "Write the standard name.",
)
NO_VERSION = Cause(
    "licences/no-version",
    "The version of a licence is not named",
    "The versions of a licence allow different things.",
    "Look up the version at the source and write it behind the name.",
)


@rule(
    "licences",
    title="Every source has an accepted licence",
    why=_WHY,
    causes=(NOT_ALLOWED, NO_LICENCE, UNKNOWN, NO_VERSION, SPELLING),
    order=55,
)
def licences(contribution: Contribution, policy: Policy) -> Iterable[Finding]:
    """Return a finding for each licence named that is not accepted, not recognised, or not in its standard form."""
    for file in contribution.files:
        if is_attribution(file) and not is_too_large(file, policy) and not is_binary(file):
            text = text_of(file)
            if text and text.strip() and not attribution_text.is_too_long(text):
                yield from _in_text(file.path, text, policy)


def _in_text(path: str, text: str, policy: Policy) -> Iterator[Finding]:
    lines = attribution_text.lines(text)
    for entry in attribution_text.read(text).licences:
        if attribution_text.says_nothing(entry.value):
            continue
        reading = read_licence(entry.value, policy.licences.allowed)
        finding = _finding(path, entry, reading, policy)
        if finding is not None:
            line = lines[entry.line - 1]
            yield _with_suggestion(finding, entry, reading, line) if finding.cause is SPELLING else finding


def _finding(path: str, entry: Entry, reading: LicenceReading, policy: Policy) -> Finding | None:
    written = quoted(entry.value, 80)
    name = "public domain" if reading.name == PUBLIC_DOMAIN else reading.name
    match reading.standing:
        case Standing.ALLOWED:
            return None
        case Standing.FORBIDDEN:
            known = entry.value.strip() if name.lower() == entry.value.strip().lower() else f"{written} ({name})"
            message = f"{known if name else written} is not an accepted licence. {_accepted(policy)}"
            return Finding(NOT_ALLOWED, Severity.ERROR, message, path, entry.line, entry.column)
        case Standing.NO_LICENCE:
            message = f"{written} is not the name of a licence. {_accepted(policy)}"
            return Finding(NO_LICENCE, Severity.ERROR, message, path, entry.line, entry.column)
        case Standing.UNKNOWN:
            message = f"We do not know a licence called {written}. {_accepted(policy)}"
            return Finding(UNKNOWN, Severity.WARNING, message, path, entry.line, entry.column)
        case Standing.VERSION_MISSING:
            message = f"{written} does not say which version. If it is that one, write {name}."
            return Finding(NO_VERSION, Severity.WARNING, message, path, entry.line, entry.column)
        case Standing.MISSPELT:
            message = f"{written} is accepted; its standard name is {name}."
            remedy = f"Write {name}."
            return Finding(SPELLING, Severity.WARNING, message, path, entry.line, entry.column, remedy)


def _accepted(policy: Policy) -> str:
    names = ["public domain" if name == PUBLIC_DOMAIN else name for name in policy.licences.allowed]
    if not names:
        return "This project accepts no licence at present."
    return (
        f"Accepted are {', '.join(names[:-1])} and {names[-1]}."
        if len(names) > 1
        else f"Only {names[0]} is accepted."
    )


def _with_suggestion(finding: Finding, entry: Entry, reading: LicenceReading, line: str) -> Finding:
    start = entry.column - 1
    if line[start:].strip() != entry.value or mask(line) != line:
        return finding
    suggestion = Suggestion(entry.line, entry.line, (line[:start] + reading.name,))
    return Finding(
        finding.cause,
        finding.severity,
        finding.message,
        finding.path,
        finding.line,
        finding.column,
        finding.remedy,
        suggestion,
    )
