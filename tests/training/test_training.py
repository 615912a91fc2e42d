"""A training run from start to end: what it leaves, how it goes on, and how it ends when something breaks."""

from __future__ import annotations

import functools
import json
import resource
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import torch
from transformers import AutoModelForCausalLM, LlamaForCausalLM

from pipeline.training.errors import CheckpointError, DivergedError, MemoryShortError
from pipeline.training.metrics import read_metrics
from pipeline.training.settings import PRESETS, Lora, Preset, TrainingSettings
from pipeline.training.training import Trained, TrainingOrder, train
from tests.training.students import a_row, written

TINY = PRESETS[Preset.TINY].having(epochs=3, effective_batch=8, checkpoint_steps=2, dropout=0.1)
FULL = TrainingSettings(learning_rate=2e-3, epochs=2, effective_batch=8, lora=None, checkpoint_steps=2, patience=0)


class PulledPlugError(Exception):
    """Stands for the end of the process: nothing after it is written."""


def stopping_at(step: int) -> Callable[[float, str], None]:
    def tell(_: float, said: str) -> None:
        if said.startswith(f"step {step} "):
            raise PulledPlugError

    return tell


def trained(
    student: Path, samples: Path, out: Path, settings: TrainingSettings = TINY, tell: Any = lambda *_: None
) -> Trained:
    return train(TrainingOrder(student, (samples,), settings), out, tell)


def weights(folder: Path) -> bytes:
    "All weights in a folder, as they lie on the disk."
    return b"".join(file.read_bytes() for file in sorted(folder.glob("*.safetensors")))


def told(out: Path, name: str) -> list[Any]:
    "What the metrics say of one thing, step by step."
    return [row[name] for row in read_metrics(out / "metrics.jsonl") if name in row]


def test_a_student_learns(student: Path, samples: Path, tmp_path: Path) -> None:
    "The loss falls on samples that it has seen and on those that it has not, and the folder tells all about it."
    found = trained(student, samples, tmp_path / "out", TINY.having(epochs=6))
    assert found.losses[1] < found.losses[0]
    assert found.dev_losses[-1] < found.dev_losses[0]
    assert (found.samples, found.dev_samples, found.steps, found.padding_share) == (24, 6, 18, 0.0)
    assert sorted(file.name for file in (tmp_path / "out").iterdir()) == [
        "adapter",
        "metrics.jsonl",
        "training.json",
    ]
    report = json.loads((tmp_path / "out" / "training.json").read_text())
    assert report["trained"]["weights"] == list(found.weights)
    assert {"torch", "peft", "transformers"} <= report["versions"].keys()
    assert str(tmp_path) not in (tmp_path / "out" / "training.json").read_text()


def test_metrics_tell_each_step(student: Path, samples: Path, tmp_path: Path) -> None:
    trained(student, samples, tmp_path / "out", TINY.having(warmup_steps=2))
    out = tmp_path / "out"
    steps = [row for row in read_metrics(out / "metrics.jsonl") if "loss" in row]
    assert [row["step"] for row in steps] == list(range(1, 10))
    assert all(row["tokens_per_s"] > 0 and row["padding_share"] == 0 for row in steps)
    rates = [row["learning_rate"] for row in steps]
    assert rates[0] < rates[1] < rates[2] == max(rates) == TINY.learning_rate
    assert rates[2:] == sorted(rates[2:], reverse=True)
    assert len(told(out, "dev_loss")) == 3


@pytest.mark.parametrize("settings", [TINY, FULL], ids=["an adapter", "every weight"])
@pytest.mark.parametrize("step", [2, 3, 5, 9])
def test_a_run_that_was_cut_ends_as_if_it_had_not_been(
    student: Path, samples: Path, tmp_path: Path, settings: TrainingSettings, step: int
) -> None:
    "With dropout and an order of chance, to the last bit; steps since the newest checkpoint are computed anew."
    settings = settings.having(epochs=3)
    whole = trained(student, samples, tmp_path / "whole", settings)
    with pytest.raises(PulledPlugError):
        trained(student, samples, tmp_path / "cut", settings, stopping_at(step))
    resumed = trained(student, samples, tmp_path / "cut", settings)
    assert resumed.resumed_at == {2: 0, 3: 2, 5: 4, 9: 8}[step]
    assert weights(resumed.folder) == weights(whole.folder)
    assert told(tmp_path / "cut", "loss") == told(tmp_path / "whole", "loss")
    assert resumed.dev_losses == whole.dev_losses


