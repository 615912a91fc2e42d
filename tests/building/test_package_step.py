"""Package: a build that passed its gate is published with everything it was made of, and whose work it is."""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from huggingface_hub import ModelCard
from markdown_it import MarkdownIt

from pipeline.attribution_bundle import ATTRIBUTIONS, as_bundle, blob_sha, published_path
from pipeline.build_files import MANIFEST, files_named
from pipeline.build_orders import (
    GATE,
    MIX,
    PACKAGE,
    RESULT,
    OrderedLeaf,
    Phase,
    PublishedBuild,
    file_of,
    in_folder,
    selecting,
    training,
)
from pipeline.build_results import (
    Comparison,
    ContributionRow,
    GateResult,
    MixedData,
    MixResult,
    PackageResult,
    ScoreResult,
    SelectResult,
    TrainedCheckpoint,
    TrainResult,
)
from pipeline.building.model_card import escaped
from pipeline.contract import Ending, Message, Outcome, TaskKind
from pipeline.evaluation.students import identity_of
from pipeline.evaluation_results import BenchmarkRow, GateRow, ModelIdentity, Scale, SideBySide, Verdict
from pipeline.model_store import ModelStore
from pipeline.tasks.inputs import InputError
from tests.building.builds import Steps

OTTERS = (
    b"Title of work: The sea otter\nLink to work: https://en.wikipedia.org/wiki/Sea_otter\n"
    b"Revision: https://en.wikipedia.org/w/index.php?oldid=1234\nLicense of the work: CC-BY-SA-4.0\n"
    b"Creator names: Wikipedia authors\n"
)
HOSTILE = (
    b"Title of work: </table><script>alert(1)</script> ![x](http://evil.example/x.png)\n"
    b"Link to work: javascript:alert(1)\nLicense of the work: Apache-2.0\n"
    b"Creator names: | [click](http://evil.example) @everyone \xe2\x80\xaegpj.exe\n"
)
OTTER = OrderedLeaf(
    "knowledge/otters/qna.yaml", True, True, (7,), ("ana",), ("CC-BY-SA-4.0",), "1" * 40, blob_sha(OTTERS)
)
POEM = OrderedLeaf("compositional_skills/po|em/qna.yaml", False, False, (8,), ("b<i>n", "mia"), (), "2" * 40)


@pytest.fixture
def ready(student: Path, tmp_path: Path) -> Steps:
    "A build whose gate has passed, as it stands before it is packaged."
    steps = Steps(tmp_path, student, {"model_store_url": str(tmp_path / "models")}, leaves=[POEM, OTTER])
    data = {phase.value: MixedData(in_folder(phase.value, "train.jsonl"), "ab" * 32, 120) for phase in Phase}
    stores(steps, MIX, MixResult(data, 20, {"knowledge/voles/qna.yaml": "its data set holds no sample"}))
    ingredients = {"format": 1, "files": [], "ingredients": [{"name": OTTER.path, "sha256": "cd" * 32}]}
    steps.files[file_of(MIX, "knowledge.manifest.json")] = steps.put("m.json", json.dumps(ingredients).encode())
    here = replace(identity_of(student), name="owl")
    for phase in Phase:
        trained = TrainResult(phase, here, (TrainedCheckpoint("epoch-01", 1),), {"lr": 2e-5}, took_s=12.5)
        stores(steps, training(phase), replace(trained, student=here))
        score = ScoreResult(phase, "epoch-01", 0.8, 20)
        stores(steps, selecting(phase), SelectResult(phase, "epoch-01", (score,), "It is the only one.", here))
        for file in sorted(student.iterdir()):
            role = file_of(selecting(phase), in_folder("model", file.name))
            steps.files[role] = steps.store.put(file.name, file)
    stores(steps, GATE, a_gate(here))
    sends(steps, {OTTER.attribution_sha: OTTERS})
    return steps


def a_gate(model: ModelIdentity) -> GateResult:
    row = BenchmarkRow("PR-mmlu", Scale.ACCURACY, 5, 20, 9, 0.4, 0.7, 0.3, 0.1, 0.5, 0.001, Verdict.IMPROVED)
    gate = GateRow("PR-mmlu", Scale.ACCURACY, 0.3, 0.1, 0.5, 1.0, 0.02, True)
    return GateResult(
        model,
        (Comparison("the student", (row,), (gate,)),),
        (ContributionRow(7, (OTTER.path,), row),),
        {"PR-mmlu": 0.01},
        gains=(SideBySide("q1", "Where do otters sleep?", "In kelp", "No idea", "In kelp", 0, 1),),
        stands_in="tiny student and offline teacher",
    )


def stores(steps: Steps, step: str, result: Message) -> None:
    "A step before this one has found something out."
    steps.files[file_of(step, RESULT)] = steps.store.put("result.json", result.to_json().encode())


def sends(steps: Steps, attributions: Mapping[str, bytes]) -> None:
    "The bot sends attribution files along."
    steps.files[ATTRIBUTIONS] = steps.store.put("attributions.json", as_bundle(attributions))


