"""How a pull request stands, in the lines of the living comment that are not about the verdict."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import timedelta

from bot.comments.escape import code, prose
from bot.comments.jobs import job_lines
from bot.dossier import Dossier
from bot.labels import Label
from bot.readiness import Readiness, Rival, Who
from bot.same_leaf import said_of
from bot.store.pardons import Pardon, PardonKind
from bot.workflow import State, Status, Turn

_WAITS_FOR_US = frozenset({State.NEEDED, State.FOLLOW_UP, State.UNCERTAIN, State.APPROVED})


@dataclass(frozen=True, slots=True)
class Standing:
    """Who reads the comment, and how the pull request stands once the bot has set its labels."""

    author: str
    is_first_time: bool
    is_draft: bool
    targets_default_branch: bool = True
    status: Status = Status()
    readiness: Readiness = Readiness()
    dossier: Dossier = Dossier()
    heard: str = ""  # a reviewer and the commands of the review, separated by spaces
    head_sha: str = ""


def situation_lines(turn: Turn, standing: Standing) -> Iterator[str]:
    """Yield what holds it up, who else works on the same leaf, what was set aside, and how long it may take."""
    flags, state = standing.status.flags, standing.status.state
    if Label.LEGAL_HOLD in flags:
        yield "A maintainer looks at its licence or source first (`legal-hold`)."
    if Label.HOLD in flags:
        yield "Merging is held up by hand (`hold`); `/unhold` lifts that."
    if Label.STALE in flags:
        yield "It has been quiet for long. A word or a push from you keeps it open; otherwise I close it soon."
    yield from _rival_lines(standing.dossier.rivals, standing.author)
    yield from (_pardon_line(pardon) for pardon in standing.dossier.pardons[:5])
    yield from job_lines(standing.dossier.jobs, standing.head_sha)
    if standing.heard:
        login, *commands = standing.heard.split()
        named = ", ".join(f"`/{command}`" for command in commands)
        yield f"Done as the review of {code(login)} asks: {named}."
    obstacles = standing.readiness.obstacles
    yield from (f"Not merged yet. {o.text}" for o in obstacles if o.is_told)
    is_authors = bool(obstacles) and obstacles[0].who is Who.AUTHOR
    if turn is Turn.TRIAGER and state in _WAITS_FOR_US and not is_authors:
        yield f"Nothing for you to do{_wait(standing.dossier.median_wait)}."


def _wait(median: timedelta | None) -> str:
    if median is None:
        return ""
    days = median / timedelta(days=1)
    if days < 1:
        return "; half of all pull requests are looked at within a day"
    whole = round(days)
    return f"; the median wait is {whole} day{'' if whole == 1 else 's'}"


def _rival_lines(rivals: Sequence[Rival], author: str) -> Iterator[str]:
    said = said_of(rivals, author)
    yield from (_rival_line(rival, author) for rival in said.shown)
    if said.has_more:
        yield "Still others are for the same leaf; `/why` names those that this one waits for."


def _rival_line(rival: Rival, author: str) -> str:
    leaf = f" ({code(rival.leaf)})" if rival.leaf else ""
    if rival.author == author:
        return (
            f"You have another pull request for the same leaf{leaf}: #{rival.number}. Close one, or say why both."
        )
    whose = f"#{rival.number} by {code(rival.author)} is for the same leaf{leaf}."
    if rival.is_decided:
        return f"{whose} It holds this one up no longer; you may want to join forces."
    return f"{whose} Both are decided together; you may want to join forces."


def _pardon_line(pardon: Pardon) -> str:
    by = code(pardon.actor)
    if pardon.kind is PardonKind.WRONG:
        return f"The finding {code(pardon.rule)} was a mistake of ours, says {by}; it does not count."
    return f"The finding {code(pardon.rule)} was overridden by {by}: {prose(pardon.reason)}"
