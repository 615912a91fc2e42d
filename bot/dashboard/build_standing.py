"""How a build stands, in words, and who acts next. Pure."""

from __future__ import annotations

from dataclasses import dataclass

from bot.nightly.builds import BuildState
from bot.nightly.releases import ReleaseState


@dataclass(frozen=True, slots=True)
class BuildStanding:
    """`kind` is the colour of its badge; `next` says who acts, empty where nobody has to."""

    words: str
    kind: str
    next: str = ""


_GOOD = {
    ReleaseState.CANDIDATE: BuildStanding("passed, not served yet", "wait", "A maintainer decides whether to serve it."),
    ReleaseState.SERVED: BuildStanding("passed, served", "good"),
    ReleaseState.REPLACED: BuildStanding("passed, served before", ""),
    ReleaseState.WITHDRAWN: BuildStanding("passed, withdrawn", "bad"),
    ReleaseState.REMOVED: BuildStanding("passed, files cleaned up", ""),
    None: BuildStanding("passed", "good"),
}
_OTHERS = {
    BuildState.PLANNED: BuildStanding("planned", "wait", "It begins by itself."),
    BuildState.RUNNING: BuildStanding("running", "accent", "The workers are at it."),
    BuildState.FAILED: BuildStanding("failed", "bad", "A maintainer decides how it goes on."),
    BuildState.CANCELLED: BuildStanding("cancelled", ""),
    BuildState.PASSED_OVER: BuildStanding("passed over", "", "A later build holds what it held."),
}


def standing_of(state: BuildState, release: ReleaseState | None, held: str = "") -> BuildStanding:
    """Return how a build stands. `held` says why its next step is not queued yet."""
    if state is BuildState.GOOD:
        return _GOOD[release]
    found = _OTHERS[state]
    return BuildStanding(found.words, found.kind, held) if held and state.is_open else found
