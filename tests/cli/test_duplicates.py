"""What the checkout's own tree has already: compared without GitHub, in about a second."""

from __future__ import annotations

from pathlib import Path

import pytest

from checks import checkout_neighbours
from tests.checks.test_duplicates import PUFFIN, PUFFIN_AGAIN, WREN, skill_of
from tests.cli.checkouts import Checkout

SEA = "compositional_skills/writing/freeform/birds/sea/qna.yaml"
CLIFFS = "compositional_skills/writing/freeform/birds/cliffs/qna.yaml"
FAR = "compositional_skills/extraction/freeform/far/qna.yaml"


@pytest.fixture
def taxonomy(checkout: Checkout) -> Checkout:
    "A checkout whose main branch has a leaf about puffins."
    checkout.git("switch", "-q", "main")
    checkout.writes(SEA, skill_of(WREN, PUFFIN))
    checkout.commits("Puffins")
    checkout.git("switch", "-q", "mine")
    checkout.git("merge", "-q", "main")
    return checkout


def duplicates(checkout: Checkout, *arguments: str) -> list[str]:
    answer = checkout.checks("--format", "json", *arguments)
    return [f["message"] for f in answer.json["findings"] if f["rule"] == "duplicates"]


def test_a_copy_of_what_main_has(taxonomy: Checkout) -> None:
    "A new leaf that repeats one of the base is told where that stands, and the report says what was compared."
    taxonomy.writes(CLIFFS, skill_of(PUFFIN_AGAIN))
    (message,) = duplicates(taxonomy)
    assert f"(`{SEA}`, line 7)" in message
    assert "Compared with 1 leaf of main." in taxonomy.checks().wrapped()
    assert taxonomy.checks("--format", "json").json["scope"]["compared_with"] == "1 leaf of main"


def test_an_edit_and_a_move_are_no_copies(taxonomy: Checkout) -> None:
    "A leaf is not held against its own older version, wherever that stood."
    taxonomy.writes(SEA, skill_of(WREN, PUFFIN_AGAIN))
    assert not duplicates(taxonomy)
    (taxonomy.folder / CLIFFS).parent.mkdir(parents=True)
    taxonomy.git("mv", SEA, CLIFFS)
    assert not duplicates(taxonomy)


def test_one_file_beside_the_others(taxonomy: Checkout) -> None:
    "A file that is checked by its name is compared with what main has, not with itself."
    taxonomy.writes(CLIFFS, skill_of(PUFFIN))
    taxonomy.commits("Twice")
    assert len(duplicates(taxonomy, CLIFFS)) == 1
    (message,) = duplicates(taxonomy, SEA, CLIFFS)
    assert "taxonomy" not in message  # told once, within what is checked


def test_a_large_tree_is_read_bit_by_bit(taxonomy: Checkout, monkeypatch: pytest.MonkeyPatch) -> None:
    "Without time only the nearest leaves are read; what is read is kept, and the next check reads more."
    monkeypatch.setattr(checkout_neighbours, "_MOST_S", -1.0)
    monkeypatch.setattr(checkout_neighbours, "_AT_ONCE", 1)
    taxonomy.git("switch", "-q", "main")
    taxonomy.writes(FAR, skill_of(WREN))
    taxonomy.commits("Far away")
    taxonomy.git("switch", "-q", "mine")
    taxonomy.writes(CLIFFS, skill_of(PUFFIN))
    first, second = (taxonomy.checks("--format", "json").json["scope"]["compared_with"] for _ in range(2))
    assert first == "1 of 2 leaves of main: the next check reads more of them"
    assert second == "2 leaves of main"
    assert len(duplicates(taxonomy)) == 1


def test_without_a_cache_folder_the_check_goes_on(
    taxonomy: Checkout, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    "Nothing can be kept: nothing is compared with the tree, and everything else is checked."
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "file"))
    taxonomy.writes(CLIFFS, skill_of(PUFFIN))
    assert not duplicates(taxonomy)
    assert taxonomy.checks("--format", "json").json["scope"]["compared_with"] is None
