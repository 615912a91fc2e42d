"""The loop: steps of samples, computed in micro-batches; how they are cut changes nothing but the speed.

Each step sets chance anew from the seed and its number: whoever goes on from a checkpoint computes what an
uninterrupted run does, to the last bit on a CPU.
"""

from __future__ import annotations

import contextlib
import hashlib
import math
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch

from pipeline.training.batches import batch_of, chooses_answers, foretold, loss_sum
from pipeline.training.checkpoints import Checkpoints, last_good
from pipeline.training.errors import DivergedError, MemoryShortError
from pipeline.training.folders import unfinished
from pipeline.training.memory import is_out_of_memory
from pipeline.training.metrics import Metrics, Work, peak_flops
from pipeline.training.packing import Micro, Order, micro_batches, padding_share
from pipeline.training.progress import Progress
from pipeline.training.settings import TrainingSettings, rate_at
from pipeline.training.state import State
from pipeline.training.templates import Encoded

if TYPE_CHECKING:
    from accelerate import Accelerator

Tell = Callable[[float, str], None]


@dataclass(frozen=True, slots=True)
class Learner:
    """What learns, prepared for its devices."""

    model: torch.nn.Module
    optimizer: Any
    accelerator: Accelerator
    state: State
    work: Work
    is_packed: bool


@dataclass(frozen=True, slots=True)
class Keepers:
    """Who keeps what comes out: checkpoints to go on from, metrics, and what was learnt after each epoch."""

    checkpoints: Checkpoints
    metrics: Metrics | None  # the main process writes them
    keep_epoch: Callable[[int], None]
    tell: Tell