def packages(steps: Steps, **more: Any) -> Outcome:
    order = steps.order(PACKAGE, **more)
    return steps.does(
        TaskKind.PACKAGE, replace(order, files=order.files | {ATTRIBUTIONS: steps.files[ATTRIBUTIONS]})
    )


def published(steps: Steps, outcome: Outcome) -> PublishedBuild:
    assert outcome.ending is Ending.SUCCEEDED, outcome.message
    result = steps._result(outcome, PackageResult)
    return PublishedBuild(result.name, result.manifest_sha256)


def models(steps: Steps) -> ModelStore:
    return ModelStore(steps.settings["model_store_url"], 1)


def test_a_build_is_published_whole(ready: Steps, student: Path, tmp_path: Path) -> None:
    "The model as it was selected, its card, the attribution files, and a manifest; nothing points at it."
    outcome = packages(ready)
    build = published(ready, outcome)
    assert build.name == "2026-01-05.1"
    models(ready).fetch(build, tmp_path / "fetched")
    assert identity_of(tmp_path / "fetched").sha256 == identity_of(student).sha256
    assert (tmp_path / "fetched" / published_path(OTTER.attribution_sha)).read_bytes() == OTTERS
    assert {"README.md", MANIFEST} < {path.name for path in (tmp_path / "fetched").iterdir()}
    assert models(ready).latest() is None
    result = ready._result(outcome, PackageResult)
    assert result.files == len(files_named(models(ready).manifest(build))) + 1


def test_the_manifest_names_every_input_by_its_hash(ready: Steps) -> None:
    said = json.loads(models(ready).manifest(published(ready, packages(ready))))
    poem, otter = said["leaves"]
    assert (otter["path"], otter["qna"], otter["data"], otter["pulls"]) == (OTTER.path, "1" * 40, "cd" * 32, [7])
    assert otter["attribution_file"] == published_path(blob_sha(OTTERS))
    assert (poem["attribution"], poem["authors"]) == ("", ["b<i>n", "mia"])
    assert said["taxonomy"]["left_out"] == {"knowledge/voles/qna.yaml": "its data set holds no sample"}
    assert said["base_model"]["sha256"]
    assert said["phases"]["knowledge"]["settings"] == {"lr": 2e-5}
    assert said["scores"]["comparisons"][0]["rows"][0]["low"] == 0.1
    assert said["licences"] == ["CC-BY-SA-4.0"]
    assert said["versions"]["taxonomy-bot"]
    assert said["steps"][file_of(GATE, RESULT)] == ready.files[file_of(GATE, RESULT)].sha256
    assert "Where do otters sleep" not in json.dumps(said)


def test_the_same_inputs_give_the_same_bytes(ready: Steps, tmp_path: Path) -> None:
    "Packaged by another worker, later, into another store; and again into this one, which changes nothing."
    first, again = published(ready, packages(ready)), published(ready, packages(ready))
    ready.settings["model_store_url"] = str(tmp_path / "other-models")
    assert first == again == published(ready, packages(ready))


def test_a_step_that_is_done_again_mends_what_is_damaged(ready: Steps) -> None:
    "Half a publish, or a file that somebody changed: the same order puts it right."
    build = published(ready, packages(ready))
    place = Path(ready.settings["model_store_url"]) / "1" / "builds" / build.name
    (place / "config.json").write_text("{}")
    (place / MANIFEST).unlink()
    assert published(ready, packages(ready)) == build
    models(ready).check(build, every_byte=True)


def card(steps: Steps) -> str:
    build = published(steps, packages(steps))
    store = models(steps)
    (file,) = (file for file in store.files(build) if file.path == "README.md")
    return store.read(build, file).decode()


def test_the_card_says_what_stood_in_before_anything_else(ready: Steps) -> None:
    body = ModelCard(card(ready)).text.lstrip()
    assert body.startswith("> **Numbers of a stand-in** (tiny student and offline teacher): they say nothing")


def test_the_card_is_one_that_the_hub_reads(ready: Steps) -> None:
    said = ModelCard(card(ready)).data.to_dict()
    assert said["license"] == "cc-by-sa-4.0"
    assert said["base_model"] == "owl"
    assert said["datasets"] == ["taxonomy-c0ffee000000"]
    assert "taxonomy-bot" in said["tags"]


def test_several_licences_are_all_named_in_the_header(ready: Steps) -> None:
    hostile = replace(POEM, attribution_sha=blob_sha(HOSTILE))
    ready.leaves = [hostile, OTTER]
    sends(ready, {blob_sha(HOSTILE): HOSTILE, blob_sha(OTTERS): OTTERS})
    said = ModelCard(card(ready)).data.to_dict()
    assert (said["license"], said["license_name"]) == ("other", "apache-2.0-and-cc-by-sa-4.0")


