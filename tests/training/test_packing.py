"""What is computed together: every sample once, in packs without room to spare, in an order the seed decides."""

from __future__ import annotations

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.training.packing import (
    Micro,
    Order,
    first_fit_decreasing,
    like_lengths,
    micro_batches,
    padding_share,
)

LENGTHS = st.lists(st.integers(1, 120), min_size=1, max_size=60)


def plain_first_fit(lengths: list[int], room: int) -> list[tuple[int, ...]]:
    "The same, looked up pack by pack."
    packs: list[list[int]] = []
    for sample in sorted(range(len(lengths)), key=lambda s: (-lengths[s], s)):
        fitting = (p for p in packs if sum(lengths[s] for s in p) + lengths[sample] <= room)
        pack = next(fitting, None)
        if pack is None:
            packs.append([sample])
        else:
            pack.append(sample)
    return [tuple(pack) for pack in packs]


@given(LENGTHS, st.integers(20, 200))
def test_packs_are_those_of_first_fit_decreasing(lengths: list[int], room: int) -> None:
    "The quick search gives what the plain one does; a sample longer than the room is alone."
    packs = first_fit_decreasing(range(len(lengths)), lengths, room)
    assert packs == plain_first_fit(lengths, room)
    assert all(sum(lengths[s] for s in pack) <= room or len(pack) == 1 for pack in packs)


@given(LENGTHS, st.integers(20, 200), st.booleans(), st.integers(1, 4))
def test_every_sample_is_computed_once_on_one_device(
    lengths: list[int], room: int, is_packed: bool, shares: int
) -> None:
    "However many devices there are, each has as many micro-batches as the others."
    found = micro_batches(range(len(lengths)), lengths, room, is_packed=is_packed, shares=shares)
    assert len(found) == shares
    assert len({len(share) for share in found}) == 1
    micros = [micro for share in found for micro in share]
    assert sorted(s for micro in micros for s in micro.samples) == list(range(len(lengths)))
    assert all(not m.samples or m.computed(lengths) <= room or len(m.samples) == 1 for m in micros)
    if is_packed:
        assert padding_share(micros, lengths) == 0


def test_padding_is_counted() -> None:
    assert padding_share([Micro((0, 1), is_padded=True)], [10, 6]) == pytest.approx(4 / 20)


def test_batches_of_like_lengths_waste_little() -> None:
    "Where packs are not to be had, sorting keeps the padding of the corpus's mix of lengths small."
    draw = random.Random(0)
    lengths = [max(4, int(draw.lognormvariate(4, 1))) for _ in range(400)]
    micros = [Micro(batch, is_padded=True) for batch in like_lengths(range(400), lengths, 2_048)]
    assert padding_share(micros, lengths) < 0.2


def test_an_order_is_the_same_for_the_same_seed_alone() -> None:
    "Each epoch has every sample once, in an order of its own."
    order = Order(50, 16, seed=1)
    first, second = list(order.steps(0)), list(order.steps(1))
    assert first == list(Order(50, 16, seed=1).steps(0))
    assert first != second
    assert first != list(Order(50, 16, seed=2).steps(0))
    assert [len(step) for step in first] == [16, 16, 16, 2]
    assert sorted(sum(first, ())) == sorted(sum(second, ())) == list(range(50))
