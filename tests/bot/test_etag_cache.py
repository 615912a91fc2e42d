"""What is remembered of GitHub's answers is bounded in bytes; the newest stay."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from bot.github.client import EtagCache


def remember(cache: EtagCache, url: str, size_bytes: int) -> None:
    cache.answer_bytes = size_bytes
    cache[url] = ("etag", None, url, None)


def test_the_oldest_answers_go_when_the_bytes_are_used_up() -> None:
    "Three answers of forty bytes do not fit into a hundred: the one not asked for longest is forgotten."
    cache = EtagCache(most_bytes=100)
    remember(cache, "/pulls/1", 40)
    remember(cache, "/pulls/2", 40)
    assert cache["/pulls/1"][2] == "/pulls/1"  # asked for again

    remember(cache, "/pulls/3", 40)

    assert list(cache) == ["/pulls/1", "/pulls/3"]


def test_an_answer_larger_than_all_is_not_kept_and_pushes_nothing_out() -> None:
    "One huge page does not cost us everything else."
    cache = EtagCache(most_bytes=100)
    remember(cache, "/pulls/1", 40)
    remember(cache, "/pulls?per_page=100", 101)
    assert list(cache) == ["/pulls/1"]


def test_a_newer_answer_counts_in_place_of_the_older_one() -> None:
    "Asking for the same again and again uses the bytes of one answer."
    cache = EtagCache(most_bytes=100)
    remember(cache, "/pulls/1", 30)
    for _ in range(10):
        remember(cache, "/pulls/2", 60)
    assert list(cache) == ["/pulls/1", "/pulls/2"]


def test_what_a_commit_names_is_not_kept() -> None:
    "A tree or a comparison never changes and is hardly read twice: it only takes room."
    cache = EtagCache(most_bytes=100)
    remember(cache, "/repos/o/r/git/trees/abc?recursive=1", 10)
    remember(cache, "/repos/o/r/compare/abc...def", 10)
    assert len(cache) == 0


@given(st.lists(st.tuples(st.integers(0, 9), st.integers(0, 120))))
def test_never_more_than_the_bound(answers: list[tuple[int, int]]) -> None:
    "Whatever comes, what is kept fits, and the newest that fits is kept."
    cache = EtagCache(most_bytes=100)
    sizes: dict[str, int] = {}
    for number, size_bytes in answers:
        url = f"/pulls/{number}"
        remember(cache, url, size_bytes)
        if size_bytes <= 100:
            sizes[url] = size_bytes
            assert url in cache
        assert sum(sizes[kept] for kept in cache) <= 100