class Loop:
    """Trains on some samples, and looks at others after each epoch."""

    def __init__(
        self,
        learner: Learner,
        train: Sequence[Encoded],
        dev: Sequence[Encoded],
        settings: TrainingSettings,
        keepers: Keepers,
    ) -> None:
        self._learner = learner
        self._train = train
        self._dev = dev
        self._settings = settings
        self._keepers = keepers
        self._lengths = [len(sample) for sample in train]
        self._order = Order(len(train), settings.effective_batch, settings.seed)
        self._steps = self._order.steps_per_epoch * settings.epochs
        plain = learner.accelerator.unwrap_model(learner.model)
        self._can_choose = chooses_answers(getattr(plain, "get_base_model", lambda: plain)())
        self._device = learner.accelerator.device
        name = torch.cuda.get_device_name(self._device) if self._device.type == "cuda" else ""
        self._peak_flops = peak_flops(name)

    def run(self, progress: Progress) -> None:
        """Train from where `progress` is to the end, and carry it on. Raises TrainingError."""
        while not progress.is_over and progress.epoch < self._settings.epochs:
            skip = progress.step - progress.epoch * self._order.steps_per_epoch
            for number, samples in enumerate(self._order.steps(progress.epoch)):
                if number >= skip:
                    self._step(samples, progress)
                    is_last = number + 1 == self._order.steps_per_epoch
                    if not is_last and progress.step % self._settings.checkpoint_steps == 0:
                        self._checkpoint(progress)
            self._end_epoch(progress)

    def _step(self, samples: tuple[int, ...], progress: Progress) -> None:
        began = time.perf_counter()
        rate = rate_at(progress.step, self._steps, self._settings)
        for group in self._learner.optimizer.param_groups:
            group["lr"] = rate
        loss, micros = self._gradients(samples, progress)
        norm = self._learn(samples, progress)
        took_s = time.perf_counter() - began
        tokens = sum(self._lengths[index] for index in samples)
        share = padding_share(micros, self._lengths)
        progress.step += 1
        progress.tokens += tokens
        progress.computed += round(tokens / (1 - share))
        progress.took_s += took_s
        progress.last_loss = loss
        progress.first_loss = loss if progress.first_loss is None else progress.first_loss
        if self._keepers.metrics is not None:
            row = {
                "step": progress.step,
                "epoch": progress.epoch + 1,
                "loss": loss,
                "learning_rate": rate,
                "gradient_norm": norm,
                "samples": len(samples),
                "tokens": tokens,
                "tokens_per_s": round(tokens / took_s, 1),
                "padding_share": round(share, 4),
            }
            self._keepers.metrics.add(row | self._of_gpu(samples, tokens, took_s))
        self._keepers.tell(progress.step / self._steps, f"step {progress.step} of {self._steps}, loss {loss:.4f}")

    def _of_gpu(self, samples: Sequence[int], tokens: int, took_s: float) -> dict[str, float]:
        if self._device.type != "cuda":
            return {}
        row = {"memory_gib": round(torch.cuda.max_memory_allocated(self._device) / 2**30, 3)}
        if self._peak_flops:
            squares = sum(self._lengths[index] ** 2 for index in samples)
            counted = sum(foretold(self._train[index]) for index in samples)
            flops = self._learner.work.flops(tokens, counted, squares)
            devices = self._learner.accelerator.num_processes
            row["mfu"] = round(flops / took_s / self._peak_flops / devices, 4)
        return row

    def _gradients(self, samples: tuple[int, ...], progress: Progress) -> tuple[float, list[Micro]]:
        """Compute a step's gradients; once in a run anew with smaller micro-batches, when memory is short."""
        try:
            return self._computed(samples, progress)
        except (RuntimeError, MemoryError) as error:
            if not is_out_of_memory(error):
                raise
            self._halve(progress, samples)
        self._learner.optimizer.zero_grad()
        if self._device.type == "cuda":
            torch.cuda.empty_cache()
        try:
            return self._computed(samples, progress)
        except (RuntimeError, MemoryError) as error:
            if not is_out_of_memory(error):
                raise
            raise MemoryShortError(self._too_short(progress)) from None

    def _halve(self, progress: Progress, samples: Sequence[int]) -> None:
        """Have micro-batches half as large. Raises MemoryShortError when that was done, or does not help."""
        longest = max(self._lengths[index] for index in samples)
        is_alone = (
            self._learner.accelerator.num_processes == 1
        )  # the others wait in an exchange, and would for ever
        if progress.was_halved or not is_alone or longest >= progress.micro_tokens:
            raise MemoryShortError(self._too_short(progress))
        progress.micro_tokens = max(longest, progress.micro_tokens // 2)
        progress.was_halved = True
        self._keepers.tell(
            progress.step / self._steps,
            f"memory was short: micro-batches are of {progress.micro_tokens} tokens from step {progress.step + 1}",
        )

    def _too_short(self, progress: Progress) -> str:
        last = self._keepers.checkpoints.newest()
        return (
            f"The memory did not suffice in step {progress.step + 1}, with micro-batches of "
            f"{progress.micro_tokens} tokens. Set smaller ones (--micro-tokens), --gradient-checkpointing or a "
            "smaller --max-seq-len. "
            f"{last_good(last)}"
        )

    def _computed(self, samples: tuple[int, ...], progress: Progress) -> tuple[float, list[Micro]]:
        """Return the loss and how it was cut into micro-batches; the gradients are there then."""
        accelerator = self._learner.accelerator
        counted = sum(foretold(self._train[index]) for index in samples)
        shares = self._shares(samples, self._lengths, progress)
        own = shares[accelerator.process_index]
        self._set_chance(progress.step)
        self._learner.model.train()
        total = 0.0
        for number, micro in enumerate(own):
            with self._exchanging(is_last=number + 1 == len(own)):
                loss = self._loss(micro, self._train) / max(1, counted)
                said = float(loss.detach())
                self._check_finite(said, samples, progress)
                accelerator.backward(loss * accelerator.num_processes)  # gradients are averaged over processes
            total += said
        return self._summed(total), [micro for share in shares for micro in share]

    def _learn(self, samples: tuple[int, ...], progress: Progress) -> float | None:
        """Take a step along the gradients, and return how long they were; an engine keeps that to itself."""
        optimizer = self._learner.optimizer
        norm = self._learner.accelerator.clip_grad_norm_(self._learner.model.parameters(), self._settings.clip)
        if norm is not None:
            self._check_finite(float(norm), samples, progress)
        optimizer.step()
        optimizer.zero_grad()
        return None if norm is None else float(norm)

    def _shares(self, samples: Sequence[int], lengths: Sequence[int], progress: Progress) -> list[list[Micro]]:
        devices = self._learner.accelerator.num_processes
        packed = self._learner.is_packed
        return micro_batches(samples, lengths, progress.micro_tokens, is_packed=packed, shares=devices)

    def _loss(self, micro: Micro, samples: Sequence[Encoded]) -> torch.Tensor:
        with self._learner.accelerator.autocast():
            batch = batch_of(micro, samples, self._device)
            return loss_sum(self._learner.model, batch, can_choose=self._can_choose)

    @contextlib.contextmanager
    def _exchanging(self, *, is_last: bool) -> Iterator[None]:
        """Exchange gradients between processes after the last micro-batch alone."""
        accelerator = self._learner.accelerator
        accelerator.gradient_state._set_sync_gradients(is_last)
        is_plain = accelerator.distributed_type.value.startswith("MULTI_")
        with accelerator.no_sync(self._learner.model) if is_plain and not is_last else contextlib.nullcontext():
            yield

    def _set_chance(self, step: int) -> None:
        said = f"{self._settings.seed}/{step}/{self._learner.accelerator.process_index}"
        torch.manual_seed(int.from_bytes(hashlib.sha256(said.encode()).digest()[:7], "big"))

    def _check_finite(self, value: float, samples: Sequence[int], progress: Progress) -> None:
        if math.isfinite(value):
            return
        last = self._keepers.checkpoints.newest()
        named = ", ".join(self._train[index].id for index in samples[:3])
        raise DivergedError(
            f"Loss or gradient is {value} in step {progress.step + 1} (samples {named}, ...), so training stopped "
            "before anything was learnt from it. "
            f"{last_good(last)} Try a lower learning rate, or look at these samples."
        )

    def _summed(self, value: float) -> float:
        accelerator = self._learner.accelerator
        if accelerator.num_processes == 1:
            return value
        each = torch.tensor(
            value, dtype=torch.float64, device="cpu" if self._device.type == "cpu" else self._device
        )
        return float(accelerator.reduce(each, "sum"))

    def _end_epoch(self, progress: Progress) -> None:
        progress.epoch += 1
        if self._dev:
            progress.dev_losses.append(self._dev_loss(progress))
            if self._keepers.metrics is not None:
                row = {"step": progress.step, "epoch": progress.epoch, "dev_loss": progress.dev_losses[-1]}
                self._keepers.metrics.add(row)
            best = min(range(len(progress.dev_losses)), key=progress.dev_losses.__getitem__)
            progress.best_epoch = best + 1
            patience = self._settings.patience
            progress.is_over = bool(patience) and progress.epoch - progress.best_epoch >= patience
        else:
            progress.best_epoch = progress.epoch
        self._keepers.keep_epoch(progress.epoch)
        self._checkpoint(progress)

    @torch.no_grad()
    def _dev_loss(self, progress: Progress) -> float:
        lengths = [len(sample) for sample in self._dev]
        counted = sum(map(foretold, self._dev))
        own = self._shares(range(len(self._dev)), lengths, progress)[self._learner.accelerator.process_index]
        self._learner.model.eval()
        total = sum(float(self._loss(micro, self._dev)) for micro in own)
        return self._summed(total) / max(1, counted)

    def _checkpoint(self, progress: Progress) -> None:
        """Write a checkpoint: the main process the folder, and every process its part where it has one."""
        accelerator, checkpoints = self._learner.accelerator, self._keepers.checkpoints

        def together(folder: Path) -> None:
            accelerator.wait_for_everyone()
            self._learner.state.save(folder)
            accelerator.wait_for_everyone()

        if accelerator.is_main_process:
            checkpoints.write(progress.step, progress.said(), together)
        else:
            together(unfinished(checkpoints.place_of(progress.step)))
