"""The verdict on a pull request, rule by rule."""

from __future__ import annotations

from bot.dashboard.pull_frame import framed, shown_in
from bot.dashboard.pull_verdict import verdict_of
from bot.dashboard.registry import REPOSITORY, Sees, page
from bot.dashboard.visit import Shown, Visit
from bot.store.pardons import PardonStore
from bot.store.readings import ReadingStore
from checks.findings import Outcome

_OUTCOMES = {
    Outcome.PASSED: ("All checks passed", "good"),
    Outcome.FAILED: ("The checks fail", "bad"),
    Outcome.UNVERIFIED: ("The checks could not be run in full: that is our fault, not the author's", "wait"),
}


@page(REPOSITORY + "/pulls/{number}/verdict", "Verdict", sees=Sees.JUDGED)
async def verdict(visit: Visit) -> Shown:
    """Show what the rules say of the newest commit that was judged."""
    frame = await framed(visit)
    memory = frame.memory
    reading = await ReadingStore(visit.house.reads).get(visit.repository_id, frame.number, memory.judged_sha)
    pardons = await PardonStore(visit.house.reads).of_content(
        visit.repository_id, frame.number, memory.content_digest
    )
    blobs = f"{visit.house.settings.github_web_url}/{visit.origin.full_name}/blob/{memory.judged_sha}/"
    facts = {
        "verdict": verdict_of(reading, blobs, is_for_triagers=visit.access.reads_guesses(memory.author_id))
        if reading is not None
        else None,
        "outcome": _OUTCOMES.get(memory.verdict) if memory.verdict is not None else None,
        "is_of_head": memory.judged_sha == memory.head_sha,
        "pardons": pardons[:50],
    }
    return shown_in(frame, "/verdict", "verdict.html", facts)
