"""Memory: what a run will need, told before it starts, and what would fit where it does not."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch

from pipeline.training.errors import MemoryShortError
from pipeline.training.settings import ALL_LINEAR, Lora, Quantized, TrainingSettings

if TYPE_CHECKING:
    from transformers import PretrainedConfig

GIB = 2**30
_ADAM_BYTES = 8  # two moments in float32
_FOUR_BIT_BYTES = 0.56  # a weight with its share of the doubly quantized scales
_LEAST_MICRO_TOKENS = 256
_GPU_BYTES = 1.2 * GIB  # what the driver, its libraries and a workspace take
_CPU_BYTES = 0.5 * GIB


@dataclass(frozen=True, slots=True)
class Shape:
    """The sizes of a model that decide what training it takes. `linear` is all its weights that LoRA can adapt."""

    parameters: int
    linear: int
    layers: int
    width: int
    inner: int
    heads_width: int
    kv_width: int
    vocabulary: int


@dataclass(frozen=True, slots=True)
class Need:
    """Bytes on each device."""

    weights: float
    learning: float  # gradients, moments, adapters
    activations: float
    answers: float  # the logits
    overhead: float

    @property
    def all(self) -> float:
        """Everything together."""
        return self.weights + self.learning + self.activations + self.answers + self.overhead


def shape_of(config: PretrainedConfig) -> Shape:
    """Return the sizes of a model, counted on a model without content."""
    from transformers import AutoModelForCausalLM

    kind: Any = AutoModelForCausalLM
    with torch.device("meta"):
        model: torch.nn.Module = kind.from_config(config, trust_remote_code=False)
    head = getattr(model, "lm_head", None)
    linear = [each for each in model.modules() if isinstance(each, torch.nn.Linear) and each is not head]
    said: Any = config.get_text_config()
    heads = int(said.num_attention_heads)
    head_width = int(getattr(said, "head_dim", None) or said.hidden_size // heads)
    return Shape(
        parameters=sum(each.numel() for each in model.parameters()),
        linear=sum(each.weight.numel() for each in linear),
        layers=int(said.num_hidden_layers),
        width=int(said.hidden_size),
        inner=int(getattr(said, "intermediate_size", None) or 4 * said.hidden_size),
        heads_width=heads * head_width,
        kv_width=int(getattr(said, "num_key_value_heads", None) or heads) * head_width,
        vocabulary=int(said.vocab_size),
    )


def need_of(shape: Shape, settings: TrainingSettings, *, on_gpu: bool, devices: int = 1) -> Need:
    """Return what a run needs on each device. It is an estimate, meant to be a little too high."""
    lora = settings.lora
    width = 2 if on_gpu else 4  # bytes of a number that is computed with
    learning = adapter_size(shape, lora) if lora else shape.parameters
    if lora is None:
        weights = 4.0 * shape.parameters
    elif lora.quantized is Quantized.FOUR_BIT:
        weights = _FOUR_BIT_BYTES * shape.linear + width * (shape.parameters - shape.linear)
    else:
        weights = float(width * shape.parameters)
    return Need(
        weights=weights / devices,
        learning=learning * (4 + _ADAM_BYTES + (4 if lora else 0)) / devices,
        activations=_activations(shape, settings, width),
        # once as computed, then in float32 for the loss, its gradient, and one of both for the layer
        answers=float(settings.micro_tokens) * shape.vocabulary * (2 * width + 8),
        overhead=_GPU_BYTES if on_gpu else _CPU_BYTES,
    )


def adapter_size(shape: Shape, lora: Lora) -> int:
    """Return about how many weights an adapter has."""
    of_attention = (shape.width + shape.heads_width) * 2 + (shape.width + shape.kv_width) * 2
    of_mlp = 3 * (shape.width + shape.inner)
    is_all = ALL_LINEAR in lora.targets or len(lora.targets) > 4
    return lora.rank * shape.layers * (of_attention + (of_mlp if is_all else 0))


def _activations(shape: Shape, settings: TrainingSettings, width: int) -> float:
    """Return what the backward pass keeps: of each layer its input alone when the rest is computed again."""
    attention = 3 * shape.heads_width + 2 * shape.kv_width
    layer = 7 * shape.width + attention + 4 * shape.inner
    if settings.lora is not None:  # inputs of adapters, with dropout and in float32, as they are computed
        copies = 3 * shape.width + shape.heads_width
        copies += 2 * shape.width + shape.inner if ALL_LINEAR in settings.lora.targets else 0
        layer += copies * (2 if settings.lora.dropout else 1)
    kept = shape.width * shape.layers + layer if settings.gradient_checkpointing else layer * shape.layers
    return float(settings.micro_tokens) * width * kept


def free_bytes(device: torch.device) -> int:
    """Return how much memory a device has left; on a CPU also what limits of the container leave."""
    if device.type == "cuda":
        return int(torch.cuda.mem_get_info(device)[0])
    told = [_available(Path("/proc/meminfo")), _left_by_container(Path("/sys/fs/cgroup"))]
    return min((each for each in told if each is not None), default=1 << 62)


def _available(file: Path) -> int | None:
    try:
        lines = file.read_text(encoding="ascii").splitlines()
    except OSError:
        return None
    return next((int(line.split()[1]) * 1024 for line in lines if line.startswith("MemAvailable:")), None)


def _left_by_container(folder: Path) -> int | None:
    try:
        most = (folder / "memory.max").read_text(encoding="ascii").strip()
        used = int((folder / "memory.current").read_text(encoding="ascii"))
    except (OSError, ValueError):
        return None
    return int(most) - used if most.isdigit() else None


def check(
    shape: Shape, settings: TrainingSettings, longest: int, free: int, *, on_gpu: bool, devices: int = 1
) -> Need:
    """Return the need. Raises MemoryShortError where there is less, naming what would fit.

    `longest` is the longest sample in tokens: no micro-batch can be smaller.
    """
    need = need_of(shape, settings, on_gpu=on_gpu, devices=devices)
    if need.all <= free:
        return need
    said = (
        f"Training needs about {need.all / GIB:.1f} GiB ({need.weights / GIB:.1f} for weights, "
        f"{need.learning / GIB:.1f} for what learns, {(need.activations + need.answers) / GIB:.1f} for "
        f"micro-batches of {settings.micro_tokens} tokens), and {free / GIB:.1f} GiB are free."
    )
    for options, other in smaller(settings, longest, on_gpu=on_gpu):
        wanted = need_of(shape, other, on_gpu=on_gpu, devices=devices).all
        if wanted <= free:
            raise MemoryShortError(f"{said} This would fit, in {wanted / GIB:.1f} GiB: {options}.")
    raise MemoryShortError(f"{said} Nothing that can be set makes it fit: take a smaller model or more memory.")


def smaller(settings: TrainingSettings, longest: int, *, on_gpu: bool) -> Iterator[tuple[str, TrainingSettings]]:
    """Yield settings that need less, what changes least first, each with its options in words."""
    adapted = [("", settings)]
    if settings.lora is None:
        adapted.append(("--lora ", replace(settings, lora=Lora())))
    if on_gpu and (settings.lora is None or settings.lora.quantized is Quantized.NO):
        four_bit = replace(settings.lora or Lora(), quantized=Quantized.FOUR_BIT)
        lora = "" if settings.lora else "--lora "
        adapted.append((f"{lora}--quantize {Quantized.FOUR_BIT} ", replace(settings, lora=four_bit)))
    for options, each in adapted:
        again = ("--gradient-checkpointing ", replace(each, gradient_checkpointing=True))
        for more, kept in [("", each)] * (not each.gradient_checkpointing) + [again]:
            for tokens in _fewer_tokens(each.micro_tokens, longest):
                if kept == settings and tokens == settings.micro_tokens:
                    continue
                said = f"--micro-tokens {tokens}" if tokens != settings.micro_tokens else ""
                yield f"{options}{more}{said}".strip(), replace(kept, micro_tokens=tokens)


def _fewer_tokens(tokens: int, longest: int) -> Iterator[int]:
    least = max(_LEAST_MICRO_TOKENS, longest)
    yield tokens
    while tokens // 2 >= least:
        tokens //= 2
        yield tokens


def is_out_of_memory(error: BaseException) -> bool:
    """Return whether an error says that memory was short, on a GPU or on a CPU."""
    said = str(error)
    return (
        isinstance(error, torch.OutOfMemoryError | MemoryError)
        or "can't allocate memory" in said
        or "not enough memory" in said
    )
