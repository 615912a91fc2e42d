"""Ship it, or not, or a person decides: one word for a build, the reason, and the command to type. Pure."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum

from bot.comments.escape import short
from bot.nightly.build_view import BuildView, Stage
from bot.nightly.builds import BuildState
from bot.nightly.leaves import LeafChange
from bot.nightly.measures import change, margin
from bot.nightly.releases import ReleaseState
from pipeline.build_results import GateResult
from pipeline.evaluation_results import GateRow, Verdict

_LARGE_SHARE = 0.1  # of the new and changed leaves: left out, a person should know before it is served
_LONGEST_REASON = 200
_PROGRAM = "taxonomy-bot nightly"


class Call(StrEnum):
    """The first words of every report."""

    SHIP = "SHIP"
    DO_NOT_SHIP = "DO NOT SHIP"
    YOUR_CALL = "YOUR CALL"
    UNFINISHED = "UNFINISHED"


@dataclass(frozen=True, slots=True)
class Judgement:
    """What is to be done with a build.

    `reason` is a sentence in plain words without its full stop, `also` are more of them, `command` is what to type
    (empty: nothing). Names of benchmarks in them are workers' words: escape them.
    """

    call: Call
    reason: str
    also: tuple[str, ...] = ()
    command: str = ""
    effect: str = ""  # what the command does, or why there is none

    @property
    def needs_a_person(self) -> bool:
        """True when somebody has something to type."""
        return bool(self.command) and self.call is not Call.UNFINISHED


def judgement(view: BuildView) -> Judgement:
    """Return what is to be done with a build."""
    if view.build.state.is_open:
        return _unfinished(view)
    if view.gate is not None and not view.gate.is_passed:
        return _fell(view, view.gate)
    if view.failure is not None or view.build.state is not BuildState.GOOD:
        return _broke(view)
    return _passed(view)


def _unfinished(view: BuildView) -> Judgement:
    if view.build.state is BuildState.PLANNED:
        reason = "it is planned and has not begun"
    else:
        eta = f", done by about {view.eta:%H:%M} UTC" if view.eta else ", no estimate yet"
        reason = f"stage {view.at_stage} of {view.all_stages} ({_current(view)}){eta}"
    return Judgement(Call.UNFINISHED, reason, (), f"{_PROGRAM} status", "Shows how it stands now.")


def _current(view: BuildView) -> str:
    under_way = [stage.stage for stage in view.stages if not stage.is_over]
    return under_way[0] if under_way else Stage.GENERATE


def _fell(view: BuildView, gate: GateResult) -> Judgement:
    if not gate.failed:
        effect = "Builds the night anew, once there is something to measure it with. Nothing was published."
        reason = short(gate.why_unmeasured.rstrip("."), _LONGEST_REASON)
        return Judgement(Call.DO_NOT_SHIP, reason, (), _anew(view), effect)
    worst, *rest = sorted(gate.failed, key=lambda one: _excess(one[1]))
    against, row = worst
    reason = (
        f"{_by_stand_ins(view)}{row.name} fell by {change(-row.delta, 3).lstrip('+')} against {against}, "
        f"{margin(row)} is allowed"
    )
    others = [f"{other.name} fell, too, against {name}" for name, other in rest]
    if view.suspected & view.quarantined:
        return Judgement(
            Call.DO_NOT_SHIP,
            reason,
            tuple(others),
            f"{_PROGRAM} quarantine list",
            "Shows the leaves that are kept out of the next builds, and `quarantine lift LEAF` lets one in again.",
        )
    effect = "Builds the night anew, with what the taxonomy holds then. Nothing was published."
    return Judgement(Call.DO_NOT_SHIP, reason, tuple(others), _anew(view), effect)


def _anew(view: BuildView) -> str:
    return f"{_PROGRAM} run --night {view.build.night.isoformat()} --anew"


def _excess(row: GateRow) -> float:
    """Return by how much of the scale a gate is above its floor: below zero it fell too far."""
    return (row.delta + row.margin) / row.scale.span


def _broke(view: BuildView) -> Judgement:
    command = f"{_PROGRAM} resume --night {view.build.night.isoformat()}"
    goes_on = "Goes on where it stands: what is done is not done again."
    if view.build.state is BuildState.CANCELLED:
        return Judgement(Call.DO_NOT_SHIP, "it was cancelled", (), command, goes_on)
    if view.build.state is BuildState.PASSED_OVER:
        return Judgement(Call.DO_NOT_SHIP, "it never began, and a later build holds what it held")
    if view.failure is None:
        return Judgement(Call.DO_NOT_SHIP, "it failed", (), command, goes_on)
    if not view.failure.step:
        reason = view.failure.message.rstrip(".") or "it failed"
        return Judgement(Call.DO_NOT_SHIP, short(reason, _LONGEST_REASON), (), command, goes_on)
    more = f", with {view.failure.of_steps - 1} more" if view.failure.of_steps > 1 else ""
    return Judgement(Call.DO_NOT_SHIP, f"the step {view.failure.step} failed{more}", (), command, goes_on)


def _passed(view: BuildView) -> Judgement:
    doubts = list(_doubts(view))
    against = " and ".join(each.against for each in view.gate.comparisons) if view.gate else ""
    held = f"nothing fell by more than is allowed against {against}"
    reason, *also = doubts or [held]
    call = Call.YOUR_CALL if doubts else Call.SHIP
    match view.release:
        case ReleaseState.CANDIDATE:
            also += [short(view.build.because, _LONGEST_REASON).rstrip(".")] if view.build.because else []
            return Judgement(
                call,
                reason,
                tuple(also),
                f"{_PROGRAM} promote {view.name}",
                "Serves it. Until then it is not served.",
            )
        case ReleaseState.SERVED:
            undo = "goes back to the build before it."
            # it is served already: going back is at hand, and nobody has to do anything
            return Judgement(call, reason, tuple(also), "", f"It is served. `{_PROGRAM} rollback` {undo}")
        case None:
            return _broke(view)
        case ReleaseState.WITHDRAWN:
            effect = "It was served and has been withdrawn: there is nothing to do."
        case _:
            effect = "A later build has taken its place: there is nothing to do."
    return Judgement(call, reason, tuple(also), "", effect)


def _doubts(view: BuildView) -> Iterator[str]:
    """Yield what a person should weigh, what weighs most first."""
    gate = view.gate
    if view.stands_in:
        yield "stand-ins were measured, and their numbers say nothing about a real model"
    if gate is None:
        yield "what its gate measured cannot be read"
        return
    lost = [leaf for leaf in view.left_out if leaf.is_unforeseen and leaf.was_in_last]
    if lost:
        verb = "was" if len(lost) == 1 else "were"
        yield f"{_leaves(len(lost))} of the last good build {verb} left out, so the model unlearns them"
    fresh = sum(leaf.change is not LeafChange.REMOVED for leaf in view.plan.leaves)
    failed = sum(leaf.is_unforeseen for leaf in view.left_out)
    if failed and not lost and failed >= _LARGE_SHARE * fresh:
        yield f"{failed} of {_leaves(fresh)} that are new or changed could not be taken in"
    worse = [row for row in gate.contributions if row.benchmark.verdict is Verdict.REGRESSED]
    if worse:
        yield f"the model got worse at what {_contributions(len(worse))} of this build taught it"
    few = sorted({row.name for each in gate.comparisons for row in each.rows if row.verdict is Verdict.TOO_FEW})
    if few:
        yield f"too few questions to tell: {', '.join(few[:3])}"
    if not gate.noise:
        yield "how much scores move by chance was not measured"
    if view.remarks:
        yield f"{len(view.remarks)} remark{'s' if len(view.remarks) > 1 else ''} of the workers, below"


def _by_stand_ins(view: BuildView) -> str:
    return "measured on stand-ins, " if view.stands_in else ""


def _leaves(count: int) -> str:
    return "1 leaf" if count == 1 else f"{count:,} leaves"


def _contributions(count: int) -> str:
    return "one contribution" if count == 1 else f"{count} contributions"
