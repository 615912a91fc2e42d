"""A student with its adapters on it, in one load: it is itself, or wears one of them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch

from pipeline.training.adapters import put_on, read_adapter
from pipeline.training.errors import StudentError
from pipeline.training.student import Student, load_student
from pipeline.training.weights import fingerprint

if TYPE_CHECKING:
    from peft import PeftModel
    from transformers import PreTrainedModel

DTYPES = ("auto", "float32", "bfloat16", "float16")


@dataclass(slots=True)
class Adapted:
    """A model that answers as itself or with one of its adapters. Only one thread may use it."""

    student: Student
    model: PreTrainedModel | PeftModel
    adapters: tuple[str, ...]
    device: torch.device
    _worn: str = field(default="", init=False)

    def wear(self, adapter: str) -> None:
        """Answer with this adapter from now on; as the base model, where it is empty."""
        if adapter == self._worn or not self.adapters:
            return
        layers: Any = self.model.base_model
        if not adapter:
            layers.disable_adapter_layers()
        else:
            if not self._worn:
                layers.enable_adapter_layers()
            layers.set_adapter(adapter)
        self._worn = adapter

    def take_on(self, name: str, folder: Path) -> None:
        """Have one more adapter; the model wears none then. Raises AdapterError, and nothing has changed."""
        lora, weights = read_adapter(folder, self.student.fingerprint)
        self.wear("")
        adapted: Any = put_on(self.model, name, lora, weights, folder)
        self.model = adapted.to(self.device).eval().requires_grad_(requires_grad=False)
        self.adapters = (*self.adapters, name)
        adapted.base_model.disable_adapter_layers()

    def let_go(self, name: str) -> None:
        """Have an adapter no more; the model wears none then."""
        self.wear("")
        adapted: Any = self.model
        adapted.delete_adapter(name)
        self.adapters = tuple(each for each in self.adapters if each != name)
        adapted.base_model.disable_adapter_layers()

    @contextmanager
    def wearing(self, adapter: str) -> Iterator[None]:
        """Wear an adapter, or none, meanwhile."""
        before = self._worn
        self.wear(adapter)
        try:
            yield
        finally:
            self.wear(before)


def load_adapted(folder: Path, adapters: Mapping[str, Path], *, device: str = "", dtype: str = "auto") -> Adapted:
    """Return the model in a folder with these adapters; it wears none yet.

    `device` is such as "cuda:0"; without one it is a GPU where there is one. Raises StudentError, and AdapterError
    before the model is loaded.
    """
    base = fingerprint(folder)
    read = {name: read_adapter(place, base) for name, place in adapters.items()}
    where = _device(device)
    student = load_student(folder, _dtype(dtype, where))
    model: Any = student.model
    model.set_attn_implementation(student.plain_attention)  # padded rows: packs have no place here
    for name, (lora, weights) in read.items():
        model = put_on(model, name, lora, weights, adapters[name])
    model = model.to(where).eval().requires_grad_(requires_grad=False)
    if adapters:
        model.base_model.disable_adapter_layers()
    return Adapted(student, model, tuple(adapters), where)


def _device(name: str) -> torch.device:
    try:
        device = torch.device(name or ("cuda" if torch.cuda.is_available() else "cpu"))
    except RuntimeError:
        raise StudentError(f'"{name[:40]}" is no device. Say cpu, cuda or such as cuda:1.') from None
    if device.type == "cuda" and not torch.cuda.is_available():
        raise StudentError("There is no GPU that torch can use on this machine. Leave the device out.")
    return device


def _dtype(name: str, device: torch.device) -> torch.dtype:
    if name not in DTYPES:
        raise StudentError(f'"{name[:40]}" is none of {", ".join(DTYPES)}.')
    if name != "auto":
        found: torch.dtype = getattr(torch, name)
        return found
    return torch.bfloat16 if device.type == "cuda" and torch.cuda.is_bf16_supported() else torch.float32
