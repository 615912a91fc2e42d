"""The verdict on one commit, rule by rule, each finding beside the words that it is about."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from urllib.parse import quote

from bot.dashboard.reading_view import FindingShown, shown
from bot.readings import FindingRead, LeafRead, Reading, Words
from checks.contribution import ATTRIBUTION_FILE
from checks.registry import all_rules

_LONGEST_WORDS = 800  # characters of what a finding is about
_MOST_FINDINGS = 500


@dataclass(frozen=True, slots=True)
class FoundAt:
    """A finding and where it is. `words` are what stands there; None where nothing of it is kept."""

    finding: FindingShown
    path: str
    line: int
    url: str  # on GitHub; empty where it has no place
    words: Words | None


@dataclass(frozen=True, slots=True)
class RuleVerdict:
    """A rule that found something."""

    id: str
    title: str
    check: str
    found: tuple[FoundAt, ...]


@dataclass(frozen=True, slots=True)
class VerdictShown:
    """All rules: what each found, and those that found nothing."""

    rules: tuple[RuleVerdict, ...]
    quiet: tuple[str, ...]  # titles of those that found nothing
    to_fix: int
    left_out: int


def verdict_of(reading: Reading, blob_url: str, *, is_for_triagers: bool) -> VerdictShown:
    """Return the verdict of a reading. `blob_url` is where the files of the commit lie; a path goes behind it."""
    read = [found for found in reading.findings if is_for_triagers or not found.kept_back]
    told = shown(replace(reading, leaves=(), findings=tuple(read)), None, is_for_triagers=True).findings
    here: dict[str, list[FoundAt]] = {}
    for found, as_shown in list(zip(read, told, strict=True))[:_MOST_FINDINGS]:
        here.setdefault(found.rule, []).append(_found_at(reading, found, as_shown, blob_url))
    rules = all_rules()
    known = [rule for rule in rules.values() if rule.id in here]
    # of a rule that only guesses, who may not read its guesses is not told that there are none either
    known_to_reader = [
        rule for rule in rules.values() if is_for_triagers or not all(cause.kept_back for cause in rule.causes)
    ]
    others = [name for name in here if name not in rules]  # of another version, or that could not be run
    return VerdictShown(
        (
            *(RuleVerdict(rule.id, rule.title, rule.check.value, tuple(here[rule.id])) for rule in known),
            *(RuleVerdict(name, name, "", tuple(here[name])) for name in others),
        ),
        tuple(rule.title for rule in known_to_reader if rule.id not in here),
        len({found.cause for found in read if found.severity == "error"}),
        reading.findings_left_out + max(0, len(read) - _MOST_FINDINGS),
    )


def _found_at(reading: Reading, found: FindingRead, as_shown: FindingShown, blob_url: str) -> FoundAt:
    url = f"{blob_url}{quote(found.path)}" if found.path and blob_url else ""
    anchor = f"#L{found.line}" if url and found.line else ""
    return FoundAt(as_shown, found.path, found.line, url + anchor, _cut(_words_at(reading, found)))


def _words_at(reading: Reading, found: FindingRead) -> Words | None:
    if not found.line:
        return None
    for leaf in reading.leaves:
        if leaf.path == found.path:
            before = [words for words in _words_of(leaf, found.line) if words.line <= found.line]
            return max(before, key=lambda words: words.line, default=None)
        if found.path == leaf.path.rpartition("/")[0] + f"/{ATTRIBUTION_FILE}" and leaf.attribution is not None:
            lines = leaf.attribution.text.splitlines()
            at = found.line - max(1, leaf.attribution.line)
            return replace(leaf.attribution, text=lines[at], line=found.line) if 0 <= at < len(lines) else None
    return None


def _words_of(leaf: LeafRead, line: int) -> Iterator[Words]:
    """Yield the texts of the example that a line is in."""
    for example in leaf.examples:
        if not example.line <= line <= example.last_line:
            continue
        texts = [example.context, *(text for pair in example.pairs for text in (pair.question, pair.answer))]
        yield from (text for text in texts if text is not None and text.line)


def _cut(words: Words | None) -> Words | None:
    if words is None or len(words.text) <= _LONGEST_WORDS:
        return words
    return replace(words, text=words.text[:_LONGEST_WORDS], is_cut=True)
