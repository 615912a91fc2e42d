"""What the documentation shows works as it stands there."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path, PurePosixPath
from types import ModuleType
from typing import Any

import jinja2
import pytest
import yaml

from bot.commands.registry import RefusedError
from bot.labels import Label
from checks.contribution import ChangedFile, Commit, Contribution, FileStatus, Identity, read_contribution
from checks.findings import Severity
from checks.policy import POLICY_PATH, default_policy, read_policy
from checks.run import judge
from pipeline.sdg.rows import Row, Split
from tests.checks.contributions import a_skill, skill_of
from tests.docs.sources import ROOT, Block, blocks

EXTENDING = {block.path: block.code for block in blocks("extending.md") if block.path}


def module_of(path: str) -> ModuleType:
    "Run the example as the module that it would be."
    module = ModuleType(path.removesuffix(".py").replace("/", "."))
    sys.modules[module.__name__] = module  # where dataclasses look up the annotations of what is in it
    try:
        exec(compile(EXTENDING[path], path, "exec"), module.__dict__)
    finally:
        del sys.modules[module.__name__]
    return module


def leaf_of(page: str) -> Contribution:
    "What a contributor hands in who copies the page's blocks, and signs the commit off."
    ana = Identity("Ana Sample", "ana@example.org")
    commit = Commit("c" * 40, "Add it\n\nSigned-off-by: Ana Sample <ana@example.org>\n", ana, ana)
    shown = [block for block in blocks(page) if PurePosixPath(block.path).name in ("qna.yaml", "attribution.txt")]
    assert len(shown) == 2
    files = [
        ChangedFile(block.path, FileStatus.ADDED, block.code.encode(), len(block.code.encode())) for block in shown
    ]
    return read_contribution(files, author="your-github-name", commits=(commit,))


@pytest.mark.parametrize("page", ["contributors/write-a-skill.md", "contributors/write-knowledge.md"])
def test_the_contribution_that_is_shown_passes_every_rule(page: str) -> None:
    "Not even a suggestion: whoever copies it begins with a green check."
    verdict = judge(leaf_of(page), default_policy())
    assert not verdict.crashes
    assert [(f.cause.id, f.path, f.line) for f in verdict.findings if f.severity is not Severity.NOTICE] == []


def test_a_broken_example_would_be_noticed() -> None:
    "The judge above is the real one: with an example less it says so."
    contribution = leaf_of("contributors/write-a-skill.md")
    (leaf,) = contribution.leaves
    (file,) = (file for file in contribution.files if file.path == leaf.path)
    assert file.content is not None
    less = file.content[: file.content.rindex(b"  - question")]
    shorter = read_contribution([ChangedFile(file.path, file.status, less, len(less))], author="ana")
    assert "counts/too-few-examples" in {f.cause.id for f in judge(shorter, default_policy()).findings}


@pytest.mark.parametrize("block", [b for b in blocks() if b.language == "yaml"], ids=lambda b: b.path or b.page)
def test_every_yaml_that_is_shown_can_be_read(block: Block) -> None:
    "A policy by the reader of policies, too."
    assert yaml.safe_load(block.code)
    if block.path == POLICY_PATH:
        read_policy(block.code)


def test_the_rule_that_is_shown_finds_what_it_is_for() -> None:
    "A pure function of a contribution."
    rule = module_of("checks/rules/full_stop.py").full_stop
    pair = {"question": "Shorten: the heron stands.", "answer": "The heron stands"}
    contribution = skill_of(a_skill(seed_examples=[pair]))
    (found,) = rule.find(contribution, default_policy())
    (pair_found,) = contribution.leaves[0].pairs
    assert (found.cause.id, found.line) == ("full-stop/missing", pair_found.answer.mark.line)
    whole = skill_of(a_skill(seed_examples=[pair | {"answer": "The heron stands."}]))
    assert list(rule.find(whole, default_policy())) == []


def test_the_command_that_is_shown_decides() -> None:
    "It says thank you once there is something to thank for."

    class Merged:
        is_merged, author = True, "ana"

    class Open(Merged):
        is_merged = False

    command = module_of("bot/commands/thanks.py").thanks
    decide: Callable[..., Any] = command.decide
    assert decide(Merged(), "")[0].text == "Thank you, `ana`!"
    with pytest.raises(RefusedError, match="not merged yet"):
        decide(Open(), "")


async def test_the_page_that_is_shown_is_one() -> None:
    "Its facts fill its template."
    page = module_of("bot/dashboard/pages/labels.py").labels
    shown = await page.show(None)
    templates = {
        "base.html": "{% block content %}{% endblock %}",
        shown.template: EXTENDING["bot/dashboard/templates/labels.html"],
    }
    environment = jinja2.Environment(loader=jinja2.DictLoader(templates), autoescape=True)
    html = environment.get_template(shown.template).render(**shown.facts)
    assert html.count("<dt>") == len(Label)
    assert "<dt>triage-needed</dt><dd>It waits for a triager to look at it.</dd>" in html


async def test_the_resource_that_is_shown_answers() -> None:
    "With one entry for each label."
    resource = module_of("bot/dashboard/resources/labels.py").labels
    assert resource.path == "/labels"
    assert {item.name for item in (await resource.answer(None)).items} == {label.value for label in Label}


async def test_the_block_that_is_shown_cuts() -> None:
    "After the first sentence."
    kind = module_of("pipeline/sdg/blocks/first_sentence.py").FirstSentence
    block = kind(name="short", block="first_sentence", text="answer")
    row = Row((0,), 0, Split.TRAIN, {"answer": "It stands. It waits."})
    (cut,) = await block.rows_of(row, None)
    assert cut.texts["answer"] == "It stands."


def test_the_benchmark_that_is_shown_measures(tmp_path: Path) -> None:
    "As a program of its own."
    file = tmp_path / "policy_speed.py"
    file.write_text(EXTENDING["benchmarks/policy_speed.py"])
    done = subprocess.run(
        [sys.executable, str(file)],
        capture_output=True,
        text=True,
        timeout=30,
        cwd=ROOT,
        env={"PYTHONPATH": str(ROOT)},
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("read_policy: ")
