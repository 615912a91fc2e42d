"""What docs/generation.md shows works as it stands there, and the page of flows is fresh."""

from __future__ import annotations

import re
from collections import Counter
from pathlib import Path

import pytest

from pipeline.recipes import Ingredient, Recipe
from pipeline.sdg import flow_book
from pipeline.sdg.blocks import all_blocks
from pipeline.sdg.flow import Flow, flow_names, read_flow
from pipeline.sdg.leaf_run import flows_for, run_leaf
from pipeline.sdg.samples import samples_of
from tests.sdg.leaves import a_freeform_skill, a_grounded_skill, some_knowledge
from tests.sdg.offline import OfflineTeacher

DOCS = Path(__file__).parents[2] / "docs"
PAGE = (DOCS / "generation.md").read_text(encoding="utf-8")


def shown(language: str) -> str:
    "Return the one block of code in this language."
    (found,) = re.findall(rf"```{language}\n(.*?)```", PAGE, re.DOTALL)
    return str(found)


@pytest.fixture
def own_flow(tmp_path: Path) -> Flow:
    "The flow that the page shows, with its prompt, in a folder."
    (tmp_path / "short-answers.yaml").write_text(shown("yaml"))
    (tmp_path / "short_pairs.j2").write_text(shown("jinja"))
    return read_flow(str(tmp_path / "short-answers.yaml"))


async def test_the_flow_that_is_shown_gives_samples(own_flow: Flow) -> None:
    "Written by its own prompt, short as it asks, a few of each seed example."
    teacher = OfflineTeacher()
    made = await run_leaf(a_freeform_skill(), flows_for(a_freeform_skill(), only=[own_flow]), teacher.models, 1)
    samples = [s for s in samples_of(made, "offline") if s["metadata"]["origin"] == "generated"]
    assert len(samples) >= 5
    assert {sample["metadata"]["flow"] for sample in samples} == {"short-answers"}
    assert max(Counter(sample["metadata"]["seed"] for sample in samples).values()) <= 5
    assert all(len(sample["messages"][1]["content"].split()) <= 25 for sample in samples)
    assert any("in one short sentence" in ask.messages[0].content for ask in teacher.asked)


async def test_the_flow_that_is_shown_drops_by_its_own_words(own_flow: Flow) -> None:
    "A teacher who rambles is cut down by the filter, with the reason that the file gives."
    long = f"### Question\nWhere does the word moon come from?\n### Answer\n{'word ' * 30}"
    teacher = OfflineTeacher(lambda prompt, reply: long if prompt.task == "pairs" else reply)
    made = await run_leaf(a_freeform_skill(), [own_flow], teacher.models, 1)
    short = next(count for _, count in made.counts if count.block == "short")
    assert short.dropped == Counter({"the answer is longer than 25 words": short.rows_in})


def test_the_page_of_flows_is_fresh() -> None:
    "It tells every flow and every block, as `make docs` writes it."
    assert flow_book.page() == flow_book.PAGE.read_text(encoding="utf-8")
    assert all(f"### `{name}`" in flow_book.page() for name in (*flow_names(), *all_blocks()))


def test_the_page_names_the_flows_that_leaves_go_through() -> None:
    "In the table of leaves."
    for lesson in (a_freeform_skill(), a_grounded_skill(), some_knowledge()):
        for flow in flows_for(lesson, auxiliary=True):
            assert f"`{flow.name}`" in PAGE


def test_the_page_names_every_key_of_a_recipe() -> None:
    "None is known only to who reads the code."
    for key in (*Recipe.model_fields, *(set(Ingredient.model_fields) - {"name"})):
        assert f"`{key}`" in PAGE, key


def test_links_lead_somewhere() -> None:
    "To files that are there."
    for target in re.findall(r"\]\(([^)#]+)", PAGE + flow_book.page()):
        assert (DOCS / target).exists(), target
