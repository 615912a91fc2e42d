"""Which leaves a failed gate is traced back to: the build is trained again without some of them. Pure.

First all fresh leaves are left out: where that does not bring the fallen benchmark back, they did not bring it
down, and nobody is blamed. Then halves are left out. A half whose leaving out brings it back, beyond what chance
does, holds a culprit; where both do, each holds one; where neither does, though together they do, each hides what
the other does, and each is halved with the other left out.
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from bot.nightly.recovery import Measurements, Recovery, fall_of
from pipeline.build_orders import OrderedLeaf, Variant
from pipeline.build_results import GateResult, VariantResult

_LEAST_SHARE = 0.25  # of what leaving all of them out brings back; less is not what the gate failed by


@dataclass(frozen=True, slots=True)
class Group:
    """Fresh leaves that cannot be told apart, for the same pull requests brought them."""

    leaves: tuple[str, ...]
    pulls: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True)
class Suspect:
    """Whose leaving out brings the benchmark back, and how surely. Scores are means over trainings.

    `is_sure` is False where the runs were used up before one group was left: one of its leaves it is, or several.
    """

    leaves: tuple[str, ...]
    pulls: tuple[int, ...]
    benchmark: str
    score_with: float
    score_without: float
    recovery: float
    noise: float  # the standard deviation of the recovery if nothing were behind it
    runs: int  # trainings without it
    is_sure: bool = True


@dataclass(frozen=True, slots=True)
class Blame:
    """What is known by now. `next` is to be trained and measured; all of it may be at once."""

    next: tuple[Variant, ...] = ()
    suspects: tuple[Suspect, ...] = ()
    is_over: bool = False
    why: str = ""
    runs: int = 0  # that blame has asked for by now


def groups_of(leaves: Iterable[OrderedLeaf]) -> tuple[Group, ...]:
    """Return the fresh leaves, those together that the same pull requests brought; one that none did, by itself."""
    found: defaultdict[tuple[object, ...], list[OrderedLeaf]] = defaultdict(list)
    for leaf in sorted(leaves, key=lambda leaf: leaf.path):
        if leaf.is_fresh:
            found[leaf.pulls or (leaf.path,)].append(leaf)
    return tuple(Group(tuple(leaf.path for leaf in each), each[0].pulls) for each in found.values())


def most_runs(groups: int) -> int:
    """Return how many runs there are for so many groups: 2 * log2(n) + 2, rounded down."""
    return math.floor(2 * math.log2(groups) + 2 + 1e-9) if groups else 0


def blame(
    groups: Sequence[Group],
    gate: GateResult,
    done: Sequence[VariantResult],
    budget: int = 0,
    given_up: Sequence[Variant] = (),
) -> Blame:
    """Return what to train next, or who is suspected. The same `done`, in whatever order, gives the same.

    `done` holds the variants with nothing left out, too: those of the noise floor. `budget` bounds the runs; 0 is
    the usual one. `given_up` are variants that came to nothing.
    """
    if gate.is_passed:
        return Blame(is_over=True, why="No gate failed: there is nobody to blame.")
    if not gate.failed:
        return Blame(is_over=True, why=f"{gate.why_unmeasured} There is nobody to blame for that.")
    if not groups:
        return Blame(
            is_over=True, why="No leaf is fresh in this build: what fell did not come with a contribution."
        )
    search = _Search(
        tuple(sorted(groups, key=lambda group: group.leaves)),
        Measurements(fall_of(gate), done),
        budget or most_runs(len(groups)),
        frozenset(given_up),
    )
    return search.outcome()


@dataclass(frozen=True, slots=True)
class _Frame:
    """Groups that hold a culprit: leaving them out as well as `besides` brings more back than `besides` alone."""

    groups: tuple[Group, ...]
    besides: tuple[Group, ...] = ()
    is_measured: bool = True  # else it follows from that the other half holds none

    @property
    def rounds(self) -> int:
        """How often they are to be halved."""
        return math.ceil(math.log2(len(self.groups)))

    def halves(self) -> tuple[_Frame, _Frame]:
        """Return them in two, the first not the smaller."""
        middle = (len(self.groups) + 1) // 2
        return _Frame(self.groups[:middle], self.besides), _Frame(self.groups[middle:], self.besides)


class _MissingError(Exception):
    """Something is not measured yet; ends the replay."""

    def __init__(self, variants: tuple[Variant, ...]) -> None:
        super().__init__()
        self.variants = variants


@dataclass(slots=True)
class _Search:
    """The search, replayed from its beginning over what was measured until something is missing."""

    groups: tuple[Group, ...]
    measured: Measurements
    left: int  # runs that may still be asked for
    given_up: frozenset[Variant]
    full: Recovery | None = None  # by leaving all of them out
    runs: int = 0
    stage: str = ""

    def outcome(self) -> Blame:
        """Return what to train next, or what came of it."""
        try:
            self._measure_controls()
            why_not = self._is_explained()
            found = [] if why_not else self._culprits(_Frame(self.groups))
        except _MissingError as missing:
            return Blame(missing.variants, why=self.stage, runs=self.runs)
        suspects = [suspect for frame in found if (suspect := self._suspect(frame))]
        suspects.sort(key=lambda suspect: (-suspect.is_sure, -suspect.recovery, suspect.leaves))
        return Blame((), tuple(suspects), is_over=True, why=why_not or self._summary(suspects), runs=self.runs)

    def _measure_controls(self) -> None:
        """Have one training with every leaf measured where there is none."""
        wanted = Variant(1)
        if not self.measured.has_controls and wanted not in self.given_up:
            self.runs, self.stage = 1, "How the benchmark does with every leaf is measured first."
            raise _MissingError((wanted,))

    def _is_explained(self) -> str:
        """Return why the fresh leaves did not bring the benchmark down; empty when they may have."""
        fall = self.measured.fall
        if not self.measured.has_controls:
            return f"{fall.in_words}; no training of this build tells how {fall.benchmark} does with every leaf."
        everything = _Frame(self.groups)
        if not self.measured.tells_without(_leaves(self.groups)):
            return ""  # it asks about fresh leaves alone
        self.stage = f"{fall.in_words}. Whether that came with the fresh leaves at all is measured first."
        self._measure([everything])
        self.full = self._recovery(everything)
        if self.full is None or self.full.is_beyond_chance:
            return ""
        return (
            f"{fall.in_words}. A training without any fresh leaf brings back {self.full.gain:+.3f}, and by chance "
            f"it may be {self.full.spread.reach(0.99):.3f}: no contribution explains the fall."
        )

    def _culprits(self, everything: _Frame) -> list[_Frame]:
        """Return the frames that cannot be halved any more: of one group, or those for which no run is left."""
        found, going = [], [everything]
        while going:
            found += [frame for frame in going if len(frame.groups) == 1]
            asked = [(frame, self._afforded(frame)) for frame in going if len(frame.groups) > 1]
            found += [frame for frame, halves in asked if not halves]
            self.stage = (
                f"{self.measured.fall.in_words}. {_counted(sum(len(f.groups) for f, _ in asked))} may be to blame."
            )
            self._measure([half for _, halves in asked for half in halves], is_paid=True)
            going = [part for frame, halves in asked if halves for part in self._narrowed(frame, halves)]
        return self._confirmed(found)

    def _afforded(self, frame: _Frame) -> tuple[_Frame, ...]:
        """Return the halves to leave out: both where the runs then suffice to the end, else one, else none."""
        count = min(2 if self.left >= 2 * frame.rounds else 1, self.left)
        self.left -= count
        return frame.halves()[:count]

    def _narrowed(self, frame: _Frame, measured: Sequence[_Frame]) -> list[_Frame]:
        """Return the halves that hold a culprit."""
        first, second = frame.halves()
        told = [half for half in measured if self._tells(half)]
        if told or len(measured) == 1:
            return told or [_Frame(second.groups, second.besides, is_measured=False)]
        hidden = (
            _Frame(first.groups, (*first.besides, *second.groups)),
            _Frame(second.groups, (*second.besides, *first.groups)),
        )
        return [half for half in hidden if self._tells(half)] if frame.is_measured else []

    def _confirmed(self, found: list[_Frame]) -> list[_Frame]:
        """Return them, each trained without once more, as far as runs are left: one gain may be luck."""
        self.stage = f"{self.measured.fall.in_words}. What is suspected is trained without once more."
        unseen = [frame for frame in found if len(frame.groups) == 1 and not frame.is_measured][: self.left]
        self._measure(unseen)
        single = [frame for frame in found if len(frame.groups) == 1 and (frame.is_measured or frame in unseen)]
        again = [frame for frame in single if self._tells(frame)][: self.left]
        self._measure(again, again=1)
        return found

    def _measure(self, frames: Sequence[_Frame], again: int = 0, *, is_paid: bool = False) -> None:
        """Go on when all of these were trained without. Raises _MissingError."""
        wanted = tuple(Variant(self.measured.seed(again), _leaves(f.groups, f.besides)) for f in frames)
        self.runs += len(wanted)
        self.left -= 0 if is_paid else len(wanted)
        missing = tuple(v for v in wanted if not self.measured.has(v) and v not in self.given_up)
        if missing:
            raise _MissingError(missing)

    def _recovery(self, frame: _Frame) -> Recovery | None:
        return self.measured.recovery(_leaves(frame.groups), _leaves(frame.besides))

    def _tells(self, frame: _Frame) -> bool:
        """True when leaving it out brings back more than chance does, and not only a small part of the fall."""
        found = self._recovery(frame)
        if found is None or not found.is_beyond_chance:
            return False
        return self.full is None or found.gain >= _LEAST_SHARE * self.full.gain

    def _suspect(self, frame: _Frame) -> Suspect | None:
        own = self._recovery(frame)
        if own is not None and not self._tells(frame):
            return None
        found = own or self.full
        if found is None:
            return None
        return Suspect(
            _leaves(frame.groups),
            tuple(sorted({number for group in frame.groups for number in group.pulls})),
            self.measured.fall.benchmark,
            found.score_with,
            found.score_without,
            found.gain,
            found.spread.deviation,
            found.runs,
            is_sure=own is not None and len(frame.groups) == 1,
        )

    def _summary(self, suspects: Sequence[Suspect]) -> str:
        fall = self.measured.fall.in_words
        if not suspects:
            whole = f" Without any fresh leaf {self.full.gain:+.3f} comes back, but" if self.full else " But"
            return f"{fall}.{whole} no contribution by itself brings it back beyond chance: nobody is blamed."
        return f"{fall}. {' '.join(f'{_in_words(suspect)}.' for suspect in suspects)}"


def _in_words(suspect: Suspect) -> str:
    """Return whom it is about, with the numbers."""
    named = f"{len(suspect.leaves)} leaves" if len(suspect.leaves) > 3 else ", ".join(suspect.leaves)
    who = f"Without {named} it is"
    if not suspect.is_sure:
        who = f"One or more of {named} are to blame, and no runs were left to tell which; without them it is"
    times = "once" if suspect.runs == 1 else f"{suspect.runs} times"
    return (
        f"{who} {suspect.score_without:.3f} instead of {suspect.score_with:.3f} "
        f"({suspect.recovery:+.3f}; chance: {suspect.noise:.3f} SD; trained {times})"
    )


def _leaves(*groups: Iterable[Group]) -> tuple[str, ...]:
    return tuple(sorted({leaf for some in groups for group in some for leaf in group.leaves}))


def _counted(groups: int) -> str:
    return f"{groups} group{'' if groups == 1 else 's'} of leaves"
