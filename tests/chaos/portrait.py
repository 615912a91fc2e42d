"""What people see of a pull request at the end, apart from moments and names of commits; and what is wrong."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, fields

from bot.simulator import CheckRun, Pull, Repository
from tests.chaos.acts import Stage

_HIDDEN = re.compile(r"<!--.*?-->\s*", re.DOTALL)
_MARKER = re.compile(r"<!--.*?-->", re.DOTALL)
_MOMENT = re.compile(r"\b20\d\d-\d\d-\d\d(?:[T ]\d\d:\d\d(?::\d\d)?(?:Z| UTC)?)?")
_PROSPECT = re.compile(
    r"; half of all pull requests are looked at within [^.]*"
)  # the past of all of them says that
_MOST_SHOWN = 200  # characters of a text that differs
_ID = re.compile(r"\b1[2-9]\d{8}\b")


@dataclass(frozen=True, slots=True)
class Portrait:
    """One pull request as people see it."""

    labels: frozenset[str]
    is_open: bool
    assignees: frozenset[str]
    checks: Mapping[str, tuple[object, ...]]
    comments: tuple[str, ...]
    reactions: tuple[tuple[str, frozenset[str]], ...]

    def differences(self, other: Portrait) -> Iterator[str]:
        "Yield what is otherwise than in another portrait."
        for field in fields(self):
            mine, others = getattr(self, field.name), getattr(other, field.name)
            if mine != others:
                yield f"{field.name}: {_shown(mine, others)}, where without faults it is {_shown(others, mine)}"


def portraits(stage: Stage) -> dict[int, Portrait]:
    """Return every pull request as it is now."""
    return {number: _portrait(stage, pull) for number, pull in stage.pulls.items()}


def _portrait(stage: Stage, pull: Pull) -> Portrait:
    names = {
        sha[:length]: f"commit {n}" for n, sha in enumerate(stage.commits[pull.number]) for length in (40, 12, 7)
    }

    def plain(text: str | None) -> str:
        text = _PROSPECT.sub("", _HIDDEN.sub("", text or ""))
        for sha, name in names.items():
            text = text.replace(sha, name)
        return _ID.sub("ID", _MOMENT.sub("MOMENT", text))

    newest = {run.name: run for run in stage.repo.check_runs(pull.head_sha)}
    own = [comment for comment in pull.comments if comment.by_app and not comment.minimized]
    return Portrait(
        frozenset(pull.labels),
        pull.state == "open",
        frozenset(pull.assignees),
        {name: _check(run, plain) for name, run in newest.items()},
        tuple(sorted(plain(comment.body) for comment in own)),
        tuple(
            (plain(comment.body), frozenset(comment.reactions))
            for comment in pull.comments
            if not comment.by_app and comment.body.startswith("/")
        ),
    )


def _check(run: CheckRun, plain: object) -> tuple[object, ...]:
    assert callable(plain)
    notes = sorted(
        (a.path, a.start_line, a.end_line, a.annotation_level, a.message, a.title or "") for a in run.annotations
    )
    return (run.status, run.conclusion, plain(run.title), plain(run.summary), tuple(notes))


@dataclass(frozen=True, slots=True)
class Wrongs:
    """What must not be, whatever the reference says."""

    unanswered: Sequence[str]
    twice: Sequence[str]
    in_progress: Sequence[str]


def wrongs(repo: Repository, stage: Stage) -> Wrongs:
    """Look for commands without an answer, comments that are there twice, and check runs without an end."""
    unanswered, twice = [], []
    for number, pull in stage.pulls.items():
        unanswered += [
            f"#{number}: {comment.body!r} has no answer"
            for comment in pull.comments
            if not comment.by_app and comment.body.startswith("/") and not comment.reactions
        ]
        living = [comment for comment in pull.comments if comment.by_app and not comment.minimized]
        marks = Counter(found[0] if (found := _MARKER.match(comment.body)) else comment.body for comment in living)
        twice += [
            f"#{number}: {count} comments with one mark: {mark}" for mark, count in marks.items() if count > 1
        ]
        reports = [comment for comment in living if "reply" not in comment.body.partition("-->")[0]]
        if len(reports) > 1:
            twice.append(f"#{number}: {len(reports)} reports that are not folded")
    left = [
        f"{run.name} on {run.head_sha[:7]} is {run.status}"
        for run in repo.runs.values()
        if run.status != "completed"
    ]
    return Wrongs(unanswered, twice, left)


def _shown(mine: object, others: object) -> str:
    """Return what only the first of two values has, shortly."""
    if isinstance(mine, Mapping) and isinstance(others, Mapping):
        return repr({key: _shown(mine[key], others.get(key)) for key in mine if mine[key] != others.get(key)})
    if isinstance(mine, tuple | frozenset) and isinstance(others, tuple | frozenset):
        left = [one for one in others if one not in mine]
        return repr([_parting(one, left) for one in mine if one not in others])
    return repr(mine)[:_MOST_SHOWN]


def _parting(one: object, others: Sequence[object]) -> object:
    """Return a long text from shortly before where it parts from the one among the others that is most like it."""
    if not isinstance(one, str) or len(one) <= _MOST_SHOWN:
        return one
    alike = max((_alike(one, other) for other in others if isinstance(other, str)), default=0)
    return f"... {one[max(0, alike - _MOST_SHOWN // 2) :][:_MOST_SHOWN]} ..."


def _alike(one: str, other: str) -> int:
    """Return how many characters two texts begin with alike."""
    return next((n for n, (mine, its) in enumerate(zip(one, other, strict=False)) if mine != its), len(one))
