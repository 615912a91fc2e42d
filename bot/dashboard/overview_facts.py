"""The overview as it is shown: how things stand, in words with a colour. Made by pure functions."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta

from bot.nightly.builds import Build, BuildState
from bot.nightly.releases import Release
from bot.store.gpu_hours import GpuHours

_SCARCE = 0.1  # of what GitHub allows in an hour
_NEARLY = 0.9  # of the GPU hours


@dataclass(frozen=True, slots=True)
class Sign:
    """One sign of health: what it is about, a badge with its colour, and what that means."""

    topic: str
    badge: str
    kind: str  # good | wait | bad | ""
    words: str
    at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Vitals:
    """What is known of the bot's health at one moment. None where nobody knows."""

    now: datetime
    parked: int
    waiting: int
    swept_at: datetime | None
    sweeps_every: timedelta | None
    replicas: int
    is_github_away: bool
    calls_left: int | None
    calls_allowed: int | None
    gpu: GpuHours
    gpu_per_day: float
    gpu_per_month: float
    broken_jobs: int  # of the last day
    is_silent: bool  # sweeps are switched off


@dataclass(frozen=True, slots=True)
class BuildShown:
    """A build in a few words."""

    id: int
    name: str
    badge: str
    badge_kind: str
    words: str
    at: datetime | None


_BUILDS = {
    BuildState.PLANNED: ("planned", "wait", "It begins as soon as nothing else of this repository is built."),
    BuildState.RUNNING: ("runs", "accent", "It is being built."),
    BuildState.GOOD: ("good", "good", "It passed its gate."),
    BuildState.FAILED: ("failed", "bad", "It came to nothing."),
    BuildState.CANCELLED: ("cancelled", "", "Somebody cancelled it."),
    BuildState.PASSED_OVER: ("passed over", "", "It never began: a later plan took its place."),
}


def build_shown(build: Build) -> BuildShown:
    """Return a build in a few words."""
    badge, kind, words = _BUILDS[build.state]
    why = build.because or (build.held if build.state is BuildState.RUNNING else "")
    at = build.ended_at or build.began_at or build.planned_at
    return BuildShown(build.id, build.name, badge, kind, why or words, at)


def served_in_words(release: Release | None) -> str:
    """Return what is served, and since whom."""
    if release is None:
        return "Nothing is served yet: the first build that passes its gate can be promoted."
    by = f", promoted by {release.promoted_by}" if release.promoted_by else ""
    return f"{release.name} is served{by}."


def signs(vitals: Vitals) -> Iterator[Sign]:
    """Yield the signs of health, in the order in which people should look at them."""
    yield _deliveries(vitals)
    yield _sweep(vitals)
    yield _github(vitals)
    yield _gpu(vitals)
    if vitals.broken_jobs:
        many = "jobs" if vitals.broken_jobs > 1 else "job"
        words = f"{vitals.broken_jobs} {many} broke down or took too long in the last day. Their logs say why."
        yield Sign("Jobs", "some broke down", "bad", words)
    else:
        yield Sign("Jobs", "fine", "good", "No job broke down in the last day.")
    if vitals.replicas > 1:
        yield Sign("Replicas", f"{vitals.replicas} alive", "good", "Several processes share the work.")
    else:
        words = "One process does the work." if vitals.replicas else "No process handles deliveries just now."
        yield Sign("Replicas", "one" if vitals.replicas else "none", "good" if vitals.replicas else "bad", words)


def _deliveries(vitals: Vitals) -> Sign:
    if vitals.parked:
        many = "deliveries were" if vitals.parked > 1 else "delivery was"
        words = f"{vitals.parked:,} {many} given up. A maintainer looks at them and has them handled again."
        return Sign("Deliveries", "given up", "bad", words)
    if vitals.waiting > 100:
        return Sign("Deliveries", "busy", "wait", f"{vitals.waiting:,} wait to be handled; nothing is lost.")
    return Sign("Deliveries", "fine", "good", "All that GitHub told was handled, or is being handled.")


def _sweep(vitals: Vitals) -> Sign:
    if vitals.is_silent or vitals.sweeps_every is None:
        return Sign("Sweeps", "off", "wait", "Sweeps are switched off: what GitHub does not tell is not noticed.")
    if vitals.swept_at is None:
        return Sign("Sweeps", "not yet", "wait", "All open pull requests are looked at some minutes after the start.")
    if vitals.now - vitals.swept_at > 3 * vitals.sweeps_every + timedelta(minutes=10):
        words = "The last look over all open pull requests is too long ago. Operators find the reason in the log."
        return Sign("Sweeps", "late", "bad", words, vitals.swept_at)
    return Sign("Sweeps", "fine", "good", "All open pull requests were looked at", vitals.swept_at)


def _github(vitals: Vitals) -> Sign:
    if vitals.is_github_away:
        return Sign("GitHub", "away", "bad", "GitHub does not answer. What it tells meanwhile is made up for later.")
    if vitals.calls_left is None or not vitals.calls_allowed:
        return Sign("GitHub", "reachable", "good", "GitHub answers.")
    words = f"{vitals.calls_left:,} of {vitals.calls_allowed:,} requests of this hour are left."
    is_scarce = vitals.calls_left < _SCARCE * vitals.calls_allowed
    return Sign("GitHub", "nearly used up" if is_scarce else "reachable", "wait" if is_scarce else "good", words)


def _gpu(vitals: Vitals) -> Sign:
    used = [
        (vitals.gpu.today, vitals.gpu_per_day, "today"),
        (vitals.gpu.this_month, vitals.gpu_per_month, "this month"),
    ]
    told = [f"{hours:.1f} of {limit:.1f} GPU hours {span}" for hours, limit, span in used if limit]
    if not told:
        words = f"{vitals.gpu.today:.1f} GPU hours today, {vitals.gpu.this_month:.1f} this month; there is no limit."
        return Sign("Budget", "no limit", "", words)
    share = max(hours / limit for hours, limit, _ in used if limit)
    words = f"{', '.join(told)} are used."
    if share >= 1:
        return Sign("Budget", "used up", "bad", f"{words} Nothing more is queued until it is renewed.")
    return Sign("Budget", "nearly used up" if share >= _NEARLY else "fine", "wait" if share >= _NEARLY else "good", words)
