"""Packing: which samples are computed together, so that nothing is computed twice or for nothing."""

from __future__ import annotations

import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Micro:
    """Samples of one forward pass, by index. A padded one computes each as long as the longest."""

    samples: tuple[int, ...]
    is_padded: bool = False

    def computed(self, lengths: Sequence[int]) -> int:
        """Return how many tokens are computed, padding included."""
        own = [lengths[sample] for sample in self.samples]
        return max(own) * len(own) if self.is_padded else sum(own)


def first_fit_decreasing(samples: Sequence[int], lengths: Sequence[int], room: int) -> list[tuple[int, ...]]:
    """Return packs of samples of at most `room` tokens: each, longest first, goes to the first pack with room.

    A sample longer than the room is a pack alone. Source: Johnson 1973, at most 11/9 of the fewest packs + 6/9.
    """
    order = sorted(samples, key=lambda sample: (-lengths[sample], sample))
    fits = _FirstFit(len(order), room)
    packs: list[list[int]] = []
    for sample in order:
        at = fits.place(lengths[sample])
        if at == len(packs):
            packs.append([])
        packs[at].append(sample)
    return [tuple(pack) for pack in packs]


class _FirstFit:
    """A tree over the room left in each pack, so that the first that fits is found in log n steps."""

    def __init__(self, most: int, room: int) -> None:
        self._leaves = 1 << max(0, most - 1).bit_length()
        self._room = room
        self._left = [room] * (2 * self._leaves)

    def place(self, length: int) -> int:
        """Take the room and return the pack. What fits nowhere takes an empty one for itself."""
        wanted = min(length, self._room)
        node = 1
        while node < self._leaves:
            node = 2 * node if self._left[2 * node] >= wanted else 2 * node + 1
        self._left[node] -= wanted
        pack = node - self._leaves
        while node > 1:
            node //= 2
            self._left[node] = max(self._left[2 * node], self._left[2 * node + 1])
        return pack


def like_lengths(samples: Sequence[int], lengths: Sequence[int], room: int) -> list[tuple[int, ...]]:
    """Return batches of samples of like lengths whose padded size is at most `room` tokens, each at least one."""
    batches: list[list[int]] = []
    for sample in sorted(samples, key=lambda sample: (-lengths[sample], sample)):
        if batches and lengths[batches[-1][0]] * (len(batches[-1]) + 1) <= room:
            batches[-1].append(sample)
        else:
            batches.append([sample])
    return [tuple(batch) for batch in batches]


@dataclass(frozen=True, slots=True)
class Order:
    """In which order samples are learnt: the same for the same numbers, whatever a micro-batch holds."""

    samples: int
    effective_batch: int
    seed: int

    @property
    def steps_per_epoch(self) -> int:
        """How many steps one pass over the samples takes; the last may be of fewer samples."""
        return -(-self.samples // self.effective_batch)

    def steps(self, epoch: int) -> Iterator[tuple[int, ...]]:
        """Yield the samples of each step of an epoch, every sample once."""
        order = list(range(self.samples))
        random.Random(f"{self.seed}/{epoch}").shuffle(order)  # noqa: S311 - not for secrets
        for start in range(0, self.samples, self.effective_batch):
            yield tuple(order[start : start + self.effective_batch])


def micro_batches(
    samples: Sequence[int], lengths: Sequence[int], room: int, *, is_packed: bool, shares: int = 1
) -> list[list[Micro]]:
    """Return the micro-batches of one step, a list for each device, all equally long.

    Where they do not come out even, a device computes an empty one (no samples): all take part in each exchange.
    """
    made = (first_fit_decreasing if is_packed else like_lengths)(samples, lengths, room)
    micros = [Micro(batch, is_padded=not is_packed) for batch in made]
    micros.sort(key=lambda micro: -micro.computed(lengths))
    rounds = -(-len(micros) // shares)
    micros += [Micro((), is_padded=not is_packed)] * (rounds * shares - len(micros))
    return [[micros[turn * shares + device] for turn in range(rounds)] for device in range(shares)]


def padding_share(micros: Sequence[Micro], lengths: Sequence[int]) -> float:
    """Return the share of computed tokens that are padding, 0 to 1."""
    computed = sum(micro.computed(lengths) for micro in micros if micro.samples)
    own = sum(lengths[sample] for micro in micros for sample in micro.samples)
    return 1 - own / computed if computed else 0.0