def test_every_contribution_is_attributed(ready: Steps) -> None:
    "Title, link, revision, licence, creators, authors and pull request; and the scores with their intervals."
    text = re.sub(r"\\(.)", r"\1", card(ready))
    for words in (
        "### knowledge/otters/qna.yaml",
        "Contributed by ana in #7",
        "Title: The sea otter; Link: <https://en.wikipedia.org/wiki/Sea_otter>",
        "Licence: CC-BY-SA-4.0; Creator: Wikipedia authors",
        f"(attribution/{OTTER.attribution_sha}.txt)",
        "Contributed by b<i>n, mia in #8",
        "It has no attribution file.",
        "| PR-mmlu, 5-shot | 0.400 | 0.700 | +0.300 (+0.100 to +0.500) | 20 | improved |",
        "| #7 | PR-mmlu",
        "knowledge/voles/qna.yaml: its data set holds no sample",
    ):
        assert words in text, words


def test_hostile_words_show_and_do_nothing(ready: Steps) -> None:
    "No tag, link, image, table cell or reversed text comes out of what contributors wrote."
    ready.leaves = [replace(POEM, attribution_sha=blob_sha(HOSTILE)), OTTER]
    sends(ready, {blob_sha(HOSTILE): HOSTILE, blob_sha(OTTERS): OTTERS})
    text = ModelCard(card(ready)).text
    html = MarkdownIt("commonmark").enable("table").render(text)
    assert "<script" not in html
    assert "<img" not in html
    assert "<i>" not in html
    assert "\u202e" not in html
    assert "<U+202E>" in html.replace("&lt;", "<").replace("&gt;", ">")
    links = set(re.findall(r'href="([^"]*)"', html))
    assert not any("evil" in link or link.startswith("javascript") for link in links)
    assert "alert(1)" in html


@pytest.mark.parametrize("text", ["www.evil.example", "a\n# b", "`x`", "\\[a](b)", "&lt;", "x" * 999, "\ud800"])
def test_escaping_keeps_to_one_harmless_line(text: str) -> None:
    said = escaped(text)
    assert "\n" not in said
    assert len(re.sub(r"\\(.)", r"\1", said)) <= 310
    assert "<a" not in MarkdownIt("gfm-like", {"linkify": False}).render(f"- {said}")


def test_the_code_of_the_card_loads_the_model(
    ready: Steps, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    "What is said to load it does load it, and it answers something."
    build = published(ready, packages(ready))
    models(ready).fetch(build, tmp_path / "fetched")
    text = (tmp_path / "fetched" / "README.md").read_text()
    (code,) = re.findall(r"```python\n(.*?)```", text, re.DOTALL)
    code = code.replace('folder = "."', f"folder = {str(tmp_path / 'fetched')!r}").replace("=256", "=4")
    exec(compile(code, "README.md", "exec"), {})
    assert capsys.readouterr().out


def test_what_the_last_good_build_carries_need_not_be_sent(ready: Steps) -> None:
    "Unchanged leaves keep their attribution from build to build."
    last = published(ready, packages(ready))
    sends(ready, {})
    outcome = packages(ready, build="2026-01-06.1", last=last)
    after = models(ready).find("2026-01-06.1")
    assert outcome.ending is Ending.SUCCEEDED
    assert after is not None
    assert published_path(OTTER.attribution_sha) in {file.path for file in models(ready).files(after)}


def test_nothing_is_published_whose_sources_cannot_be_named(ready: Steps) -> None:
    "An attribution file that is missing, or is another one, stops the build; so does a last build that is gone."
    for sent, more in (({}, {}), ({}, {"last": PublishedBuild("2026-01-04.1", "ab" * 32)})):
        sends(ready, sent)
        with pytest.raises(InputError, match=r"The attribution of knowledge/otters/qna.yaml"):
            packages(ready, **more)
    ready.files[ATTRIBUTIONS] = ready.store.put("a.json", as_bundle({OTTER.attribution_sha: b"forged"}))
    with pytest.raises(InputError, match="is not what its name says"):
        packages(ready)
    assert models(ready).names() == []


def test_a_build_that_failed_its_gate_is_not_published(ready: Steps) -> None:
    gate = a_gate(ModelIdentity("x"))
    fallen = replace(gate.comparisons[0].gates[0], is_passed=False)
    stores(ready, GATE, replace(gate, comparisons=(replace(gate.comparisons[0], gates=(fallen,)),)))
    with pytest.raises(InputError, match="did not pass its gate"):
        packages(ready)
    assert models(ready).names() == []


@pytest.mark.parametrize("name", ["pytorch_model.bin", "modeling_owl.py", "weights.pkl"])
def test_only_safetensors_and_plain_files_are_published(ready: Steps, name: str) -> None:
    "No pickle and no code, whatever a step before has stored."
    ready.files[file_of(selecting(Phase.SKILLS), in_folder("model", name))] = ready.put(name, b"x")
    with pytest.raises(InputError, match="does not belong to a model that is published"):
        packages(ready)


def test_a_store_that_cannot_be_used_is_said_in_plain_words(ready: Steps, tmp_path: Path) -> None:
    "The step is tried again later, and then goes on where it stood."
    (tmp_path / "models").write_text("a file where a folder belongs")
    outcome = packages(ready)
    assert outcome.ending is Ending.INFRA_ERROR
    assert "The store of models" in outcome.message
    (tmp_path / "models").unlink()
    published(ready, packages(ready))
    shutil.rmtree(tmp_path / "models")
