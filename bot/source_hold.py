"""The legal hold that the bot itself puts on for a source that is not approved, and takes off again.

It never takes off what a person stands for, and puts nothing on again that a maintainer has cleared.
"""

from __future__ import annotations

import hashlib
from collections.abc import Collection
from dataclasses import replace

from bot.labels import Label
from bot.store.pull_requests import PullMemory
from bot.workflow import Trigger
from checks.findings import Check, Outcome, Severity, Verdict

RULE = "source"
_OURS, _THEIRS = "ours", "theirs"


def source_trigger(
    memory: PullMemory, verdict: Verdict, present: Collection[str]
) -> tuple[Trigger | None, PullMemory]:
    """Return what a verdict on the sources brings about, if anything, and what to remember of it.

    `present` are the labels on GitHub: one of which we do not know is somebody's who has just set it.
    """
    doubts = _doubts(verdict)
    if not doubts and verdict.outcome(Check.CONTRIBUTION) is not Outcome.PASSED:
        return None, memory  # a leaf that cannot be read has no source in doubt, and settles nothing
    whose, _, about = memory.source_hold.partition(":")
    if Label.LEGAL_HOLD in memory.status.flags:
        if not doubts:
            settled = Trigger.SOURCES_SETTLED if whose == _OURS else None
            return settled, replace(memory, source_hold="")
        return None, replace(memory, source_hold=f"{_OURS if whose == _OURS else _THEIRS}:{doubts}")
    if not doubts:
        return None, replace(memory, source_hold="")
    if about == doubts:  # somebody has cleared it
        return None, replace(memory, source_hold=f"{_THEIRS}:{doubts}")
    whose = _THEIRS if Label.LEGAL_HOLD in present else _OURS
    return Trigger.SOURCE_DOUBTED, replace(memory, source_hold=f"{whose}:{doubts}")


def taken_over(memory: PullMemory, trigger: Trigger) -> PullMemory:
    """Return the memory after a person has decided about the hold: from then on it is theirs."""
    if trigger not in (Trigger.LEGAL_HOLD, Trigger.LEGAL_CLEAR) or not memory.source_hold:
        return memory
    return replace(memory, source_hold=f"{_THEIRS}:{memory.source_hold.partition(':')[2]}")


def _doubts(verdict: Verdict) -> str:
    """Return a digest of the sources in doubt; empty when there are none, or somebody has set them aside."""
    said = sorted(
        f"{finding.path} {finding.message}"
        for finding in verdict.findings
        if finding.rule == RULE and finding.severity is not Severity.NOTICE
    )
    return hashlib.sha256("\n".join(said).encode("utf-8", "surrogatepass")).hexdigest()[:32] if said else ""
