"""The placement rule: which tree, which folder, which name."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from checks.contribution import FileStatus
from checks.findings import Severity
from checks.taxonomy_paths import better_name, is_good_name
from tests.checks.contributions import (
    GROUNDED_PATH,
    KNOWLEDGE_PATH,
    SKILL_PATH,
    a_file,
    a_knowledge,
    a_skill,
    attribution,
    causes,
    contribution_of,
    findings_of,
)

WELL_PLACED = {
    "a skill": (SKILL_PATH, a_skill()),
    "a grounded skill": (GROUNDED_PATH, a_skill(grounded=True)),
    "a knowledge leaf": (KNOWLEDGE_PATH, a_knowledge()),
    "a leaf below a category": ("knowledge/technology/compilers/qna.yaml", a_knowledge()),
    "a workflow": (".github/workflows/qna.yaml", "x"),
    "an example of the documentation": ("docs/template/qna.yaml", "x"),
    "the readme of a tree": ("knowledge/README.md", "# Knowledge"),
    "a .gitignore": ("knowledge/science/animals/.gitignore", ""),
}


@pytest.mark.parametrize("file", WELL_PLACED.values(), ids=WELL_PLACED)
def test_what_lies_well_is_left_alone(file: tuple[str, str]) -> None:
    assert findings_of("placement", contribution_of(file)) == []


FOUNDATIONAL = "foundational_skills/reasoning/logic/qna.yaml"


def test_foundational_skills_are_refused_kindly_and_once() -> None:
    contribution = contribution_of(
        (FOUNDATIONAL, a_skill()), (FOUNDATIONAL.replace("qna.yaml", "attribution.txt"), attribution())
    )

    [finding] = findings_of("placement", contribution)

    assert finding.cause.id == "placement/foundational"
    assert finding.severity is Severity.ERROR
    assert (finding.path, finding.line, finding.column) == (FOUNDATIONAL, 1, 1)
    assert "Thank you" in finding.message


def test_maintainers_may_change_foundational_skills() -> None:
    assert findings_of("placement", contribution_of((FOUNDATIONAL, a_skill()), author_is_maintainer=True)) == []


MISPLACED = {
    "at the top": ("qna.yaml", "placement/wrong-root", ""),
    "a misspelt root": (
        "knowlege/science/birds/qna.yaml",
        "placement/wrong-root",
        "knowledge/science/birds/qna.yaml",
    ),
    "a shortened root": (
        "skills/writing/rhymes/qna.yaml",
        "placement/wrong-root",
        "compositional_skills/writing/rhymes/qna.yaml",
    ),
    "a root with hyphens": (
        "compositional-skills/writing/rhymes/qna.yaml",
        "placement/wrong-root",
        "compositional_skills/writing/rhymes/qna.yaml",
    ),
    "a root in capitals": (
        "Knowledge/science/birds/qna.yaml",
        "placement/wrong-root",
        "knowledge/science/birds/qna.yaml",
    ),
    "a folder around the root": (
        "taxonomy/knowledge/science/birds/qna.yaml",
        "placement/wrong-root",
        "`knowledge/science/birds/qna.yaml`",
    ),
    "a root of its own": ("heron/birds/qna.yaml", "placement/wrong-root", "knowledge/"),
    "another ending": ("knowledge/science/birds/qna.yml", "placement/wrong-file-name", "Rename"),
    "capitals": ("knowledge/science/birds/QNA.yaml", "placement/wrong-file-name", "Rename"),
    "two endings": ("knowledge/science/birds/qna.yaml.txt", "placement/wrong-file-name", "Rename"),
    "a copy": ("knowledge/science/birds/qna (1).yaml", "placement/wrong-file-name", "Rename"),
    "another name": ("knowledge/science/birds/heron.yaml", "placement/wrong-file-name", "Rename"),
    "in a category": (
        "knowledge/science/qna.yaml",
        "placement/in-category",
        "knowledge/science/ornithology/qna.yaml",
    ),
    "in a root": ("knowledge/qna.yaml", "placement/in-category", "knowledge/ornithology/qna.yaml"),
    "in a category of the grounded skills": (
        "compositional_skills/grounded/writing/qna.yaml",
        "placement/in-category",
        "compositional_skills/grounded/writing/ornithology/qna.yaml",
    ),
}


@pytest.mark.parametrize(("path", "cause", "remedy"), MISPLACED.values(), ids=MISPLACED)
def test_a_leaf_in_a_wrong_place_is_an_error_with_a_better_one(path: str, cause: str, remedy: str) -> None:
    [finding] = findings_of("placement", contribution_of((path, a_knowledge())))

    assert finding.cause.id == cause
    assert finding.severity is Severity.ERROR
    assert (finding.path, finding.line, finding.column) == (path, 1, 1)
    assert remedy in finding.how_to_fix


def test_a_second_file_beside_the_leaf_is_not_told_to_take_its_name() -> None:
    folder = KNOWLEDGE_PATH.rpartition("/")[0]
    contribution = contribution_of((KNOWLEDGE_PATH, a_knowledge()), (f"{folder}/qna.yml", a_knowledge()))

    [finding] = findings_of("placement", contribution)

    assert finding.cause.id == "placement/wrong-file-name"
    assert "already" in finding.how_to_fix


ABOVE = "knowledge/science/animals/qna.yaml"


def test_a_leaf_below_a_leaf_of_the_tree_is_an_error() -> None:
    [finding] = findings_of(
        "placement", contribution_of((KNOWLEDGE_PATH, a_knowledge()), tree={ABOVE, KNOWLEDGE_PATH})
    )

    assert finding.cause.id == "placement/nested"
    assert finding.severity is Severity.ERROR
    assert (finding.path, finding.line) == (KNOWLEDGE_PATH, 1)
    assert ABOVE in finding.message


def test_a_leaf_above_a_leaf_of_the_tree_is_an_error() -> None:
    [finding] = findings_of("placement", contribution_of((ABOVE, a_knowledge()), tree={ABOVE, KNOWLEDGE_PATH}))

    assert finding.cause.id == "placement/nested"
    assert finding.path == ABOVE
    assert KNOWLEDGE_PATH in finding.message


def test_a_removed_leaf_lies_nowhere() -> None:
    gone = [
        a_file(path, None, status=FileStatus.REMOVED)
        for path in ("knowledge/science/qna.yaml", FOUNDATIONAL, "knowledge/science/birds/qna.yml", "qna.yaml")
    ]

    assert findings_of("placement", contribution_of(*gone)) == []


NAMES = {
    "capitals": ("knowledge/science/Herons/grey/qna.yaml", "knowledge/science/herons/grey/qna.yaml"),
    "hyphens": ("knowledge/science/grey-heron/x/qna.yaml", "knowledge/science/grey_heron/x/qna.yaml"),
    "blanks": ("knowledge/science/grey heron/x/qna.yaml", "knowledge/science/grey_heron/x/qna.yaml"),
    "accents": ("knowledge/science/héron/x/qna.yaml", "knowledge/science/heron/x/qna.yaml"),
    "another script": ("knowledge/science/鷺/x/qna.yaml", ""),
}


@pytest.mark.parametrize(("path", "better"), NAMES.values(), ids=NAMES)
def test_a_folder_name_that_is_not_snake_case_is_a_warning(path: str, better: str) -> None:
    [finding] = findings_of("placement", contribution_of((path, a_knowledge())))

    assert finding.cause.id == "placement/folder-name"
    assert finding.severity is Severity.WARNING
    assert better in finding.how_to_fix


def test_an_old_folder_name_is_no_matter_of_who_changes_the_leaf() -> None:
    changed = a_file("knowledge/science/Grey-Heron/x/qna.yaml", a_knowledge(), status=FileStatus.MODIFIED)

    assert findings_of("placement", contribution_of(changed)) == []


def test_a_grounded_skill_outside_a_grounded_folder_is_a_notice() -> None:
    [finding] = findings_of("placement", contribution_of((SKILL_PATH, a_skill(grounded=True))))

    assert finding.cause.id == "placement/not-in-grounded"
    assert finding.severity is Severity.NOTICE


def seeds(*contexts: bool) -> list[dict[str, Any]]:
    return [
        {**({"context": "A page."} if has else {}), "question": f"Who {n}?", "answer": "She."}
        for n, has in enumerate(contexts)
    ]


MIXTURES = {
    "one has a context": (seeds(False, False, True, False, False), 3, "has a context"),
    "one has none": (seeds(True, True, True, False, True), 4, "has no context"),
}


@pytest.mark.parametrize(("examples", "odd", "words"), MIXTURES.values(), ids=MIXTURES)
def test_a_mixture_of_contexts_is_a_warning_at_the_odd_one(examples: Any, odd: int, words: str) -> None:
    text = a_skill(seed_examples=examples)
    starts = [n for n, line in enumerate(text.splitlines(), 1) if line.startswith("  - ")]

    [finding] = findings_of("placement", contribution_of((SKILL_PATH, text)))

    assert finding.cause.id == "placement/mixed-contexts"
    assert finding.severity is Severity.WARNING
    assert (finding.line, finding.column) == (starts[odd - 1], 5)
    assert words in finding.message


STRANGERS = {
    "a document": ("heron.md", "placement/document-here"),
    "a readme": ("README.md", "placement/document-here"),
    "a paper": ("heron.PDF", "placement/document-here"),
    "a picture": ("heron.png", "placement/document-here"),
    "a file of a Mac": (".DS_Store", "placement/other-file"),
    "a table": ("birds.csv", "placement/other-file"),
}


@pytest.mark.parametrize(("name", "cause"), STRANGERS.values(), ids=STRANGERS)
def test_other_files_in_the_tree_are_a_kind_warning(name: str, cause: str) -> None:
    path = f"{KNOWLEDGE_PATH.rpartition('/')[0]}/{name}"

    [finding] = findings_of("placement", contribution_of((KNOWLEDGE_PATH, a_knowledge()), (path, b"\0\1")))

    assert finding.cause.id == cause
    assert finding.severity is Severity.WARNING
    assert finding.path == path


def test_a_misnamed_attribution_file_is_left_to_its_own_rule() -> None:
    assert findings_of("placement", contribution_of(("knowledge/science/birds/attribute.txt", "x"))) == []


def test_several_faults_of_one_leaf_are_all_told() -> None:
    found = findings_of("placement", contribution_of(("knowledge/Science/qna.yaml", a_knowledge())))

    assert sorted(causes(found)) == ["placement/folder-name", "placement/in-category"]


@settings(max_examples=100, deadline=None)
@given(
    st.lists(
        st.one_of(st.text(min_size=1, max_size=8), st.sampled_from(["knowledge", "qna.yaml"])),
        min_size=1,
        max_size=5,
    ),
    st.binary(max_size=80),
)
def test_no_path_crashes_it(steps: list[str], content: bytes) -> None:
    path = "/".join(steps)
    findings_of("placement", contribution_of(a_file(path, content), tree={path, "knowledge/a/b/qna.yaml"}))


@given(st.text(max_size=30))
def test_a_better_name_is_a_good_one(folder: str) -> None:
    name = better_name(folder)

    assert name == "" or is_good_name(name)
