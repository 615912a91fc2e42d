"""The measurement for GPU machines, as far as it goes without one: what it writes, plans and refuses."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from tokenizers import Tokenizer

from benchmarks.gpu import teacher
from benchmarks.gpu.shapes import SHAPES, ShapeError
from benchmarks.vllm_metrics import ServerCount
from pipeline.vllm_arguments import serve_arguments


@pytest.fixture(autouse=True)
def no_gpu(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("benchmarks.gpu.teacher.gpus_here", lambda: ())


@pytest.mark.parametrize(("name", "billions"), [("llama-8b", 8.03), ("mixtral-8x7b", 46.7)])
def test_a_shape_has_the_weights_of_the_model_it_is_like(name: str, billions: float) -> None:
    "As published."
    assert SHAPES[name].parameters / 1e9 == pytest.approx(billions, rel=0.002)


@pytest.mark.parametrize("memory_gib", [24.0, 80.0, 141.0])
@pytest.mark.parametrize("name", sorted(SHAPES))
def test_a_shape_that_is_too_large_loses_layers_and_nothing_else(name: str, memory_gib: float) -> None:
    "It computes per layer what the whole one does."
    whole = SHAPES[name]
    fitting = whole.fitting(memory_gib)
    assert fitting.parameters * 2 <= memory_gib * 2**30 * 0.7
    assert fitting.layer_parameters == whole.layer_parameters
    assert (fitting.whole_layers or fitting.layers) == whole.layers
    one_more = fitting.parameters + whole.layer_parameters
    assert fitting.layers == whole.layers or one_more * 2 > memory_gib * 2**30 * 0.7


def test_a_machine_too_small_for_one_layer_is_refused() -> None:
    "In words."
    with pytest.raises(ShapeError, match="not even one layer"):
        SHAPES["mixtral-8x7b"].fitting(1.0)


def test_a_dry_run_writes_the_model_and_starts_nothing(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    "Its plan names both commands; a program that does not exist would be missed by anything that was started."
    options = ["--dry-run", "--shape", "mixtral-8x7b", "--folder", str(tmp_path), "--levels", "4,16"]
    assert teacher.main([*options, "--python", "/no/such/python", "--result", str(tmp_path / "result.json")]) == 0
    said = capsys.readouterr().out
    assert "26.39 billion random weights, 18 of its 32 layers" in said
    server = next(line for line in said.splitlines() if line.startswith("server:"))
    alone = next(line for line in said.splitlines() if line.startswith("engine alone:"))
    assert "/no/such/python -m vllm.entrypoints.openai.api_server" in server
    for option in ("--load-format=dummy", "--max-num-seqs=16", "--max-model-len=1088", "--dtype=bfloat16"):
        assert option in server
        assert option in alone
    assert "dry run: nothing was started" in said
    assert {path.name for path in tmp_path.iterdir()} == {"mixtral-8x7b"}

    config = json.loads((tmp_path / "mixtral-8x7b" / "config.json").read_text())
    assert (config["architectures"], config["num_local_experts"]) == (["MixtralForCausalLM"], 8)
    assert not any("auto_map" in key or "code" in key for key in config)


@pytest.mark.parametrize("name", sorted(SHAPES))
def test_every_token_that_a_model_may_write_is_text(tmp_path: Path, name: str) -> None:
    "Random weights choose from all of them; what was written is read as the same, and lengths can be planned."
    SHAPES[name].write(tmp_path)
    tokenizer = Tokenizer.from_file(str(tmp_path / "tokenizer.json"))
    size = json.loads((tmp_path / "config.json").read_text())["vocab_size"]
    assert tokenizer.get_vocab_size() == size
    tokens = [*range(5 + 256, size, 97), size - 1]
    assert [tokenizer.encode(tokenizer.decode([token])).ids for token in tokens] == [[token] for token in tokens]
    options = ["--shape", name, "--memory-gib", "200", "--folder", str(tmp_path), "--prompt-tokens", "33"]
    prompts = [teacher._an_ask(teacher._plan(teacher._parser().parse_args(options)), str(n)) for n in range(9)]
    texts = [prompt.messages[0].content for prompt in prompts]
    assert [len(tokenizer.encode(text).ids) for text in texts] == [33] * 9
    assert len({text[:9] for text in texts}) == 9


@pytest.mark.parametrize("levels", ["", "0", "many", "-3"])
def test_levels_that_are_none_are_refused(levels: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    "Before anything is written."
    assert teacher.main(["--dry-run", f"--levels={levels}", "--folder", str(tmp_path / "new")]) == 1
    assert "such as 8,64,256" in capsys.readouterr().err
    assert not (tmp_path / "new").exists()


def test_without_a_gpu_nothing_is_measured(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    "It says how to see the plan."
    assert teacher.main(["--folder", str(tmp_path)]) == 1
    assert "--dry-run" in capsys.readouterr().err


def test_an_engine_that_cannot_be_measured_is_told_with_its_last_words(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    "Here it finds no room, and then it is not there at all."
    python = tmp_path / "python"
    python.write_text("#!/bin/sh\necho no room for 90 GiB >&2\nexit 3\n")
    python.chmod(0o755)
    options = ["--shape", "tiny", "--memory-gib", "1", "--folder", str(tmp_path), "--python"]
    assert teacher.main([*options, str(python)]) == 1
    assert "no room for 90 GiB" in capsys.readouterr().err
    assert teacher.main([*options, "/no/such/python"]) == 1
    assert "/no/such/python cannot be started" in capsys.readouterr().err


def test_arguments_that_let_a_model_run_code_are_refused(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    "As everywhere."
    options = ["--dry-run", "--shape", "tiny", "--folder", str(tmp_path), "--extra=--trust-remote-code"]
    assert teacher.main(options) == 1
    assert "run code of its own" in capsys.readouterr().err


def test_the_page_of_a_servers_metrics_is_read() -> None:
    "Labels of a number are summed; what is not of vLLM, is no number or has another name is left."
    page = """# HELP vllm:generation_tokens_total Number of generation tokens processed.
# TYPE vllm:generation_tokens_total counter
vllm:generation_tokens_total{engine="0",model_name="a {tricky} name"} 120.0
vllm:generation_tokens_total{engine="1",model_name="tiny"} 3.0
vllm:generation_tokens_created{engine="0",model_name="tiny"} 1.7e+09
vllm:prompt_tokens_total{engine="0"} 1.5e+03
vllm:request_success_total{engine="0",finished_reason="stop"} 4.0
vllm:request_success_total{engine="0",finished_reason="length"} 5.0
vllm:num_requests_running{engine="0"} 2.0
vllm:num_requests_waiting{engine="0"} NaN
python_gc_objects_collected_total{generation="0"} 9.0
"""
    before = ServerCount(1, 500, 20, 0, 9, 9)
    assert ServerCount.parsed(page).since(before) == ServerCount(8, 1000, 103, 0, 2, 0)


def test_the_served_model_is_the_written_one(tmp_path: Path) -> None:
    "One plan makes both commands."
    given = teacher._parser().parse_args(["--shape", "tiny", "--memory-gib", "1", "--folder", str(tmp_path)])
    plan = teacher._plan(given)
    assert f"--model={plan.model.absolute()}" in serve_arguments(plan.serve_settings())
    assert f"--model={plan.model.absolute()}" in plan.alone_arguments()
