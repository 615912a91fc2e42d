"""Many data sets become one: in the shares that the recipe names, in an order that is the same everywhere."""

from __future__ import annotations

import json
import resource
import subprocess
import sys
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.datasets import DatasetError, is_whole, read_jsonl, read_manifest, sha256_of, write_jsonl
from pipeline.mixing import mix
from pipeline.portions import portions_of
from pipeline.recipes import Ingredient, Recipe, RecipeError, read_recipe


def a_file(folder: Path, name: str, count: int, split: str = "train", asks: str = "") -> Path:
    "Write a data set of so many samples."
    path = folder / f"{name}.jsonl"
    write_jsonl(
        path,
        (
            {
                "id": f"{name}-{i}",
                "messages": [
                    {"role": "user", "content": asks or f"Question {i} of {name}?"},
                    {"role": "assistant", "content": f"Answer {i}."},
                ],
                "metadata": {"leaf": name, "split": split},
            }
            for i in range(count)
        ),
    )
    return path


def train(folder: Path) -> list[dict[str, Any]]:
    return list(read_jsonl(folder / "train.jsonl"))


def origins(folder: Path) -> Counter[str]:
    return Counter(row["metadata"]["leaf"] for row in train(folder))


def test_a_mix_holds_what_the_recipe_says(tmp_path: Path) -> None:
    "Whole files, parts of files exactly, copies, and earlier data by its share of the whole."
    recipe = Recipe(
        datasets=(
            Ingredient(path=a_file(tmp_path, "whole", 40)),
            Ingredient(path=a_file(tmp_path, "half", 41), times=0.5),
            Ingredient(path=a_file(tmp_path, "often", 10), times=2.5),
        ),
        replay=(
            Ingredient(path=a_file(tmp_path, "old", 300)),
            Ingredient(path=a_file(tmp_path, "older", 100)),
        ),
        replay_share=0.2,
    )
    mix(recipe, tmp_path / "mix")
    found = origins(tmp_path / "mix")
    assert (found["whole"], found["half"], found["often"]) == (40, 20, 25)
    assert found["old"] + found["older"] == round(85 * 0.25)
    assert abs(found["old"] - 3 * found["older"]) <= 3
    copies = Counter(row["id"] for row in train(tmp_path / "mix") if row["metadata"]["leaf"] == "often")
    assert set(copies.values()) == {2, 3}


def test_the_same_recipe_gives_the_same_bytes(tmp_path: Path) -> None:
    "And another seed another order of the same samples; neither is the order of the files."
    recipe = Recipe(
        datasets=(Ingredient(path=a_file(tmp_path, "a", 50)), Ingredient(path=a_file(tmp_path, "b", 50)))
    )
    mix(recipe, tmp_path / "one")
    mix(recipe, tmp_path / "two")
    mix(recipe.model_copy(update={"seed": 7}), tmp_path / "three")
    assert sha256_of(tmp_path / "one" / "train.jsonl") == sha256_of(tmp_path / "two" / "train.jsonl")
    ids = [[row["id"] for row in train(tmp_path / name)] for name in ("one", "three")]
    assert ids[0] != ids[1]
    assert sorted(ids[0]) == sorted(ids[1])
    halves = Counter(row[0] for row in ids[0][:50])
    assert 10 < halves["a"] < 40


def test_knowledge_is_not_lost_among_skills(tmp_path: Path) -> None:
    "It is taken so often that it makes up the share that is asked for."
    recipe = Recipe(
        datasets=(
            Ingredient(path=a_file(tmp_path, "skills", 1000)),
            Ingredient(path=a_file(tmp_path, "facts", 5), is_knowledge=True),
        )
    )
    mix(recipe, tmp_path / "mix")
    assert origins(tmp_path / "mix")["facts"] == 30


def test_held_back_samples_stay_apart(tmp_path: Path) -> None:
    "Dev and test samples go into files of their own, once each, whatever is sampled."
    recipe = Recipe(
        datasets=(
            Ingredient(path=a_file(tmp_path, "a", 10), times=3),
            Ingredient(path=a_file(tmp_path, "b", 4, split="test"), times=3),
            Ingredient(path=a_file(tmp_path, "c", 3, split="dev"), times=3),
        )
    )
    made = mix(recipe, tmp_path / "mix")
    assert [made.rows(f"{split}.jsonl") for split in ("train", "dev", "test")] == [30, 3, 4]


def test_what_is_tested_anywhere_is_trained_on_nowhere(tmp_path: Path) -> None:
    "A question of one leaf's test leaves the others' training, also out of earlier data; and it is counted."
    asked = "How high is Olympus Mons?"
    recipe = Recipe(
        datasets=(
            Ingredient(path=a_file(tmp_path, "a", 1, split="test", asks=asked)),
            Ingredient(path=a_file(tmp_path, "b", 1, asks=" how high is OLYMPUS MONS ")),
            Ingredient(path=a_file(tmp_path, "c", 5)),
        ),
        replay=(Ingredient(path=a_file(tmp_path, "d", 1, asks=asked)),),
        replay_share=0.15,
    )
    made = mix(recipe, tmp_path / "mix")
    assert origins(tmp_path / "mix") == Counter(c=5)
    left_out = {each["name"]: each["left_out"] for each in made.manifest["ingredients"]}
    assert left_out == {
        "a.jsonl": {},
        "b.jsonl": {"asks what is held back": 1},
        "c.jsonl": {},
        "d.jsonl": {"asks what is held back": 1},
    }


