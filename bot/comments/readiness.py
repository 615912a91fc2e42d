"""The check run "Merge readiness": the one to require. It succeeds, or says what is missing; never neutral."""

from __future__ import annotations

from bot.actions import ReportCheck
from bot.readiness import Readiness, Who
from checks.contribution import Sha

NAME = "Merge readiness"


def readiness_report(found: Readiness, head_sha: Sha) -> ReportCheck:
    """Return the check run, without an id. What is there only for now is left out: GitHub waits for this check."""
    lasting = [obstacle for obstacle in found.obstacles if not obstacle.for_now]
    if not lasting:
        text = (
            "On our side nothing is missing: whoever merges this merges exactly what was judged and approved. "
            "`/why` in a comment tells what GitHub itself still waits for, if anything."
        )
        return ReportCheck(NAME, head_sha, "success", "Ready to merge", text, ())
    first, *others = lasting
    lines = [f"**{first.text}**" + ("" if first.who is Who.NOBODY else f" Next: {first.who}.")]
    if others:
        lines += ["\nAlso missing:\n", *(f"- {obstacle.text} ({obstacle.who})" for obstacle in others)]
    lines.append("\n`/why` in a comment tells the same.")
    return ReportCheck(NAME, head_sha, "action_required", _title(first.text), "\n".join(lines), ())


def _title(text: str) -> str:
    """Titles are plain text."""
    return text.replace("`", "").rstrip(".")[:140]
