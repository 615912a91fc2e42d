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

from pipeline.datasets import (
    DatasetError,
    is_whole,
    read_jsonl,
    read_manifest,
    sha256_of,
    write_jsonl,
    write_manifest,
)
from pipeline.held_back import telling_words
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


def a_sample(
    asks: str, split: str = "train", leaf: str = "a", seed_digest: str = "", answer: str = "Yes."
) -> dict[str, Any]:
    messages = [{"role": "user", "content": asks}, {"role": "assistant", "content": answer}]
    return {"messages": messages, "metadata": {"leaf": leaf, "split": split, "seed_digest": seed_digest}}


def asked(folder: Path) -> list[str]:
    return sorted(row["messages"][0]["content"] for row in train(folder))


@pytest.mark.parametrize(
    ("one", "other", "is_same"),
    [
        ("Which is the largest moon of Saturn?", "which is the LARGEST moon for Saturn", True),
        ("Which is Saturn’s largest inner moon?", "Which is Saturn's largest inner moon?", True),
        ("How many people lived in Ashby in 1204?", "How many people lived in Ashby in 1205?", False),
        ("Which is the largest moon of Saturn?", "Which is the largest moon of Jupiter?", False),
        ("Is it on?", "Is it off?", False),
        ("Где находится самый большой вулкан?", "где находится самый большой вулкан", True),
        ("最大的火山在哪里?", "最大的火山在哪里", True),
        ("最大的火山在哪里?", "最大的海在哪里?", False),
    ],
)
def test_a_question_is_known_again_by_the_words_that_tell(one: str, other: str, is_same: bool) -> None:
    "Case, punctuation and little words do not matter; a number or a name does."
    assert (telling_words(one) == telling_words(other)) is is_same


@given(st.text(alphabet=st.characters(max_codepoint=127)))
def test_the_quick_way_for_plain_text_finds_the_same_words(text: str) -> None:
    "A question in ASCII has the words that it has beside a letter which is not."
    slow = [word for word in telling_words(f"{text} größer größer größer größer").split() if word.isascii()]
    quick = telling_words(f"{text} bigger bigger bigger bigger").split()
    assert slow == quick[:-4]


def test_what_the_model_is_measured_with_is_trained_on_nowhere(tmp_path: Path) -> None:
    "Multiple choice questions beside a data set, and files that the recipe names, hold back near copies."
    leaf = tmp_path / "generated" / "moons"
    leaf.mkdir(parents=True)
    samples = [a_sample("Which is the largest moon of Saturn?"), a_sample("What are the moons of Mars called?")]
    files = [write_jsonl(leaf / "samples.jsonl", samples)]
    files += [write_jsonl(leaf / "questions.jsonl", [{"question": "Which is the largest moon for Saturn?"}])]
    write_manifest(leaf, {"leaf": "knowledge/moons/qna.yaml", "licences": ["CC-BY-4.0"]}, files)
    write_jsonl(tmp_path / "other.jsonl", [a_sample("How high is Olympus Mons today?"), a_sample("Who was Orm?")])
    write_jsonl(tmp_path / "exam.jsonl", [a_sample("how high is olympus mons today")])
    recipe = tmp_path / "recipe.yaml"
    recipe.write_text("datasets: [{path: generated/moons}, {path: other.jsonl}]\ntests: [{path: exam.jsonl}]\n")

    made = mix(read_recipe(recipe), tmp_path / "mix")

    assert asked(tmp_path / "mix") == ["What are the moons of Mars called?", "Who was Orm?"]
    assert [each["left_out"] for each in made.manifest["ingredients"]] == [{"asks what is held back": 1}] * 2
    assert [each["name"] for each in made.manifest["tests"]] == ["exam.jsonl", "generated/moons: questions.jsonl"]


