"""What a build takes in, decided from facts alone."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from bot.github.pulls import Tree
from bot.nightly.leaves import Leaf, LeafChange, leaf_of, leaves_in
from bot.nightly.licences import named_licences
from bot.nightly.plan import Bar, Base, BuildPlan, Facts, LeftOutLeaf, MergedPull, plan_of
from bot.nightly.plan_text import plan_as_text, plan_from_text
from tests.checks.contributions import attribution

NOW = datetime(2026, 1, 5, 2, tzinfo=UTC)
OTTER, VOLE = "knowledge/animals/otter", "knowledge/animals/vole"


def leaves(**shas: str) -> dict[str, Leaf]:
    "Leaves otter, vole ... with these contents."
    return {f"knowledge/animals/{name}": Leaf(f"knowledge/animals/{name}", sha) for name, sha in shas.items()}


def merged(number: int, *folders: str, author: str = "ana") -> MergedPull:
    "A merged pull request that changes the leaves in these folders."
    paths = tuple(f"{folder}/qna.yaml" for folder in folders)
    return MergedPull(number, author, number, f"{number:040}", NOW + timedelta(hours=number), paths=paths)


def planned(
    before: dict[str, Leaf],
    after: dict[str, Leaf],
    *pulls: MergedPull,
    barred: dict[str, Bar] | None = None,
    was_out: tuple[LeftOutLeaf, ...] = (),
) -> BuildPlan:
    "The plan after a good build of `before`."
    base = Base("2026-01-04", "b" * 40, was_out)
    return plan_of(Facts(1, "a" * 40, base, after, before, pulls, barred or {}))


def told(plan: BuildPlan) -> list[tuple[str, str, tuple[int, ...]]]:
    "Its leaves: what became of each, and from where."
    return [(leaf.change.value, leaf.path.rpartition("/")[2], leaf.pulls) for leaf in plan.leaves]


def test_leaves_are_new_changed_removed_or_as_before() -> None:
    "Each with the pull requests that touched it."
    plan = planned(
        leaves(otter="1", vole="1", shrew="1", mole="1"),
        leaves(otter="2", vole="1", mole="1", bat="1"),
        merged(1, OTTER),
        merged(2, "knowledge/animals/shrew", OTTER, author="ben"),
        merged(3, "knowledge/animals/bat"),
    )
    assert told(plan) == [("new", "bat", (3,)), ("changed", "otter", (1, 2)), ("removed", "shrew", (2,))]
    assert plan.leaves[1].authors == ("ana", "ben")
    assert plan.unchanged == 2
    assert [pull.number for pull in plan.pulls] == [1, 2, 3]
    assert plan.left_out_pulls == ()


def test_what_was_reverted_is_out_with_the_reason() -> None:
    "The leaf is as it was: neither the pull request nor its revert is in the build."
    plan = planned(leaves(otter="1"), leaves(otter="1"), merged(1, OTTER, VOLE), merged(2, OTTER, VOLE))
    assert plan.is_empty
    assert [pull.number for pull in plan.left_out_pulls] == [1, 2]
    assert "reverted" in plan.left_out_pulls[0].reason


def test_what_teaches_nothing_is_out_with_the_reason() -> None:
    "Documentation is merged, too."
    docs = MergedPull(1, "ana", 1, "c" * 40, NOW, paths=("docs/README.md",))
    plan = planned(leaves(otter="1"), leaves(otter="2"), docs, merged(2, OTTER))
    assert [(pull.number, pull.reason) for pull in plan.left_out_pulls] == [(1, "it changes no leaf")]


def test_a_leaf_that_is_barred_leaves_the_build_again() -> None:
    "It was in the last good build: without it there is something to build."
    plan = planned(
        leaves(otter="1", vole="1"), leaves(otter="1", vole="1"), barred={OTTER: Bar("#7 is on legal hold", (7,))}
    )
    assert told(plan) == [("removed", "otter", (7,))]
    assert [(leaf.path, leaf.reason) for leaf in plan.left_out_leaves] == [(OTTER, "#7 is on legal hold")]


def test_a_pull_request_whose_leaves_are_all_barred_is_out() -> None:
    "One that has another leaf as well is in."
    plan = planned(
        {},
        leaves(otter="1", vole="1"),
        merged(1, OTTER),
        merged(2, OTTER, VOLE),
        barred={OTTER: Bar("quarantined")},
    )
    assert told(plan) == [("new", "vole", (2,))]
    assert [pull.number for pull in plan.pulls] == [2]
    assert [(pull.number, pull.reason) for pull in plan.left_out_pulls] == [(1, f"{OTTER}: quarantined")]


def test_a_leaf_that_is_barred_no_longer_comes_in_with_those_it_is_from() -> None:
    "Though the tree has not changed since the last good build."
    was_out = (LeftOutLeaf(OTTER, "#7 is on legal hold", (7,)),)
    plan = planned(leaves(otter="1"), leaves(otter="1"), merged(7, OTTER), was_out=was_out)
    assert told(plan) == [("new", "otter", (7,))]
    still = planned(leaves(otter="1"), leaves(otter="1"), was_out=was_out, barred={OTTER: Bar("held")})
    assert still.is_empty
    assert still.left_out_leaves == (LeftOutLeaf(OTTER, "held", (7,)),)


def test_leaves_are_found_under_the_roots_only() -> None:
    "A link in the place of a file is no leaf to read; an attribution that is one does not count."
    entries = [
        ("knowledge/a/qna.yaml", "100644"),
        ("knowledge/a/attribution.txt", "120000"),
        ("compositional_skills/b/qna.yaml", "120000"),
        ("docs/qna.yaml", "100644"),
        ("qna.yaml", "100644"),
        ("knowledge/c/qna.yml", "100644"),
    ]
    tree = Tree({"path": p, "mode": m, "type": "blob", "sha": p[-12:], "size": 1} for p, m in entries)
    found = leaves_in(tree)
    assert sorted(found) == ["compositional_skills/b", "knowledge/a"]
    assert found["knowledge/a"].attribution_sha == ""
    plan = planned({}, found)
    assert [leaf.path for leaf in plan.leaves] == ["knowledge/a"]
    assert [(leaf.path, leaf.reason) for leaf in plan.left_out_leaves] == [
        ("compositional_skills/b", "its qna.yaml is a link or a submodule, not a file")
    ]


@pytest.mark.parametrize(
    ("path", "leaf"),
    [
        (f"{OTTER}/qna.yaml", OTTER),
        (f"{OTTER}/deeper/still/notes.md", OTTER),
        (f"{OTTER}s/qna.yaml", ""),
        ("qna.yaml", ""),
        ("", ""),
    ],
)
def test_a_file_belongs_to_the_nearest_leaf_above_it(path: str, leaf: str) -> None:
    "Folders that only begin alike are others."
    assert leaf_of(path, {OTTER, VOLE}) == leaf


def test_a_plan_comes_back_from_its_text() -> None:
    "All but which files each pull request changed, whatever people call things."
    odd = 'knowledge/"naïve" \\ \U0001f600\u202e'
    plan = planned(
        leaves(otter="1"),
        leaves(vole="1") | {odd: Leaf(odd, "2", "3")},
        merged(1, OTTER),
        merged(2, odd),
        merged(3),
        barred={VOLE: Bar("held")},
    ).with_licences({"3": ("MIT", "public domain")})
    back = plan_from_text(plan_as_text(plan))
    assert plan_as_text(back) == plan_as_text(plan)
    assert (back.leaves, back.left_out_leaves, back.left_out_pulls) == (
        plan.leaves,
        plan.left_out_leaves,
        plan.left_out_pulls,
    )
    assert next(leaf for leaf in back.leaves if leaf.path == odd).licences == ("MIT", "public domain")
    assert back.count(LeafChange.NEW) == 1


@pytest.mark.parametrize(
    ("text", "names"),
    [
        (attribution(), ("CC-BY-SA-4.0",)),
        ("License of the work: cc by sa 4.0\nLicense of the work: MIT\n", ("CC-BY-SA-4.0", "MIT")),
        ("License of the work: public domain\n", ("public domain",)),
        ("License of the work: whatever\n", ("whatever",)),
        ("", ()),
        ("x" * 1_000_000, ()),
    ],
)
def test_licences_are_named_as_the_attribution_names_them(text: str, names: tuple[str, ...]) -> None:
    "By their standard names, where there are any."
    assert named_licences(text.encode()) == names
