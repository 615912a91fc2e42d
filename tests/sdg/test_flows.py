"""Flows are data: ours are whole, somebody else's is read strictly, and every mistake is named with its line."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml

from pipeline.sdg.blocks import all_blocks
from pipeline.sdg.flow import FOLDER, FlowError, Makes, flow_names, read_flow
from pipeline.sdg.leaf_run import flows_for
from tests.sdg.leaves import a_freeform_skill, a_grounded_skill, some_knowledge

OWN = {
    "name": "own",
    "start": "seeds",
    "blocks": [
        {"name": "pairs", "block": "generate", "prompt": "pairs", "into": ["question", "answer"], "count": 2},
        {"name": "safe", "block": "safety", "texts": ["question", "answer"]},
    ],
}


def test_our_flows_can_all_be_read() -> None:
    "Each by the name of its file, with every block's prompt, and looked through before it is saved."
    for name in flow_names():
        flow = read_flow(name)
        assert flow.name == name
        assert flow.about
        assert any(block.block == "safety" for block in flow.blocks)
    assert {"knowledge", "grounded", "freeform", "simple", "mmlu"} <= set(flow_names())


def test_every_block_is_used_by_a_flow_or_documented() -> None:
    "No block exists for nothing: what our flows do not use is for those of others."
    used = {block.block for name in flow_names() for block in read_flow(name).blocks}
    assert set(all_blocks()) - used == {"parse"}


def test_a_leaf_goes_the_way_that_fits_it() -> None:
    "By its tree and by whether its examples have contexts."
    assert [flow.name for flow in flows_for(a_freeform_skill())] == ["freeform"]
    assert [flow.name for flow in flows_for(a_grounded_skill())] == ["grounded"]
    assert [flow.name for flow in flows_for(some_knowledge())] == ["knowledge", "mmlu"]
    assert [flow.name for flow in flows_for(some_knowledge(), auxiliary=True)] == ["knowledge", "summaries", "mmlu"]
    assert [flow.name for flow in flows_for(some_knowledge(), only=[read_flow("simple")])] == ["simple"]
    assert read_flow("mmlu").makes is Makes.QUESTIONS


def written(folder: Path, flow: object) -> str:
    "Write a flow into a file and return its path."
    path = folder / "own.yaml"
    path.write_text(flow if isinstance(flow, str) else yaml.safe_dump(flow, sort_keys=False))
    return str(path)


def test_a_flow_of_somebody_else_has_its_own_prompts(tmp_path: Path) -> None:
    "They lie beside it, and go into its digest."
    ours = read_flow(written(tmp_path, OWN))
    (tmp_path / "pairs.j2").write_text("TASK: pairs\nCOUNT: {{ count }}\n{{ fence('EXAMPLES', examples) }}")
    theirs = read_flow(written(tmp_path, OWN))
    assert theirs.sha256 != ours.sha256
    assert theirs.prompts["pairs"].needs == {"examples"}


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (
            lambda flow: flow["blocks"][0].update(block="genrate"),
            'line 5: there is no block "genrate". Did you mean',
        ),
        (lambda flow: flow["blocks"][0].update(promt="pairs"), 'line 11: there is no key "promt". Did you mean'),
        (lambda flow: flow["blocks"][0].update(count=0), '"count": Input should be greater'),
        (lambda flow: flow["blocks"][0].update(prompt="no_such"), 'There is no prompt "no_such"'),
        (lambda flow: flow["blocks"][0].update(prompt="judge_pair"), '"pairs" needs answer, question'),
        (lambda flow: flow["blocks"][0].update(name="safe"), 'a second block is called "safe"'),
        (lambda flow: flow["blocks"].pop(), 'has no block "safety"'),
        (lambda flow: flow["blocks"][1].update(texts=["anser"]), '"safe" needs anser'),
        (lambda flow: flow.update(start="sedes"), 'there is no start "sedes". Did you mean "seeds"'),
        (lambda flow: flow.update(makes="questions"), "no block writes gold, option_a"),
        (lambda flow: flow["blocks"].insert(0, "pairs"), 'line 4: each block has to have a "name" and a "block"'),
        (lambda flow: flow["blocks"][0].pop("block"), 'line 4: each block has to have a "name" and a "block"'),
        (lambda flow: flow["blocks"][0].update(into="question"), '"into": this has to be a list.'),
        (lambda flow: flow["blocks"][0].update(into=[1]), '"into": this has to be a text: put it between quotes.'),
        (lambda flow: flow["blocks"][0].update(into=["answer", "question", "answer"]), "names a text twice"),
        (lambda flow: flow["blocks"][0].update(records=False), "goes into one text"),
        (lambda flow: flow.update(strat="seeds"), 'there is no key "strat". Did you mean "start"'),
        (lambda flow: flow.pop("name"), '"name": this key is needed'),
    ],
)
def test_a_mistake_is_named_with_its_line(tmp_path: Path, change: object, says: str) -> None:
    "And with what was probably meant."
    flow = yaml.safe_load(yaml.safe_dump(OWN, sort_keys=False))
    change(flow)  # type: ignore[operator]
    with pytest.raises(FlowError) as error:
        read_flow(written(tmp_path, flow))
    assert says in str(error.value)
    assert "own.yaml" in str(error.value)


@pytest.mark.parametrize(
    ("prompt", "says"),
    [
        ("{{ skill }}", "is printed bare"),
        ("{% if heading is defined %}{{ heading }}{% endif %}", "is printed bare"),
        ("{% if not context %}{{ examples }}{% endif %}{{ fence('C', context) }}", "is printed bare"),
        ("{% include 'x' %}", "no loader"),
        ("{{ count / 0 }}", "division by zero"),
        ("{% if %}", "no Jinja template"),
        ("\xe4", "not text in UTF-8"),
    ],
)
def test_a_prompt_that_cannot_be_filled_is_refused_before_anything_is_asked(
    tmp_path: Path, prompt: str, says: str
) -> None:
    "Whatever texts a row may have."
    (tmp_path / "pairs.j2").write_text(prompt, encoding="latin-1")
    with pytest.raises(FlowError, match=says):
        read_flow(written(tmp_path, OWN))


def test_only_the_first_cause_of_a_mistake_is_told(tmp_path: Path) -> None:
    "A list whose items are wrong is not called too short as well."
    flow = yaml.safe_load(yaml.safe_dump(OWN, sort_keys=False))
    flow["blocks"][1]["texts"] = [1, 2]
    with pytest.raises(FlowError) as error:
        read_flow(written(tmp_path, flow))
    assert str(error.value).count("put it between quotes") == 2
    assert "at least 1 item" not in str(error.value)


def test_a_flow_that_is_no_text_is_refused(tmp_path: Path) -> None:
    "Letters of an old encoding are not guessed."
    path = tmp_path / "own.yaml"
    path.write_bytes(
        yaml.safe_dump(OWN | {"about": "x"}, sort_keys=False).replace("about: x", "about: ä").encode("latin-1")
    )
    with pytest.raises(FlowError, match="not text in UTF-8"):
        read_flow(str(path))


@pytest.mark.parametrize("text", ["", "- a", "a: [", "a: &x 1\nb: *x", "x" * 300_000])
def test_what_is_no_flow_is_refused(tmp_path: Path, text: str) -> None:
    "Empty, a list, broken, with aliases, huge."
    with pytest.raises(FlowError):
        read_flow(written(tmp_path, text))


def test_a_judge_has_to_be_able_to_say_no(tmp_path: Path) -> None:
    "One that keeps every rating of its scale judges nothing."
    judge = {
        "name": "good",
        "block": "judge",
        "prompt": "judge_pair",
        "scale": ["1", "2"],
        "keep": ["1", "2"],
        "because": "it is bad",
    }
    flow = {**OWN, "blocks": [OWN["blocks"][0], judge, OWN["blocks"][1]]}  # type: ignore[index]
    with pytest.raises(FlowError, match="not all of them"):
        read_flow(written(tmp_path, flow))


def test_an_unknown_flow_is_told_with_what_there_is() -> None:
    "And with the nearest name."
    with pytest.raises(FlowError, match='Did you mean "freeform"'):
        read_flow("freefrom")
    assert FOLDER.is_dir()
