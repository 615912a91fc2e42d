"""Pull requests for the same leaf: what each says of the others, and which have to say something else now."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from bot.labels import Label
from bot.readiness import MOST_NAMED, Rival
from bot.store.leaves import LeafHolder, LeafStore, as_kept
from bot.workflow import State, Status

MOST_SHOWN = 3
_WAITING = frozenset({State.NEEDED, State.FOLLOW_UP, State.UNCERTAIN, State.APPROVED})


@dataclass(frozen=True, slots=True)
class Said:
    """All that a pull request says of others for the same leaf: two that are equal read the same."""

    shown: tuple[Rival, ...] = ()
    has_more: bool = False
    undecided: tuple[int, ...] = ()


def is_decided(status: Status, *, is_approved: bool) -> bool:
    """True when a pull request for the same leaf stands in nobody's way: set back, held up, or approved too."""
    if status.state not in _WAITING or status.flags & {Label.HOLD, Label.LEGAL_HOLD}:
        return True
    return status.state is State.APPROVED and is_approved


def in_order(rivals: Iterable[Rival]) -> tuple[Rival, ...]:
    """Return rivals in the order in which they matter: those that are waited for first, then the older ones."""
    return tuple(sorted(rivals, key=lambda rival: (rival.is_decided, rival.number)))


def shown(rivals: Sequence[Rival], author: str) -> tuple[Rival, ...]:
    """Return the rivals that are named to the author: other ones of the own first."""
    return tuple(sorted(rivals, key=lambda rival: rival.author != author)[:MOST_SHOWN])


def said_of(rivals: Sequence[Rival], author: str) -> Said:
    """Return what a pull request of `author` says of its rivals, which are in order."""
    undecided = tuple(rival.number for rival in rivals if not rival.is_decided)
    return Said(shown(rivals, author), len(rivals) > MOST_SHOWN, undecided[: MOST_NAMED + 1])


class SameLeaf:
    """Knows who meets whom on which leaf."""

    def __init__(self, leaves: LeafStore) -> None:
        self._leaves = leaves

    async def rivals(self, repository_id: int, number: int, leaves: frozenset[str]) -> tuple[Rival, ...]:
        """Return the other open pull requests that touch one of `leaves`, in order."""
        kept = frozenset(as_kept(leaf) for leaf in leaves)
        holders = await self._leaves.holding(repository_id, kept) if kept else []
        return in_order(_rival(holder, kept) for holder in holders if holder.number != number)

    async def around(self, repository_id: int, numbers: Iterable[int]) -> dict[int, Said]:
        """Return what these pull requests, and all that share a leaf with one of them, have to say by now.

        It takes a few look-ups in the database, however many they are, and none on GitHub.
        """
        asked = set(numbers)
        holders = {h.number: h for h in await self._leaves.around(repository_id, asked)}
        by_leaf: defaultdict[str, set[int]] = defaultdict(set)
        for holder in holders.values():
            for leaf in holder.leaves:
                by_leaf[leaf].add(holder.number)
        meets = {h.number: set[int]().union(*(by_leaf[leaf] for leaf in h.leaves)) for h in holders.values()}
        said = {}
        for number in asked.union(*(meets.get(number, set()) for number in asked)):
            if (mine := holders.get(number)) is not None:
                rivals = in_order(_rival(holders[n], mine.leaves) for n in meets[number] if n != number)
                said[number] = said_of(rivals, mine.author)
            else:
                said[number] = Said()
        return said


def _rival(holder: LeafHolder, leaves: frozenset[str]) -> Rival:
    decided = is_decided(holder.status, is_approved=holder.is_approved)
    return Rival(holder.number, holder.author, decided, min(holder.leaves & leaves, default=""))
