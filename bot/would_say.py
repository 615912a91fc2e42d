"""What the bot would write on a pull request if it spoke there: kept as text, shown on pages and terminals."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass

from bot.actions import (
    Action,
    AddLabels,
    ChangeAssignee,
    ChangePull,
    EditComment,
    PostComment,
    RemoveLabel,
    Reply,
    ReportCheck,
    Review,
)

_MARKER = re.compile(r"\A<!--[^\n]*-->\n")


@dataclass(frozen=True, slots=True)
class WouldCheck:
    """A check run that would be set."""

    name: str
    conclusion: str
    title: str
    notes: int  # on lines of files


@dataclass(frozen=True, slots=True)
class WouldSay:
    """Everything that would be written, in the order in which people would meet it."""

    comments: tuple[str, ...] = ()  # Markdown, without our hidden marks
    labels_on: tuple[str, ...] = ()
    labels_off: tuple[str, ...] = ()
    checks: tuple[WouldCheck, ...] = ()
    others: tuple[str, ...] = ()  # such as whom it would be assigned to, in words

    @property
    def is_nothing(self) -> bool:
        """True when GitHub shows all of it already."""
        return self == WouldSay()

    def written(self) -> str:
        """Return it as text, for `read_would_say`."""
        return json.dumps(asdict(self))


def would_say(actions: Iterable[Action]) -> WouldSay:
    """Return what these actions would show on a pull request."""
    actions = tuple(actions)
    return WouldSay(
        comments=tuple(
            _MARKER.sub("", action.body)
            for action in actions
            if isinstance(action, PostComment | EditComment | Reply)
        ),
        labels_on=tuple(str(name) for action in actions if isinstance(action, AddLabels) for name in action.names),
        labels_off=tuple(str(action.name) for action in actions if isinstance(action, RemoveLabel)),
        checks=tuple(
            WouldCheck(action.name, str(action.conclusion), action.title, len(action.annotations))
            for action in actions
            if isinstance(action, ReportCheck)
        ),
        others=tuple(_others(actions)),
    )


def read_would_say(text: str) -> WouldSay:
    """Return what `WouldSay.written` wrote; nothing for an empty text."""
    if not text:
        return WouldSay()
    told = json.loads(text)
    checks = tuple(WouldCheck(**check) for check in told.pop("checks"))
    return WouldSay(**{name: tuple(values) for name, values in told.items()}, checks=checks)


def _others(actions: Iterable[Action]) -> Iterator[str]:
    for action in actions:
        match action:
            case ChangeAssignee(login=login, on=on):
                yield f"{'assign' if on else 'unassign'} {login}"
            case Review(notes=notes):
                yield f"a review with {len(notes)} suggested change{'s' if len(notes) != 1 else ''}"
            case ChangePull(state=state) if state:
                yield f"it would be {state}"
            case _:
                pass
