"""Rules: how long each takes, and which break down."""

from __future__ import annotations

from collections.abc import Mapping

from bot.metrics.book import BOOK
from checks.registry import all_rules
from pipeline.metering import Label

_RULE = Label("rule", "its id", most=100)

RULE_S = BOOK.spread(
    "rule_seconds",
    "How long a rule took for one pull request, by the clock on the wall.",
    _RULE,
    buckets=(0.001, 0.005, 0.025, 0.1, 0.25, 0.5, 1.0, 2.0, 5.0),
)
CRASHES = BOOK.count("rule_crashes_total", "Rules that broke down or took too long, which is our fault.", _RULE)
for _rule in all_rules():
    CRASHES.expect(_rule)


def judged(took_s: Mapping[str, float], crashed: list[str]) -> None:
    """Count one judgement."""
    for rule, seconds in took_s.items():
        RULE_S.note(seconds, rule)
        CRASHES.expect(rule)  # also a community's own
    for rule in crashed:
        CRASHES.add(rule)