@given(
    st.lists(st.tuples(st.integers(0, 2000), st.floats(0.01, 20)), min_size=1, max_size=6),
    st.lists(st.tuples(st.integers(0, 2000), st.floats(0.01, 20)), max_size=4),
    st.floats(0, 0.9),
)
def test_portions_come_out(new: list[tuple[int, float]], old: list[tuple[int, float]], share: float) -> None:
    "Each is what was wanted to within one sample, and replay has its share as far as there is any."
    counts = {Path(f"{kind}{i}"): n for kind, all_ in (("n", new), ("o", old)) for i, (n, _) in enumerate(all_)}
    recipe = Recipe(
        datasets=tuple(Ingredient(path=Path(f"n{i}"), times=times) for i, (_, times) in enumerate(new)),
        replay=tuple(Ingredient(path=Path(f"o{i}"), times=times) for i, (_, times) in enumerate(old)),
        replay_share=share,
    )
    portions = portions_of(recipe, counts.__getitem__)
    fresh = [portion for portion in portions if not portion.is_replay]
    for portion, (count, times) in zip(fresh, new, strict=True):
        assert abs(portion.taken - count * times) <= 0.5
        assert 0 <= portion.rest < max(portion.there, 1)
    replayed = sum(portion.taken for portion in portions if portion.is_replay)
    wanted = sum(portion.taken for portion in fresh) * share / (1 - share)
    if any(count for count, _ in old):
        assert abs(replayed - wanted) <= len(old) * 0.5 + 1e-6
    else:
        assert replayed == 0


def test_a_mix_is_whole_or_not_there(tmp_path: Path) -> None:
    "The manifest names every file by its digest; nothing else is left in the folder."
    mix(Recipe(datasets=(Ingredient(path=a_file(tmp_path, "a", 10)),)), tmp_path / "mix")
    manifest = read_manifest(tmp_path / "mix")
    assert manifest is not None
    assert is_whole(tmp_path / "mix", manifest)
    assert sorted(path.name for path in (tmp_path / "mix").iterdir()) == [
        "dev.jsonl",
        "manifest.json",
        "test.jsonl",
        "train.jsonl",
    ]
    (tmp_path / "mix" / "train.jsonl").write_text("{}\n")
    assert not is_whole(tmp_path / "mix", manifest)


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("datasets: []", "datasets: Tuple should have at least 1 item"),
        ("datasets: [{path: a.jsonl, tims: 2}]", "datasets.0.tims: Extra inputs are not permitted"),
        ("datasets: [{path: a.jsonl}]\nreplay_share: 1.0", "replay_share: Input should be less than 1"),
        ("a: [", "this is not YAML"),
    ],
)
def test_a_recipe_with_a_mistake_says_which(tmp_path: Path, text: str, says: str) -> None:
    "By the name of the setting."
    path = tmp_path / "recipe.yaml"
    path.write_text(text)
    with pytest.raises(RecipeError) as error:
        read_recipe(path)
    assert says in str(error.value)


def test_other_data_than_the_recipe_says_is_refused(tmp_path: Path) -> None:
    "A digest that differs, a file that is missing, a line that is none."
    path = a_file(tmp_path, "a", 3)
    recipe = tmp_path / "recipe.yaml"
    recipe.write_text(json.dumps({"datasets": [{"path": "a.jsonl", "sha256": sha256_of(path)}]}))
    mix(read_recipe(recipe), tmp_path / "mix")
    path.write_text(path.read_text() + "[]\n")
    with pytest.raises(RecipeError, match="holds something else"):
        mix(read_recipe(recipe), tmp_path / "mix")
    with pytest.raises(DatasetError, match=r"a\.jsonl, line 4: this is no JSON object"):
        mix(Recipe(datasets=(Ingredient(path=path),)), tmp_path / "other")
    path.unlink()
    with pytest.raises(RecipeError, match="is not there"):
        mix(read_recipe(recipe), tmp_path / "mix")


_MEASURE = """
import resource, sys
from pathlib import Path
from pipeline.mixing import mix
from pipeline.recipes import Ingredient, Recipe
mix(Recipe(datasets=(Ingredient(path=Path(sys.argv[1])),)), Path(sys.argv[2]))
print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)
"""


def test_memory_does_not_grow_with_the_samples(tmp_path: Path) -> None:
    "Twenty times as many samples need no more than a few MiB more."

    def peak_mib(count: int) -> float:
        path = a_file(tmp_path, f"many{count}", count)
        argv = [sys.executable, "-c", _MEASURE, str(path), str(tmp_path / f"mix{count}")]
        return int(subprocess.run(argv, capture_output=True, check=True, text=True).stdout) / 1024

    assert resource.getpagesize()
    assert peak_mib(40_000) - peak_mib(2_000) < 12
