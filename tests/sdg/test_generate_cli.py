"""`taxonomy-pipeline generate` as its users meet it: in a terminal, with mistakes, stopped, and without a model."""

from __future__ import annotations

import asyncio
import os
import re
import signal
import socket
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import yaml
from typer.testing import CliRunner, Result

from pipeline import generate_screen
from pipeline.cli import cli
from pipeline.datasets import alone_in, read_jsonl, read_manifest
from pipeline.tiny import MODEL_ID
from pipeline.tiny.process import OfflineTeacherProcess
from tests.sdg.leaves import FREEFORM, KNOWLEDGE, MARS

PROGRAM = Path(sys.executable).with_name("taxonomy-pipeline")
WORDS = "compositional_skills/linguistics/words"
OWN = {
    "name": "own",
    "start": "seeds",
    "blocks": [
        {"name": "pairs", "block": "generate", "prompt": "pairs", "into": ["question", "answer"], "count": 2},
        {"name": "short", "block": "filter", "text": "answer", "most_words": 1, "because": "[/b] is [red] no"},
        {"name": "safe", "block": "safety", "texts": ["question", "answer"]},
    ],
}


@pytest.fixture(scope="module")
def teacher() -> Iterator[str]:
    "The address of the offline teacher."
    with asyncio.Runner() as runner:
        process = OfflineTeacherProcess()
        runner.run(process.__aenter__())
        yield process.url
        runner.run(process.__aexit__(None, None, None))


@pytest.fixture
def nobody() -> Iterator[str]:
    "An address where nobody listens."
    with socket.socket() as held:
        held.bind(("127.0.0.1", 0))
        yield f"http://127.0.0.1:{held.getsockname()[1]}/v1"


def a_leaf(taxonomy: Path, name: str = WORDS, text: str = FREEFORM) -> Path:
    "Write a leaf and return its file."
    file = taxonomy / name / "qna.yaml"
    file.parent.mkdir(parents=True)
    file.write_text(text)
    return file


Generated = Callable[..., Result]


@pytest.fixture
def generated(tmp_path: Path, teacher: str) -> Generated:
    "Run the command."

    def run(*arguments: object, out: Path = tmp_path / "out", url: str = teacher, model: str = MODEL_ID) -> Result:
        asking = ("--teacher-url", url, "--teacher-model", model, "--out", str(out))
        return CliRunner().invoke(cli, ["generate", *map(str, arguments), *asking])

    return run


def words(text: str) -> str:
    "Return what is said, wherever its lines end."
    return " ".join(text.split())


def test_a_reason_in_brackets_is_shown_as_it_is_written(tmp_path: Path, generated: Generated) -> None:
    "A flow's own words are no markup: neither do they vanish, nor end the command in the middle of its table."
    flow = tmp_path / "own.yaml"
    flow.write_text(yaml.safe_dump(OWN, sort_keys=False))
    result = generated(a_leaf(tmp_path), "--flow", flow)
    assert result.exit_code == 0, result.exception
    assert "dropped: [/b] is [red] no" in words(result.stdout)


def test_what_people_wrote_and_no_data_set_may_hold_is_told(tmp_path: Path, generated: Generated) -> None:
    "It is in no sample, and the count is shown without repeating it."
    text = FREEFORM.replace("comes from Latin salarium", "joan.miller.private@gmail.com comes from Latin salarium")
    result = generated(a_leaf(tmp_path, text=text), "--flow", "simple")
    assert "1 pairs of seed examples left out of the samples: it holds an e-mail address" in words(result.stdout)
    place = tmp_path / "out" / WORDS
    manifest = read_manifest(place)
    assert manifest is not None
    assert manifest["seeds_left_out"] == {"it holds an e-mail address": 1}
    seeds = [row for row in read_jsonl(place / "samples.jsonl") if row["metadata"]["origin"] == "seed example"]
    assert len(seeds) == 4
    assert not [file for file in place.iterdir() if b"joan.miller" in file.read_bytes()]


def test_a_place_that_is_no_folder_is_named(tmp_path: Path, generated: Generated) -> None:
    "In one line, not in a trace."
    (tmp_path / "out").write_text("")
    result = generated(a_leaf(tmp_path))
    assert result.exit_code == 1
    assert "out: File exists. Put that right." in words(result.stderr)


def test_two_leaves_that_would_be_one_are_both_named(tmp_path: Path, generated: Generated) -> None:
    "Of two checkouts: neither is left out without a word. Naming one twice is no mistake."
    one, other = a_leaf(tmp_path / "one"), a_leaf(tmp_path / "other")
    result = generated(one, other)
    assert result.exit_code == 2
    assert f"{one} and {other} are both {WORDS}/qna.yaml" in result.stderr
    assert generated(one, one.parent, "--flow", "simple").exit_code == 0


def test_a_leaf_is_named_as_its_checkout_names_it(tmp_path: Path, generated: Generated) -> None:
    "Although a folder on the way is called like the root of another kind."
    (tmp_path / "taxonomy" / ".git").mkdir(parents=True)
    file = a_leaf(tmp_path / "taxonomy", "compositional_skills/work/knowledge")
    result = generated(str(file))
    assert result.exit_code == 0, result.output
    assert (tmp_path / "out" / "compositional_skills" / "work" / "knowledge").is_dir()


def test_what_is_no_leaf_is_told(tmp_path: Path, generated: Generated) -> None:
    "A file beside a leaf is no leaf."
    beside = a_leaf(tmp_path).with_name("attribution.txt")
    beside.write_text("")
    result = generated(beside)
    assert result.exit_code == 2
    assert "there is no qna.yaml here" in words(result.stderr)


