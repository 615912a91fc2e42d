"""`taxonomy-pipeline train`, as people type it, and the configurations for many devices."""

from __future__ import annotations

import os
import subprocess
import sys
from importlib import resources
from pathlib import Path
from typing import Any

import pytest
import torch
from accelerate.commands.config.config_args import ClusterConfig
from typer.testing import CliRunner

from pipeline.cli import cli
from pipeline.training.settings import PRESETS, Preset
from pipeline.training.state import ShardedState, WholeState
from pipeline.training.training import TrainingOrder, train
from tests.training.students import a_row, written

CONFIGS = Path(str(resources.files("pipeline.training") / "configs"))


def typed(*words: str | Path) -> tuple[int, str]:
    "What the command answers, and its exit code."
    result = CliRunner().invoke(cli, ["train", *map(str, words)], env={"COLUMNS": "200"})
    return result.exit_code, result.output


def test_training_by_hand(student: Path, samples: Path, tmp_path: Path) -> None:
    "It ends with a table; run again, it does nothing and says so."
    words = (samples, "--model", student, "-o", tmp_path / "out", "--preset", "tiny", "--epochs", "1")
    code, said = typed(*words)
    assert code == 0
    assert "24, and 6 to look at after each epoch" in said
    assert (tmp_path / "out" / "adapter" / "adapter_model.safetensors").is_file()
    code, said = typed(*words)
    assert code == 0
    assert "nothing was trained anew" in said


def test_every_option_reaches_the_training(student: Path, samples: Path, tmp_path: Path) -> None:
    code, said = typed(
        *(samples, "--model", student, "-o", tmp_path / "out", "--preset", "tiny", "--epochs", "1"),
        *("--rank", "4", "--alpha", "8", "--targets", "q_proj, up_proj", "--dropout", "0", "--micro-tokens", "300"),
        *("--effective-batch", "12", "--learning-rate", "0.01", "--seed", "7", "--gradient-checkpointing"),
    )
    assert code == 0, said
    config = (tmp_path / "out" / "adapter" / "adapter_config.json").read_text()
    assert '"r": 4' in config
    assert '"up_proj"' in config
    report = (tmp_path / "out" / "training.json").read_text()
    for line in ('"seed": 7', '"effective_batch": 12', '"gradient_checkpointing": true', '"learning_rate": 0.01'):
        assert line in report


@pytest.mark.parametrize(
    ("more", "code", "said"),
    [
        (("--epochs", "0"), 2, "epochs is 0: it has to be 1 or more."),
        (("--full", "--rank", "4"), 2, "rank: there is no adapter to set this for"),
        (("--quantize", "4bit"), 1, "Four bits need a GPU"),
        (("--max-seq-len", "4"), 1, "longer than 4 tokens"),
    ],
)
def test_what_cannot_be_done_is_said_in_a_sentence(
    student: Path, samples: Path, tmp_path: Path, more: tuple[str, ...], code: int, said: str
) -> None:
    found, output = typed(samples, "--model", student, "-o", tmp_path / "out", *more)
    assert found == code
    assert said in " ".join(output.split())
    assert "Traceback" not in output


def test_help_does_not_load_torch() -> None:
    "Whoever asks what there is does not wait for it."
    code = "import sys; sys.argv = ['x', '--help']\ntry:\n import pipeline.__main__\nexcept SystemExit: pass\n"
    code += "print('torch' in sys.modules, 'transformers' in sys.modules)"
    said = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert said.splitlines()[-1] == "False False"


@pytest.mark.parametrize("name", ["fsdp.yaml", "deepspeed.yaml"])
def test_the_configurations_are_what_accelerate_reads(name: str) -> None:
    "Unknown keys would be refused by its own class."
    found: Any = ClusterConfig.from_yaml_file(str(CONFIGS / name))
    assert found.distributed_type == name.removesuffix(".yaml").upper()
    assert found.mixed_precision == "bf16"
    assert found.num_processes > 1
    if name == "fsdp.yaml":
        from accelerate import FullyShardedDataParallelPlugin

        said = {k: v for k, v in found.fsdp_config.items() if k != "fsdp_activation_checkpointing"}
        plugin = FullyShardedDataParallelPlugin(
            fsdp_version=said["fsdp_version"],
            auto_wrap_policy=said["fsdp_auto_wrap_policy"],
            reshard_after_forward=said["fsdp_reshard_after_forward"],
            cpu_ram_efficient_loading=said["fsdp_cpu_ram_efficient_loading"],
            state_dict_type=said["fsdp_state_dict_type"],
        )
        assert plugin.fsdp_version == 2


