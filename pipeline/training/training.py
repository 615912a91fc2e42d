"""Training: an order in, and a folder with what was learnt and how it went; what was begun goes on.

The folder holds `adapter/` or `model/`, `metrics.jsonl` and, written last, `training.json`.
"""

from __future__ import annotations

import hashlib
import json
import shutil
from dataclasses import asdict, dataclass, replace
from importlib.metadata import version
from pathlib import Path
from typing import Any

import torch

from pipeline.datasets import sha256_of, write_json
from pipeline.training.adapters import copied, write_adapter
from pipeline.training.checkpoints import Checkpoints
from pipeline.training.folders import appearing
from pipeline.training.learner import a_learner, an_accelerator, dtype_of, fitting, sure_chance
from pipeline.training.lesson import Lesson, read_lesson
from pipeline.training.loop import Keepers, Learner, Loop, Tell
from pipeline.training.memory import shape_of
from pipeline.training.metrics import Metrics
from pipeline.training.progress import Progress
from pipeline.training.settings import PRESETS, Preset, Quantized, TrainingSettings
from pipeline.training.student import Student, load_student, read_config, read_tokenizer
from pipeline.training.weights import fingerprint, weight_files

ADAPTER, MODEL, METRICS, REPORT = "adapter", "model", "metrics.jsonl", "training.json"
_CHECKPOINTS, EPOCHS = "checkpoints", "epochs"
_METHOD = 1  # raised when the same order would give other weights
_NAMED = ("taxonomy-bot", "torch", "transformers", "peft", "accelerate")


@dataclass(frozen=True, slots=True)
class TrainingOrder:
    """What to train: the folder of a model, files or folders of samples, and how."""

    model: Path
    data: tuple[Path, ...]
    settings: TrainingSettings = PRESETS[Preset.PULL_REQUEST]


@dataclass(frozen=True, slots=True)
class Trained:
    """What came of it. `folder` is the adapter, or the model where every weight learnt.

    `losses` are the first and the last step's, `dev_losses` each epoch's; what the best epoch had learnt was taken.
    `base` is the fingerprint of the model that was trained, `data` a digest of the samples as its tokens.
    """

    folder: Path
    is_adapter: bool
    base: str
    data: str
    weights: tuple[str, ...]  # digests of the files
    samples: int
    dev_samples: int
    left_out: tuple[str, ...]
    tokens: int
    padding_share: float
    is_packed: bool
    steps: int
    best_epoch: int
    losses: tuple[float, float]
    dev_losses: tuple[float, ...]
    stopped_early: bool
    micro_tokens: int
    took_s: float
    resumed_at: int = 0
    is_old: bool = False

    @property
    def tokens_per_s(self) -> float:
        """How many tokens were learnt from in a second, padding not counted."""
        return self.tokens / self.took_s if self.took_s else 0.0


def train(order: TrainingOrder, folder: Path, tell: Tell = lambda *_: None) -> Trained:
    """Train, and return what came of it. The same order in the same folder goes on, or returns what is there.

    On a CPU the same order gives the same weights, interrupted or not. Raises TrainingError.
    """
    config = read_config(order.model)
    base = fingerprint(order.model)
    most = getattr(config.get_text_config(), "max_position_embeddings", None) or order.settings.max_seq_len
    lesson = read_lesson(order.data, read_tokenizer(order.model), min(order.settings.max_seq_len, int(most)))
    for line in lesson.left_out.lines():
        tell(0.0, line)
    run = _Run(order, folder, base, _key(order.settings, base, lesson), lesson, tell)
    if there := run.there():
        return there
    with sure_chance(order.settings.seed):
        accelerator = an_accelerator()
        shape = shape_of(config)
        settings = fitting(order.settings, lesson, shape, accelerator)
        quantized = settings.lora.quantized if settings.lora else Quantized.NO
        student = load_student(order.model, dtype_of(settings, accelerator), quantized)
        original = getattr(config, "dtype", None) or torch.float32
        torch.manual_seed(settings.seed)
        return run.do(student, a_learner(student, settings, shape, accelerator), settings, original)


def _key(settings: TrainingSettings, base: str, lesson: Lesson) -> str:
    """Return the digest of all that decides what is learnt."""
    said = {"method": _METHOD, "settings": settings.said(), "base": base, "data": lesson.digest}
    return hashlib.sha256(json.dumps(said, sort_keys=True).encode()).hexdigest()