def test_the_same_order_gives_the_same_bytes(student: Path, samples: Path, tmp_path: Path) -> None:
    "Whatever chance was used before; another seed gives others."
    first = trained(student, samples, tmp_path / "first")
    torch.manual_seed(7)
    before = torch.get_rng_state()
    second = trained(student, samples, tmp_path / "second")
    assert torch.equal(torch.get_rng_state(), before)
    other = trained(student, samples, tmp_path / "other", TINY.having(seed=1))
    for file in sorted(first.folder.iterdir()):
        assert (second.folder / file.name).read_bytes() == file.read_bytes()
    assert weights(other.folder) != weights(first.folder)


def test_micro_batches_change_nothing_but_the_rounding(student: Path, samples: Path, tmp_path: Path) -> None:
    "The gradients of a step are the same, whether it is computed at once, in packs or in padded batches."
    settings = TINY.having(dropout=0.0, epochs=1)
    one = trained(student, samples, tmp_path / "one", settings)
    many = trained(student, samples, tmp_path / "many", settings.having(micro_tokens=200))
    padded = trained(student, samples, tmp_path / "padded", settings.having(micro_tokens=200, is_packed=False))
    assert one.is_packed
    assert not padded.is_packed
    assert padded.padding_share > one.padding_share == 0
    assert many.dev_losses == pytest.approx(one.dev_losses, rel=1e-5)
    assert padded.dev_losses == pytest.approx(one.dev_losses, rel=1e-5)
    assert told(tmp_path / "many", "loss") == pytest.approx(told(tmp_path / "one", "loss"), rel=1e-5)


def test_what_is_done_is_not_done_again(student: Path, samples: Path, tmp_path: Path) -> None:
    "Unless something of it is damaged, or something else is ordered."
    first = trained(student, samples, tmp_path / "out")
    again = trained(student, samples, tmp_path / "out", tell=stopping_at(1))
    assert again.is_old
    assert again.weights == first.weights
    file = again.folder / "adapter_model.safetensors"
    file.write_bytes(file.read_bytes()[:-1] + b"!")
    assert not trained(student, samples, tmp_path / "out").is_old
    assert not trained(student, samples, tmp_path / "out", TINY.having(seed=3)).is_old


def test_a_truncated_checkpoint_is_passed_over(student: Path, samples: Path, tmp_path: Path) -> None:
    "And told; the one before it is taken, and the end is the same."
    whole = trained(student, samples, tmp_path / "whole")
    with pytest.raises(PulledPlugError):
        trained(student, samples, tmp_path / "cut", tell=stopping_at(5))
    newest = sorted((tmp_path / "cut" / "checkpoints").iterdir())[-1]
    file = newest / "optimizer.safetensors"
    file.write_bytes(file.read_bytes()[:-100])
    lines: list[str] = []
    found = trained(student, samples, tmp_path / "cut", tell=lambda _, said: lines.append(said))
    assert f"the checkpoint {newest.name} is damaged, and passed over" in lines
    assert found.resumed_at == 3
    assert weights(found.folder) == weights(whole.folder)


def test_the_checkpoint_of_another_order_is_not_taken_up(student: Path, samples: Path, tmp_path: Path) -> None:
    with pytest.raises(PulledPlugError):
        trained(student, samples, tmp_path / "out", tell=stopping_at(5))
    assert trained(student, samples, tmp_path / "out", TINY.having(learning_rate=1e-3)).resumed_at == 0


def test_it_stops_when_the_dev_loss_no_longer_falls(student: Path, tmp_path: Path) -> None:
    "What was learnt in the best epoch is taken, not in the last."
    train_rows = [a_row(number, 3, answer="owls eat voles") for number in range(16)]
    dev_rows = [a_row(number + 100, 3, "dev", answer="§§§§ 12345 ~~~~") for number in range(4)]
    samples = written(tmp_path / "rows.jsonl", train_rows + dev_rows)
    settings = TINY.having(epochs=30, patience=2, learning_rate=2e-2)
    found = trained(student, samples, tmp_path / "out", settings)
    assert found.stopped_early
    assert found.dev_losses[found.best_epoch - 1] == min(found.dev_losses)
    assert len(found.dev_losses) == found.best_epoch + 2
    kept = trained(student, samples, tmp_path / "kept", settings.having(keep_epochs=True))
    assert weights(tmp_path / "kept" / "epochs" / f"epoch-{kept.best_epoch:02d}") == weights(found.folder)


