"""The learner: a student made ready to learn on the devices that are there, with settings that fit their memory."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import torch

from pipeline.training.adapters import with_new_adapter
from pipeline.training.attention import keeps_samples_apart
from pipeline.training.errors import StudentError
from pipeline.training.lesson import Lesson
from pipeline.training.loop import Learner
from pipeline.training.memory import Shape, check, free_bytes
from pipeline.training.metrics import Work
from pipeline.training.settings import Quantized, TrainingSettings
from pipeline.training.state import state_of
from pipeline.training.student import Student

if TYPE_CHECKING:
    from accelerate import Accelerator


def an_accelerator() -> Accelerator:
    """Return what spreads the work: as `accelerate launch` set it up, else one GPU in bf16, or the CPU in fp32."""
    from accelerate import Accelerator

    on_gpu = torch.cuda.is_available()
    accelerator = Accelerator(cpu=not on_gpu, mixed_precision="bf16" if on_gpu else "no")
    engine = getattr(accelerator.state, "deepspeed_plugin", None)
    if engine is not None:  # it asks for a number that it would take from a loader of data
        engine.deepspeed_config["train_micro_batch_size_per_gpu"] = 1
    return accelerator


@contextlib.contextmanager
def sure_chance(seed: int) -> Iterator[None]:
    """Let chance be decided by the seed, and computing on a CPU be the same each time; put back what was before."""
    was_sure = torch.are_deterministic_algorithms_enabled()
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        if not torch.cuda.is_available():
            torch.use_deterministic_algorithms(True)
        try:
            yield
        finally:
            torch.use_deterministic_algorithms(was_sure)


def fitting(settings: TrainingSettings, lesson: Lesson, shape: Shape, accelerator: Accelerator) -> TrainingSettings:
    """Return the settings with micro-batches no larger than a step can be. Raises MemoryShortError."""
    most = max(lesson.longest, lesson.most_in_a_step(settings.effective_batch))
    cut = replace(settings, micro_tokens=max(lesson.longest, min(settings.micro_tokens, most)))
    device = accelerator.device
    is_spread = accelerator.distributed_type.value in ("FSDP", "DEEPSPEED")
    devices = accelerator.num_processes if is_spread else 1
    check(shape, cut, lesson.longest, free_bytes(device), on_gpu=device.type == "cuda", devices=devices)
    return cut


def dtype_of(settings: TrainingSettings, accelerator: Accelerator) -> torch.dtype:
    """Return in which precision weights are held: what stays as it is may be held in half of it on a GPU."""
    return torch.bfloat16 if accelerator.device.type == "cuda" and settings.lora else torch.float32


def a_learner(student: Student, settings: TrainingSettings, shape: Shape, accelerator: Accelerator) -> Learner:
    """Return the student ready to learn: with adapter, optimizer, and the attention that it proves to bear."""
    base: Any = student.model
    if settings.lora is None:
        model = base
    else:
        if settings.lora.quantized is not Quantized.NO and accelerator.device.type != "cuda":
            raise StudentError("Four bits need a GPU: train without --quantize 4bit.")
        model = with_new_adapter(base, settings.lora)
    if settings.gradient_checkpointing:
        base.gradient_checkpointing_enable(gradient_checkpointing_kwargs={"use_reentrant": False})
        base.enable_input_require_grads()
    learning = [each for each in model.parameters() if each.requires_grad]
    optimizer = torch.optim.AdamW(
        learning, lr=settings.learning_rate, betas=settings.betas, weight_decay=settings.weight_decay
    )
    head = base.get_output_embeddings()
    in_head = 0 if head is None else head.weight.numel()
    prepared: Any = accelerator.prepare(model, optimizer)
    ready, stepper = prepared
    work = Work(
        in_layers=shape.linear,
        in_head=in_head,
        learning=sum(each.numel() for each in learning),
        layers=shape.layers,
        width=shape.heads_width,
    )
    is_packed = settings.is_packed and keeps_samples_apart(ready, accelerator.device, shape.vocabulary)
    if not is_packed:
        base.set_attn_implementation(student.plain_attention)
    return Learner(ready, stepper, accelerator, state_of(accelerator, ready, stepper), work, is_packed)