def test_a_state_gathered_from_shards_is_the_whole_one(tmp_path: Path) -> None:
    "Weights and moments come back to the last bit, and either way of writing can be read by the other."

    def a_run() -> tuple[torch.nn.Module, torch.optim.AdamW]:
        torch.manual_seed(0)
        model = torch.nn.Sequential(torch.nn.Linear(4, 4), torch.nn.Linear(4, 2))
        model[0].bias.requires_grad_(False)
        return model, torch.optim.AdamW([p for p in model.parameters() if p.requires_grad], lr=0.1)

    def step(model: torch.nn.Module, optimizer: torch.optim.AdamW) -> None:
        model(torch.ones(3, 4)).square().sum().backward()
        optimizer.step()
        optimizer.zero_grad()

    first = a_run()
    for _ in range(3):
        step(*first)
    for number, (writes, reads) in enumerate([(WholeState, ShardedState), (ShardedState, WholeState)]):
        folder = tmp_path / str(number)
        folder.mkdir()
        writes(*first, is_main=True).save(folder)
        second = a_run()
        reads(*second, is_main=True).load(folder)
        step(*second)
        third = a_run()
        WholeState(*third, is_main=True).load(folder)
        step(*third)
        assert all(torch.equal(a, b) for a, b in zip(second[0].parameters(), third[0].parameters(), strict=True))
        assert not torch.equal(second[0][0].weight, first[0][0].weight)  # type: ignore[index]


@pytest.mark.timeout(180)
def test_two_processes_learn_what_one_does(student: Path, tmp_path: Path) -> None:
    "Launched by accelerate on the CPU: samples are shared out, and the loss is that of all counted tokens."
    samples = written(
        tmp_path / "rows.jsonl", [a_row(n, (2, 9, 4)[n % 3], "dev" if n > 20 else "train") for n in range(24)]
    )
    settings = PRESETS[Preset.TINY].having(dropout=0.0, effective_batch=7, epochs=2)
    alone = train(TrainingOrder(student, (samples,), settings), tmp_path / "alone")
    launch = [
        sys.executable,
        "-m",
        "accelerate.commands.launch",
        "--cpu",
        "--num_processes",
        "2",
        "--num_machines",
        "1",
    ]
    launch += ["--mixed_precision", "no", "--dynamo_backend", "no", "-m", "pipeline", "train", str(samples)]
    launch += ["--model", str(student), "-o", str(tmp_path / "out"), "--preset", "tiny", "--dropout", "0"]
    launch += ["--effective-batch", "7", "--epochs", "2"]
    environment = os.environ | {"OMP_NUM_THREADS": "1", "COLUMNS": "200"}
    ended = subprocess.run(launch, capture_output=True, text=True, env=environment, check=False)
    assert ended.returncode == 0, ended.stderr[-3_000:]
    found = train(TrainingOrder(student, (samples,), settings), tmp_path / "out")
    assert found.is_old
    assert found.dev_losses == pytest.approx(alone.dev_losses, rel=1e-5)
    assert found.losses == pytest.approx(alone.losses, rel=1e-5)


def test_the_benchmark_for_gpus_runs_dry(capsys: pytest.CaptureFixture[str]) -> None:
    "The same way that it goes on a GPU, with a small model on what is here."
    from benchmarks.gpu.training import main

    main(["--dry-run", "--all-linear", "--gradient-checkpointing"])
    said = capsys.readouterr().out
    assert "a small model, a dry run; packed, 2 steps measured" in said
    assert "| tokens/s, padding not counted |" in said
    if not torch.cuda.is_available():
        with pytest.raises(SystemExit, match="There is no GPU here"):
            main([])


def test_the_presets_are_documented_as_they_are() -> None:
    "Rate, epochs, samples a step and warm-up, in the table that people read."
    page = (Path(__file__).parents[2] / "docs" / "training.md").read_text()
    for preset, settings in PRESETS.items():
        (row,) = (line for line in page.splitlines() if line.startswith(f"| `{preset}` |"))
        rate, *counts = (cell.strip() for cell in row.strip("|").split("|")[3:])
        assert float(rate) == settings.learning_rate
        assert [int(count) for count in counts] == [
            settings.epochs,
            settings.effective_batch,
            settings.warmup_steps,
        ]