def test_a_loss_that_is_no_number_ends_the_run(student: Path, samples: Path, tmp_path: Path) -> None:
    "What was good is kept, and the message says what to do."
    with pytest.raises(DivergedError) as error:
        trained(student, samples, tmp_path / "out", FULL.having(learning_rate=1e30, warmup_steps=0, epochs=4))
    assert "Try a lower learning rate" in str(error.value)
    assert "before anything was learnt from it" in str(error.value)
    assert not (tmp_path / "out" / "model").exists()


def test_after_a_bad_step_the_last_good_checkpoint_is_named(
    student: Path, samples: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    spoilt = breaking_after(monkeypatch, calls=12, how=lambda logits: logits * float("nan"))
    with spoilt, pytest.raises(DivergedError) as error:
        trained(student, samples, tmp_path / "out")
    kept = sorted(place.name for place in (tmp_path / "out" / "checkpoints").iterdir())
    assert f"The last good checkpoint, of step {int(kept[-1].removeprefix('step-'))}, is kept." in str(error.value)
    assert trained(student, samples, tmp_path / "out").resumed_at > 0


@contextmanager
def breaking_after(
    monkeypatch: pytest.MonkeyPatch, calls: int, how: Callable[[torch.Tensor], torch.Tensor]
) -> Iterator[None]:
    "Let the student's answers be spoilt from its so many-th call on."
    plain, count = LlamaForCausalLM.forward, 0

    @functools.wraps(plain)
    def forward(self: Any, *args: Any, **kwargs: Any) -> Any:
        nonlocal count
        count += 1
        answer = plain(self, *args, **kwargs)
        if count > calls:
            answer.logits = how(answer.logits)
        return answer

    with monkeypatch.context() as patch:
        patch.setattr(LlamaForCausalLM, "forward", forward)
        yield


@contextmanager
def room_for(monkeypatch: pytest.MonkeyPatch, tokens: int) -> Iterator[None]:
    "A device whose memory takes so many tokens at once, and no more."
    plain = LlamaForCausalLM.forward

    @functools.wraps(plain)
    def forward(self: Any, *args: Any, **kwargs: Any) -> Any:
        if self.training and kwargs["input_ids"].numel() > tokens:
            raise torch.OutOfMemoryError("CUDA out of memory.")
        return plain(self, *args, **kwargs)

    with monkeypatch.context() as patch:
        patch.setattr(LlamaForCausalLM, "forward", forward)
        yield


def test_when_memory_is_short_micro_batches_are_halved_once(
    student: Path, samples: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    "The step is computed anew, and the run ends as one does that had small ones from the start."
    lines: list[str] = []
    settings = TINY.having(dropout=0.0, micro_tokens=800)
    with room_for(monkeypatch, 450):
        found = trained(student, samples, tmp_path / "out", settings, lambda _, said: lines.append(said))
    assert found.micro_tokens == 400
    assert "memory was short: micro-batches are of 400 tokens from step 1" in lines
    small = trained(student, samples, tmp_path / "small", settings.having(micro_tokens=400))
    assert weights(found.folder) == weights(small.folder)


def test_when_halving_does_not_help_the_run_ends_with_advice(
    student: Path, samples: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with room_for(monkeypatch, 10), pytest.raises(MemoryShortError, match="micro-batches of 400 tokens") as error:
        trained(student, samples, tmp_path / "out", TINY.having(micro_tokens=800))
    assert "--gradient-checkpointing" in str(error.value)
    assert "There is no checkpoint before that." in str(error.value)


@contextmanager
def files_of_at_most(size: int) -> Iterator[None]:
    "A system that refuses to write more into a file, as a full disk does."
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


def test_a_full_disk_ends_the_run_and_costs_no_good_checkpoint(
    student: Path, samples: Path, tmp_path: Path
) -> None:
    "It is said plainly, nothing half written stays, and with room made the run goes on."
    whole = trained(student, samples, tmp_path / "whole")
    with pytest.raises(PulledPlugError):
        trained(student, samples, tmp_path / "out", tell=stopping_at(3))
    with files_of_at_most(30_000), pytest.raises(CheckpointError) as error:
        trained(student, samples, tmp_path / "out")
    assert str(error.value).startswith("The disk is full")
    checkpoints = tmp_path / "out" / "checkpoints"
    assert [place.name for place in checkpoints.iterdir()] == ["step-0000002"]
    found = trained(student, samples, tmp_path / "out")
    assert found.resumed_at == 2
    assert weights(found.folder) == weights(whole.folder)


def test_a_full_disk_at_a_checkpoint_names_the_last_good_one(student: Path, samples: Path, tmp_path: Path) -> None:
    def fill(_: float, said: str) -> None:
        if said.startswith("step 4 "):
            resource.setrlimit(resource.RLIMIT_FSIZE, (30_000, resource.RLIM_INFINITY))

    with files_of_at_most(resource.RLIM_INFINITY), pytest.raises(CheckpointError) as error:
        trained(student, samples, tmp_path / "out", tell=fill)
    assert "step-0000004 could not be written" in str(error.value)
    assert "The last good checkpoint, of step 3, is kept." in str(error.value)


def test_every_weight_learns_and_is_a_model_of_its_own(student: Path, samples: Path, tmp_path: Path) -> None:
    "It loads like any model, in the precision that the student had, and answers as it did when it was trained."
    settings = FULL.having(keep_epochs=True)
    found = trained(student, samples, tmp_path / "out", settings)
    assert not found.is_adapter
    assert sorted(place.name for place in (tmp_path / "out" / "epochs").iterdir()) == ["epoch-01", "epoch-02"]
    assert weights(tmp_path / "out" / "epochs" / f"epoch-{found.best_epoch:02d}") == weights(found.folder)
    kind: Any = AutoModelForCausalLM
    model = kind.from_pretrained(found.folder)
    assert model.config._attn_implementation == "sdpa"
    assert not list(found.folder.glob("*.bin"))
    again = trained(found.folder, samples, tmp_path / "again", settings.having(learning_rate=1e-9, epochs=1))
    assert again.dev_losses[0] == pytest.approx(min(found.dev_losses), rel=1e-4)


def test_gradient_checkpointing_learns_the_same(student: Path, samples: Path, tmp_path: Path) -> None:
    plain = trained(student, samples, tmp_path / "plain")
    again = trained(student, samples, tmp_path / "again", TINY.having(gradient_checkpointing=True))
    assert again.dev_losses == pytest.approx(plain.dev_losses, rel=1e-6)


def test_a_single_sample_is_enough(student: Path, tmp_path: Path) -> None:
    samples = written(tmp_path / "one.jsonl", [a_row(1, 5)])
    found = trained(student, samples, tmp_path / "out")
    assert (found.samples, found.steps, found.best_epoch, found.dev_losses) == (1, 3, 3, ())


def test_folders_of_samples_are_read_whole(student: Path, tmp_path: Path) -> None:
    "As `generate` and `mix` write them; samples to measure with are not learnt from."
    for name, split in (("a/samples.jsonl", "train"), ("b/train.jsonl", "train"), ("b/dev.jsonl", "dev")):
        (tmp_path / "data" / name).parent.mkdir(parents=True, exist_ok=True)
        written(tmp_path / "data" / name, [a_row(len(name), 3, split), a_row(99, 3, "test")])
    found = trained(student, tmp_path / "data", tmp_path / "out", TINY.having(epochs=1))
    assert (found.samples, found.dev_samples) == (2, 1)


def test_the_lora_defaults_are_those_of_pull_requests() -> None:
    settings = PRESETS[Preset.PULL_REQUEST]
    assert settings.lora == Lora(16, 32, 0.1, ("q_proj", "k_proj", "v_proj", "o_proj"))
    assert (settings.learning_rate, settings.epochs, settings.effective_batch) == (1e-4, 3, 16)
    assert (settings.max_seq_len, settings.warmup_steps) == (4096, 10)
