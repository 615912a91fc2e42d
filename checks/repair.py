"""Putting a contribution right: mechanical fixes are applied and judged again until nothing changes any more."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from checks.contribution import ChangedFile, Contribution, FileKind, is_leaf, read_leaf, text_of
from checks.findings import Cause, Finding, Move, Severity
from checks.fixing import applied, can_be_edited
from checks.policy import Policy
from checks.registry import Rule
from checks.run import judge

_MOST_ROUNDS = 12
_MOST_MOVES = 3
_MOST_TRIES = 3  # of one kind of fix after the other, where all at once do harm
_CONFIDENTIAL = frozenset({"pii", "secrets"})
_BLINDING = frozenset({"syntax", "hostile", "intake"})  # while these find errors, others cannot look


@dataclass(frozen=True, slots=True)
class Mended:
    """One kind of problem that was put right in a file, and in how many places."""

    cause: Cause
    places: int


@dataclass(frozen=True, slots=True)
class Repair:
    """One file that was put right: where it was and is, what it held and holds, and what for."""

    path: str
    new_path: str
    before: bytes
    after: bytes
    mended: tuple[Mended, ...]


@dataclass(frozen=True, slots=True)
class Repairs:
    """Everything that can be put right in a contribution.

    `withheld` are files with something to put right that were left alone: personal data or a secret are in them.
    """

    files: tuple[Repair, ...] = ()
    withheld: tuple[str, ...] = ()


def repairs(
    contribution: Contribution,
    policy: Policy,
    rules: Iterable[Rule] | None = None,
    only: Iterable[str] | None = None,
) -> Repairs:
    """Return what can be put right mechanically, in the files `only` or in all.

    No repaired file gains an error: a kind of fix that would bring one is left out.
    """
    rules = None if rules is None else tuple(rules)
    findings = _about_files(contribution, policy, rules)
    allowed = {f.path for f in contribution.files} if only is None else set(only)
    private = confidential_paths(findings)
    fixable = [f for f in findings if f.is_fixable and f.path in allowed]
    withheld = tuple(sorted({f.path for f in fixable if f.path is not None} & private))
    moved = _Moved(contribution, {path: path for path in (f.path for f in contribution.files)}, {})
    for _ in range(_MOST_MOVES):  # a file with a right name may still lie in a folder with a wrong one
        wanted = [f for f in findings if f.move and f.path and moved.origin.get(f.path) in allowed]
        further = _moved(moved, policy, rules, wanted, allowed, private) if wanted else moved
        if further is moved:
            break
        moved = further
        findings = _about_files(moved.contribution, policy, rules)
    found = [
        repair
        for file in moved.contribution.files
        if (repair := _repaired(file, moved, policy, rules, allowed, private)) is not None
    ]
    return Repairs(tuple(found), withheld)


def confidential_paths(findings: Iterable[Finding]) -> set[str]:
    """Return the files in which personal data or secrets were found: nobody but people touches those."""
    return {f.path for f in findings if f.path is not None and f.rule in _CONFIDENTIAL}


@dataclass(frozen=True, slots=True)
class _Moved:
    """The contribution after its moves: where each moved file was, and which causes are mended by that."""

    contribution: Contribution
    origin: Mapping[str, str]
    causes: Mapping[str, tuple[Cause, ...]]

    def after(self, contribution: Contribution, places: Mapping[str, str], cause: Cause) -> _Moved:
        """Return how it is once the files at `places` are put elsewhere because of `cause`."""
        origin = {places.get(p, p): was for p, was in self.origin.items()}
        causes = {places.get(p, p): told for p, told in self.causes.items()}
        for place in places.values():
            causes[place] = (*causes.get(place, ()), cause)
        return _Moved(contribution, origin, causes)


def _moved(
    start: _Moved,
    policy: Policy,
    rules: tuple[Rule, ...] | None,
    findings: Sequence[Finding],
    allowed: set[str],
    private: set[str],
) -> _Moved:
    """Carry out the moves that lead to no new error, one after the other; return `start` if there are none."""
    wanted = Counter(move.target for move in {f.move for f in findings} if move is not None)
    now = start
    for finding in findings:
        move = finding.move
        if move is None or (wanted[move.target] > 1 and _is_of_file(move, now.contribution)):
            continue
        places = {p: place for p in now.origin if (place := _place(p, move)) != p}
        touched = {now.origin[p] for p in places}
        if not places or not touched <= allowed or touched & private or _meets(places, now.contribution):
            continue
        tried = _with_moves(now.contribution, places)
        is_rename = _is_of_file(move, now.contribution)  # read for the first time then: it may well have errors
        about = {*places, *places.values()}
        if is_rename or not _gains(now.contribution, tried, about, policy, rules):
            now = now.after(tried, places, finding.cause)
    return now


def _is_of_file(move: Move, contribution: Contribution) -> bool:
    return any(file.path == move.source for file in contribution.files)


def _place(path: str, move: Move) -> str:
    """Return where a path is after a move."""
    if path == move.source:
        return move.target
    return move.target + path[len(move.source) :] if path.startswith(f"{move.source}/") else path


def _meets(places: Mapping[str, str], contribution: Contribution) -> bool:
    """Say whether something is there already, also where upper and lower case are the same."""
    stays = {f.path for f in contribution.files if not f.is_gone} | (contribution.tree or frozenset())
    taken = {path.casefold() for path in stays - set(places)}
    is_odd = any(f.is_gone or f.kind is not FileKind.REGULAR for f in contribution.files if f.path in places)
    return is_odd or any(taken.intersection(_with_folders(target.casefold())) for target in places.values())


def _with_folders(path: str) -> Iterator[str]:
    """Yield a path and the folders above it: where a file or link has one of those names, it would be lost."""
    while path:
        yield path
        path = path.rpartition("/")[0]


def _with_moves(contribution: Contribution, places: Mapping[str, str]) -> Contribution:
    files = [replace(f, path=places[f.path]) if f.path in places else f for f in contribution.files]
    tree = contribution.tree
    if tree is not None:
        tree = frozenset(places.get(path, path) for path in tree)
    return _with_files(replace(contribution, tree=tree), files)


def _with_files(contribution: Contribution, files: Iterable[ChangedFile]) -> Contribution:
    ordered = tuple(sorted(files, key=lambda f: f.path))
    return replace(contribution, files=ordered, leaves=tuple(read_leaf(f) for f in ordered if is_leaf(f)))


def _gains(
    before: Contribution, after: Contribution, paths: set[str], policy: Policy, rules: tuple[Rule, ...] | None
) -> bool:
    """Say whether there are more errors of any kind about these paths, or anywhere in the placing of leaves."""
    was, now = (
        _errors(f for f in _about_files(c, policy, rules) if f.path in paths or f.rule == "placement")
        for c in (before, after)
    )
    return any(now[cause] > was[cause] for cause in now)


def _repaired(
    file: ChangedFile,
    moved: _Moved,
    policy: Policy,
    rules: tuple[Rule, ...] | None,
    allowed: set[str],
    private: set[str],
) -> Repair | None:
    was = moved.origin[file.path]
    if was not in allowed or was in private or file.content is None or file.is_gone:
        return None
    file_bench = _Bench(file, moved.contribution, policy, rules)
    settled = file_bench.settle()
    mended = [Mended(cause, 1) for cause in moved.causes.get(file.path, ())]
    mended += [Mended(cause, places) for cause, places in settled.mended]
    if settled.content == file.content and file.path == was:
        return None
    return Repair(was, file.path, file.content, settled.content, tuple(mended))


@dataclass(frozen=True, slots=True)
class _Settled:
    """A content at which no more fix of the kinds tried changes anything."""

    content: bytes
    findings: tuple[Finding, ...]
    mended: tuple[tuple[Cause, int], ...] = ()


class _Bench:
    """Where one file is worked on; the files beside it are at hand, because rules look at them together."""

    def __init__(
        self, file: ChangedFile, contribution: Contribution, policy: Policy, rules: tuple[Rule, ...] | None
    ) -> None:
        self._file = file
        beside = [f for f in contribution.files if f.folder == file.folder and f.path != file.path]
        self._beside = _with_files(replace(contribution, commits=None, refusals=()), beside)
        self._policy = policy
        self._rules = rules
        self._judged: dict[bytes, tuple[Finding, ...]] = {}

    def settle(self) -> _Settled:
        """Apply all kinds of fixes together; where that does harm, one kind after the other."""
        content = self._file.content or b""
        start = _Settled(content, self._findings(content))
        if not any(f.is_fixable and not f.move for f in start.findings):
            return start
        together = self._rounds(start, None)
        if self._is_better(start, together):
            return together
        for _ in range(_MOST_TRIES):
            before = start
            for cause in sorted({f.cause.id for f in start.findings if f.is_fixable}):
                tried = self._rounds(start, cause)
                start = tried if self._is_better(start, tried) else start
            if start is before:
                break
        return start

    def _rounds(self, start: _Settled, cause: str | None) -> _Settled:
        content, findings = start.content, start.findings
        mended = Counter(dict(start.mended))
        for _ in range(_MOST_ROUNDS):
            chosen = [f for f in findings if self._can_apply(f, content) and cause in (None, f.cause.id)]
            fixed = applied(content, chosen)
            if fixed == content:
                break
            after = self._findings(fixed)
            was, now = Counter(f.cause for f in findings), Counter(f.cause for f in after)
            for told in {f.cause for f in chosen}:
                mended[told] += max(0, was[told] - now[told])
            content, findings = fixed, after
        return _Settled(content, findings, tuple((told, places) for told, places in mended.items() if places))

    def _can_apply(self, finding: Finding, content: bytes) -> bool:
        if not finding.is_fixable or finding.move is not None:
            return False
        if finding.tidying is not None or is_leaf(self._file):
            return True
        text = text_of(replace(self._file, content=content))
        return text is not None and can_be_edited(text, as_yaml=False)

    def _is_better(self, before: _Settled, after: _Settled) -> bool:
        """Say whether no error was gained, and what was fixed is gone."""
        if after.content == before.content or not after.mended:
            return False
        if any(f.rule in _CONFIDENTIAL for f in after.findings):
            return False  # it was there unseen: whose file that is has to look
        was, now = _errors(before.findings), _errors(after.findings)
        if any(cause.partition("/")[0] in _BLINDING for cause in was):
            return _has_moved_on(before.findings, after.findings)
        return all(now[cause] <= was[cause] for cause in now)

    def _findings(self, content: bytes) -> tuple[Finding, ...]:
        if content not in self._judged:
            file = replace(self._file, content=content, size=len(content))
            contribution = _with_files(self._beside, (*self._beside.files, file))
            found = _about_files(contribution, self._policy, self._rules)
            self._judged[content] = tuple(f for f in found if f.path == file.path)
        return self._judged[content]


def _has_moved_on(before: Sequence[Finding], after: Sequence[Finding]) -> bool:
    """Say whether a file that could not be read can be read further now."""

    def reach(findings: Sequence[Finding]) -> tuple[int, int]:
        blind = [f for f in findings if f.rule in _BLINDING and f.severity is Severity.ERROR]
        return min(((f.line or 1, f.column or 1) for f in blind), default=(1 << 60, 0))

    was, now = (Counter(f.cause.id for f in fs if f.rule in _BLINDING) for fs in (before, after))
    return sum(now.values()) < sum(was.values()) or reach(after) > reach(before)


def _about_files(contribution: Contribution, policy: Policy, rules: tuple[Rule, ...] | None) -> tuple[Finding, ...]:
    return judge(contribution, policy, rules).findings


def _errors(findings: Iterable[Finding]) -> Counter[str]:
    return Counter(f.cause.id for f in findings if f.severity is Severity.ERROR)