@dataclass(frozen=True, slots=True)
class _Run:
    """One order on its way in its folder."""

    order: TrainingOrder
    folder: Path
    base: str
    key: str
    lesson: Lesson
    tell: Tell

    def there(self) -> Trained | None:
        """Return what an earlier run of the same order left, if it is whole."""
        try:
            said = json.loads((self.folder / REPORT).read_text(encoding="utf-8"))
            trained = said["trained"]
            if said["key"] != self.key:
                return None
            found = Trained(**{name: _tupled(value) for name, value in trained.items()} | {"folder": self.result})
        except (OSError, ValueError, KeyError, TypeError):
            return None
        is_whole = self.result.is_dir() and _digests(self.result) == found.weights
        return replace(found, is_old=True) if is_whole else None

    @property
    def result(self) -> Path:
        """Where what was learnt goes."""
        return self.folder / (ADAPTER if self.order.settings.lora else MODEL)

    def do(self, student: Student, learner: Learner, settings: TrainingSettings, dtype: torch.dtype) -> Trained:
        """Train from the start or the newest checkpoint to the end."""
        accelerator = learner.accelerator
        checkpoints = Checkpoints(self.folder / _CHECKPOINTS, self.key, settings.keep_checkpoints)
        found = checkpoints.newest(lambda line: self.tell(0.0, line))
        progress = Progress(settings.micro_tokens)
        if found is not None:
            progress = Progress(**found.progress)
            learner.state.load(found.folder)
            self.tell(0.0, f"going on from the checkpoint of step {found.step}")
        elif accelerator.is_main_process:
            shutil.rmtree(self.folder / EPOCHS, ignore_errors=True)
        accelerator.wait_for_everyone()
        metrics = Metrics(self.folder / METRICS, progress.step) if accelerator.is_main_process else None

        def keep_epoch(epoch: int) -> None:
            weights = learner.state.learnt()
            if accelerator.is_main_process:
                self._write(self._epoch(epoch), weights, learner, student, dtype)
                if not settings.keep_epochs:
                    self._forget_epochs({epoch, progress.best_epoch})

        keepers = Keepers(checkpoints, metrics, keep_epoch, self.tell)
        Loop(learner, self.lesson.train, self.lesson.dev, settings, keepers).run(progress)
        accelerator.wait_for_everyone()
        return self._end(learner, progress, settings, found.step if found else 0, checkpoints)

    def _epoch(self, epoch: int) -> Path:
        return self.folder / EPOCHS / f"epoch-{epoch:02d}"

    def _forget_epochs(self, kept: set[int]) -> None:
        for place in (self.folder / EPOCHS).glob("epoch-*"):
            if place not in {self._epoch(epoch) for epoch in kept}:
                shutil.rmtree(place, ignore_errors=True)

    def _write(
        self, place: Path, weights: dict[str, torch.Tensor], learner: Learner, student: Student, dtype: torch.dtype
    ) -> None:
        model: Any = learner.accelerator.unwrap_model(learner.model)
        if self.order.settings.lora is not None:
            plain = {name.replace(".default.", "."): each for name, each in weights.items()}
            write_adapter(place, plain, model, self.base)
            return
        with appearing(place) as fresh:
            held = {name: each.to(dtype) for name, each in weights.items()}
            model.save_pretrained(fresh, state_dict=held)
            student.tokenizer.save_pretrained(fresh)

    def _end(
        self,
        learner: Learner,
        progress: Progress,
        settings: TrainingSettings,
        resumed_at: int,
        checkpoints: Checkpoints,
    ) -> Trained:
        """Let the best epoch be the result, write the report, and remove what is no longer needed."""
        is_main = learner.accelerator.is_main_process
        if is_main:
            copied(self._epoch(progress.best_epoch), self.result)
        learner.accelerator.wait_for_everyone()
        trained = Trained(
            folder=self.result,
            is_adapter=settings.lora is not None,
            base=self.base,
            data=self.lesson.digest,
            weights=_digests(self.result),
            samples=len(self.lesson.train),
            dev_samples=len(self.lesson.dev),
            left_out=tuple(self.lesson.left_out.lines()),
            tokens=progress.tokens,
            padding_share=round(1 - progress.tokens / progress.computed, 6) if progress.computed else 0.0,
            is_packed=learner.is_packed,
            steps=progress.step,
            best_epoch=progress.best_epoch,
            losses=(progress.first_loss or 0.0, progress.last_loss or 0.0),
            dev_losses=tuple(progress.dev_losses),
            stopped_early=progress.is_over and progress.epoch < settings.epochs,
            micro_tokens=progress.micro_tokens,
            took_s=round(progress.took_s, 3),
            resumed_at=resumed_at,
        )
        if is_main:
            write_json(self.folder / REPORT, self._report(trained))
            checkpoints.remove_all()
            if not settings.keep_epochs:
                shutil.rmtree(self.folder / EPOCHS, ignore_errors=True)
        return trained

    def _report(self, trained: Trained) -> dict[str, Any]:
        return {
            "key": self.key,
            "model": self.order.model.name,
            "settings": self.order.settings.said(),
            "trained": {name: value for name, value in asdict(trained).items() if name not in ("folder", "is_old")},
            "left_out": dict(self.lesson.left_out.counts),
            "versions": {name: version(name) for name in _NAMED},
        }


def _digests(folder: Path) -> tuple[str, ...]:
    return tuple(sha256_of(file) for file in weight_files(folder))


def _tupled(value: Any) -> Any:
    return tuple(value) if isinstance(value, list) else value