def test_a_flow_that_needs_a_document_says_so(tmp_path: Path, generated: Generated) -> None:
    "Instead of nothing, from a skill without one."
    result = generated(a_leaf(tmp_path), "--flow", "knowledge")
    assert result.exit_code == 2
    assert f"{WORDS}/qna.yaml: knowledge: for leaves with a document only" in words(result.stderr)


def test_leaves_do_not_learn_from_the_documents_of_others(tmp_path: Path, generated: Generated) -> None:
    "Several leaves of knowledge have a folder each; where one lacks, nothing is guessed."
    names = ["knowledge/science/mars", "knowledge/science/moons"]
    for name in names:
        a_leaf(tmp_path / "taxonomy", name, KNOWLEDGE)
    documents = tmp_path / "documents"
    for name, text in zip(names, MARS, strict=True):
        result = generated(tmp_path / "taxonomy", "--documents", documents)
        assert result.exit_code == 2
        assert f"2 leaves need documents: put those of {name}/qna.yaml" in words(result.stderr)
        (documents / name).mkdir(parents=True)
        (documents / name / "text.md").write_text(text)
    assert generated(tmp_path / "taxonomy", "--documents", documents).exit_code == 0
    for name, own, others in zip(names, ("Olympus", "Deimos"), ("Deimos", "Olympus"), strict=True):
        rows = list(read_jsonl(tmp_path / "out" / name / "samples.jsonl"))
        made = str([row["messages"] for row in rows if row["metadata"]["origin"] == "generated"])
        assert own in made
        assert others not in made


def test_a_server_that_is_silent_is_told_long_before_it_is_given_up(
    tmp_path: Path, generated: Generated, nobody: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    "With its address, for whoever has mistyped that would wait for nothing."
    monkeypatch.setattr(generate_screen, "_SILENT_S", 0.2)
    monkeypatch.setattr(generate_screen, "_LOOK_EVERY_S", 0.1)
    monkeypatch.setenv("TAXONOMY_PIPELINE_TEACHER_AWAY_AFTER_S", "1")
    result = generated(a_leaf(tmp_path), url=nobody)
    assert result.exit_code == 1
    said = words(result.stderr)
    assert said.count(f"No good answer from {nobody} for 0 s (connection).") == 1
    assert "It is given up after 1 s." in said
    assert "gave no good answer for 1 s" in said


@pytest.mark.parametrize(
    "own_server", [False, True], ids=["a model of the teacher's server", "a server of its own"]
)
def test_the_critic_is_told_from_the_teacher(
    tmp_path: Path, generated: Generated, teacher: str, monkeypatch: pytest.MonkeyPatch, own_server: bool
) -> None:
    "A judge that is not there: the words name it, and the settings that lead to it."
    monkeypatch.setenv("TAXONOMY_PIPELINE_CRITIC_MODEL", "judge-7")
    if own_server:
        monkeypatch.setenv("TAXONOMY_PIPELINE_CRITIC_URL", teacher)
    result = generated(a_leaf(tmp_path))
    assert result.exit_code == 1
    named = "CRITIC_URL" if own_server else "TEACHER_URL"
    assert f"does not know the model judge-7 or the address (404): check {named}" in words(result.stderr)


async def test_who_stops_it_is_told_how_to_go_on(tmp_path: Path, nobody: str) -> None:
    "One Ctrl-C, one sentence, and the status of a program that was interrupted."
    process = await asyncio.create_subprocess_exec(
        *(PROGRAM, "generate", a_leaf(tmp_path), "--out", tmp_path / "out"),
        *("--teacher-url", nobody, "--teacher-model", "m"),
        stderr=asyncio.subprocess.PIPE,
        env={**os.environ, "OMP_NUM_THREADS": "1", "COLUMNS": "200"},
    )
    try:
        while not (tmp_path / "out" / ".teacher-cache.sqlite").exists():
            await asyncio.sleep(0.05)
        process.send_signal(signal.SIGINT)
        _, said = await asyncio.wait_for(process.communicate(), 20)
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
    assert process.returncode == 130
    assert words(said.decode()) == "Stopped. What is done is kept: run the same again to go on."


def test_what_a_run_costs_is_told(
    tmp_path: Path, generated: Generated, teacher: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    "By the prices that are set, for a million tokens; a run that asks nothing costs nothing and says nothing."
    leaf = a_leaf(tmp_path)
    assert "by the prices" not in generated(leaf, "--flow", "simple", out=tmp_path / "free").stdout
    monkeypatch.setenv("TAXONOMY_PIPELINE_TEACHER_PROMPT_PRICE", "1000")
    monkeypatch.setenv("TAXONOMY_PIPELINE_TEACHER_COMPLETION_PRICE", "2000")
    said = words(generated(leaf, "--flow", "simple").stdout)
    found = re.search(r"This run: 5 requests, ([\d,]+) tokens read and ([\d,]+) written, ([\d,.]+) by", said)
    assert found is not None
    read, written = (int(number.replace(",", "")) for number in found.groups()[:2])
    assert read > 0 < written
    assert float(found[3].replace(",", "")) == pytest.approx(read / 1e3 + written / 500, abs=0.01)
    assert "This run" not in generated(leaf, "--flow", "simple").stdout


def test_two_runs_do_not_write_over_each_other(tmp_path: Path, generated: Generated) -> None:
    "The second is told so, and asks nothing; once the first has ended, it may."
    leaf, out = a_leaf(tmp_path), tmp_path / "out"
    out.mkdir()
    with alone_in(out):
        result = generated(leaf, "--flow", "simple")
        assert result.exit_code == 2
        assert f"{out}: another run writes here. Wait for it, or name another folder." in result.stderr
        assert not list(out.iterdir())
    assert generated(leaf, "--flow", "simple").exit_code == 0