def test_no_paraphrase_of_what_is_tested_comes_back_as_earlier_data(tmp_path: Path) -> None:
    "What was made from a seed example that is held back now is left out, however it is worded; of that leaf only."
    write_jsonl(
        tmp_path / "new.jsonl", [a_sample("Q1?", "test", seed_digest="aa"), a_sample("Q2?", "dev", "a", "bb")]
    )
    write_jsonl(tmp_path / "more.jsonl", [a_sample("Q3?", seed_digest="cc")])
    earlier = [
        a_sample(f"Worded otherwise {seed}?", leaf=leaf, seed_digest=seed) for leaf in "ab" for seed in ("aa", "bb")
    ]
    write_jsonl(tmp_path / "old.jsonl", earlier)
    recipe = Recipe(
        datasets=(Ingredient(path=tmp_path / "new.jsonl"), Ingredient(path=tmp_path / "more.jsonl")),
        replay=(Ingredient(path=tmp_path / "old.jsonl"),),
        replay_share=0.7,
    )
    made = mix(recipe, tmp_path / "mix")
    assert asked(tmp_path / "mix") == ["Q3?", "Worded otherwise aa?", "Worded otherwise bb?"]
    assert {row["metadata"]["leaf"] for row in train(tmp_path / "mix")} == {"a", "b"}
    assert made.manifest["ingredients"][2]["left_out"] == {"made from a seed example that is held back": 2}


def test_a_split_is_found_however_it_is_written(tmp_path: Path) -> None:
    "With blanks, or with letters that JSON lets one write as numbers."
    (tmp_path / "a.jsonl").write_text(
        '{"messages": [{"role": "user", "content": "Who held the bridge of Ashby?"}], '
        '"metadata": {"split": "\\u0074est"}}\n'
        '{"messages": [{"role": "user", "content": "who held the bridge of ashby"}]}\n'
        '  {"messages": [{"role": "user", "content": "Who else?"}]}  \n\n'
    )
    mix(Recipe(datasets=(Ingredient(path=tmp_path / "a.jsonl"),)), tmp_path / "mix")
    assert asked(tmp_path / "mix") == ["Who else?"]
    assert len(list(read_jsonl(tmp_path / "mix" / "test.jsonl"))) == 1


def test_the_manifest_tells_the_licences_of_all_sources(tmp_path: Path) -> None:
    "As the manifests beside the data sets have them; those of a file that none names are not known."
    for name, licences in (("moons", ["CC-BY-4.0"]), ("words", ["CC0-1.0", "CC-BY-4.0"])):
        (tmp_path / name).mkdir()
        file = write_jsonl(tmp_path / name / "samples.jsonl", [a_sample(f"What of {name}?")])
        write_manifest(tmp_path / name, {"leaf": f"{name}/qna.yaml", "licences": licences}, [file])
    write_jsonl(tmp_path / "words" / "other.jsonl", [a_sample("Whence?")])
    paths = ("moons/samples.jsonl", "words/samples.jsonl", "words/other.jsonl")
    recipe = Recipe(datasets=tuple(Ingredient(path=tmp_path / path) for path in paths))

    manifest = mix(recipe, tmp_path / "mix").manifest

    assert manifest["licences"] == ["CC-BY-4.0", "CC0-1.0"]
    assert [each["licences"] for each in manifest["ingredients"]] == [["CC-BY-4.0"], ["CC0-1.0", "CC-BY-4.0"], None]
    assert [each.get("leaf") for each in manifest["ingredients"]] == ["moons/qna.yaml", "words/qna.yaml", None]
    again = mix(Recipe(datasets=(Ingredient(path=tmp_path / "mix" / "train.jsonl"),)), tmp_path / "next").manifest
    assert again["licences"] == manifest["licences"]


def test_a_mix_that_stands_is_left_alone(tmp_path: Path) -> None:
    "Until the recipe, a file or the mix itself is another, or somebody asks for it."
    path = a_file(tmp_path, "a", 10)
    recipe, folder = Recipe(datasets=(Ingredient(path=path),)), tmp_path / "mix"
    assert not mix(recipe, folder).is_old
    assert mix(recipe, folder).is_old
    assert not mix(recipe, folder, again=True).is_old
    assert not mix(recipe.model_copy(update={"seed": 7}), folder).is_old
    assert not mix(recipe, folder).is_old
    with (folder / "train.jsonl").open("a") as train_file:
        train_file.write("{}\n")
    assert not mix(recipe, folder).is_old
    a_file(tmp_path, "a", 11)
    assert mix(recipe, folder).rows("train.jsonl") == 11


def test_a_mix_that_was_cut_short_leaves_nothing_half(tmp_path: Path) -> None:
    "The last line is none: no file, no bucket; put right, the next run is like a first."
    path, folder = a_file(tmp_path, "a", 10), tmp_path / "mix"
    whole = path.read_bytes()
    path.write_bytes(whole + b'{"messages": [')
    recipe = Recipe(datasets=(Ingredient(path=path),))
    with pytest.raises(DatasetError, match="line 11: this is not JSON"):
        mix(recipe, folder)
    assert list(folder.iterdir()) == []
    (folder / ".mixing").mkdir()  # as kill -9 leaves it
    (folder / ".mixing" / "00").write_text("rubbish")
    path.write_bytes(whole)
    assert mix(recipe, folder).rows("train.jsonl") == 10
    assert not (folder / ".mixing").exists()


def test_a_file_that_changes_meanwhile_makes_no_mix(tmp_path: Path) -> None:
    "The manifest would say what is not so; so there is none, and the next run mixes anew."
    path, folder = a_file(tmp_path, "a", 10), tmp_path / "mix"

    def told(share: float, stage: str) -> None:
        if stage.startswith("taking"):
            a_file(tmp_path, "a", 11)

    with pytest.raises(DatasetError, match="changed while it was mixed"):
        mix(Recipe(datasets=(Ingredient(path=path),)), folder, told)
    assert read_manifest(folder) is None
    assert not mix(Recipe(datasets=(Ingredient(path=path),)), folder).is_old


def test_two_do_not_mix_into_one_folder(tmp_path: Path) -> None:
    "The second is told so, and the first is not disturbed."
    recipe = Recipe(datasets=(Ingredient(path=a_file(tmp_path, "a", 10)),))
    refused: list[str] = []

    def told(share: float, stage: str) -> None:
        if not refused:
            with pytest.raises(DatasetError) as error:
                mix(recipe, tmp_path / "mix")
            refused.append(str(error.value))

    assert mix(recipe, tmp_path / "mix", told).rows("train.jsonl") == 10
    assert "another run writes here" in refused[0]


def test_progress_runs_to_the_end_and_never_back(tmp_path: Path) -> None:
    "And says what is done."
    shares: list[tuple[float, str]] = []
    mix(
        Recipe(datasets=(Ingredient(path=a_file(tmp_path, "a", 2000)),)),
        tmp_path / "mix",
        lambda *said: shares.append(said),
    )
    assert shares == sorted(shares, key=lambda said: said[0])
    assert shares[-1] == (1.0, "writing")
    assert "looking at a.jsonl" in [stage for _, stage in shares]


@pytest.mark.parametrize(
    ("line", "says"),
    [
        ('{"messages": []}', '"messages" has to be a list'),
        ('{"messages": "hello"}', '"messages" has to be a list'),
        ('{"messages": {"role": "user"}}', '"messages" has to be a list'),
        ('{"messages": [{"role": "user", "content": 3}]}', '"messages" has to be a list'),
        ('{"messages": [{"role": "user", "content": "Hm?"}], "metadata": []}', '"metadata" has to be an object'),
        (
            '{"messages": [{"role": "user", "content": "Hm?"}], "metadata": {"split": "training"}}',
            '"metadata.split" has to be one of train, dev, test',
        ),
        (
            '{"messages": [{"role": "user", "content": "Hm?"}], "metadata": {"split": ["test"]}}',
            '"metadata.split" has to be one of train, dev, test',
        ),
        ("\udcff", "this is not JSON"),
        ("[" * 5000, "this is not JSON"),
        ('{"messages": [{"role": "user", "content": "\\ud800"}]}', "this is not JSON"),
    ],
)
def test_a_line_that_is_no_sample_is_named(tmp_path: Path, line: str, says: str) -> None:
    "By file and number, and nothing is silently lost."
    path = a_file(tmp_path, "a", 2)
    path.write_bytes(path.read_bytes() + b"\n" + line.encode("utf-8", "surrogateescape") + b"\n")
    with pytest.raises(DatasetError) as error:
        mix(Recipe(datasets=(Ingredient(path=path),)), tmp_path / "mix")
    assert f"{path}, line 4: {says}" in str(error.value)


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
