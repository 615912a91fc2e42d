"""What a run has learnt and what its optimizer remembers, read and put back: whole, or gathered from shards."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

import torch
from safetensors.torch import load_file, save_file

if TYPE_CHECKING:
    from accelerate import Accelerator

_LEARNT, _OPTIMIZER = "learnt.safetensors", "optimizer.safetensors"
_BETWEEN = "|"  # between a weight's name and what the optimizer remembers of it

Weights = dict[str, torch.Tensor]


class State(Protocol):
    """How a run's state is reached. Every process calls each method; only the main one gets weights and writes."""

    def learnt(self) -> Weights:
        """Return the weights that learn, by name, on the CPU."""

    def save(self, folder: Path) -> None:
        """Write what is needed to go on."""

    def load(self, folder: Path) -> None:
        """Put back what `save` wrote."""


def state_of(accelerator: Accelerator, model: torch.nn.Module, optimizer: Any) -> State:
    """Return how to reach the state, by how the weights are spread."""
    kind = accelerator.distributed_type.value
    if kind == "DEEPSPEED":
        return EngineState(accelerator, model)
    inner = optimizer.optimizer if hasattr(optimizer, "optimizer") else optimizer
    if kind == "FSDP":
        return ShardedState(model, inner, is_main=accelerator.is_main_process)
    return WholeState(accelerator.unwrap_model(model), inner, is_main=accelerator.is_main_process)


class WholeState:
    """Every process holds all weights."""

    def __init__(self, model: torch.nn.Module, optimizer: torch.optim.Optimizer, *, is_main: bool) -> None:
        self._model = model
        self._optimizer = optimizer
        self._is_main = is_main

    def _learning(self) -> Iterator[tuple[str, torch.nn.Parameter]]:
        return ((name, each) for name, each in self._model.named_parameters() if each.requires_grad)

    def learnt(self) -> Weights:
        """Return copies of the weights that learn."""
        return {name: each.detach().cpu().clone() for name, each in self._learning()} if self._is_main else {}

    def save(self, folder: Path) -> None:
        """Write weights and moments."""
        if not self._is_main:
            return
        state = {name: self._optimizer.state[each] for name, each in self._learning()}
        save_file(self.learnt(), folder / _LEARNT)
        save_file(_flat(state), folder / _OPTIMIZER)

    @torch.no_grad()
    def load(self, folder: Path) -> None:
        """Put weights and moments back, on every process."""
        learnt, state = load_file(folder / _LEARNT), _nested(load_file(folder / _OPTIMIZER))
        for name, each in self._learning():
            each.copy_(learnt[name])
            self._optimizer.state[each] = {
                key: value if key == "step" else value.to(each.device) for key, value in state[name].items()
            }


class ShardedState:
    """Each process holds a part of the weights (FSDP); what is written is whole, whatever their number."""

    def __init__(self, model: torch.nn.Module, optimizer: torch.optim.Optimizer, *, is_main: bool) -> None:
        self._model = model
        self._optimizer = optimizer
        self._is_main = is_main

    def learnt(self) -> Weights:
        """Return the weights that learn, gathered."""
        from torch.distributed.checkpoint.state_dict import get_model_state_dict

        held: Any = get_model_state_dict(self._model, options=_gathered())
        return dict(held)

    def save(self, folder: Path) -> None:
        """Write weights and moments, gathered."""
        from torch.distributed.checkpoint.state_dict import get_optimizer_state_dict

        learnt = self.learnt()
        held: Any = get_optimizer_state_dict(self._model, self._optimizer, options=_gathered())
        if self._is_main:
            save_file(learnt, folder / _LEARNT)
            save_file(_flat(held["state"]), folder / _OPTIMIZER)

    def load(self, folder: Path) -> None:
        """Put weights and moments back: the main process reads, and hands out."""
        from torch.distributed.checkpoint.state_dict import (
            StateDictOptions,
            get_optimizer_state_dict,
            set_model_state_dict,
            set_optimizer_state_dict,
        )

        hands_out = torch.distributed.is_initialized() and torch.distributed.get_world_size() > 1
        options = StateDictOptions(full_state_dict=True, strict=False, broadcast_from_rank0=hands_out)
        learnt: Any = load_file(folder / _LEARNT) if self._is_main else {}
        set_model_state_dict(self._model, learnt, options=options)
        held: Any = get_optimizer_state_dict(self._model, self._optimizer, options=_gathered())
        if self._is_main:
            held["state"] = _nested(load_file(folder / _OPTIMIZER))
        set_optimizer_state_dict(self._model, self._optimizer, held, options=options)


class EngineState:
    """DeepSpeed holds the weights and writes its own files, into the same folders."""

    def __init__(self, accelerator: Accelerator, model: torch.nn.Module) -> None:
        self._accelerator = accelerator
        self._model = model

    def learnt(self) -> Weights:
        """Return the weights that learn, gathered."""
        names = {name for name, each in self._model.named_parameters() if each.requires_grad}
        held = self._accelerator.get_state_dict(self._model)
        return {n.removeprefix("module."): t for n, t in held.items() if n in names or f"module.{n}" in names}

    def save(self, folder: Path) -> None:
        """Have every process write its part."""
        self._accelerator.save_state(str(folder))

    def load(self, folder: Path) -> None:
        """Have every process read its part."""
        self._accelerator.load_state(str(folder))


def _gathered() -> Any:
    from torch.distributed.checkpoint.state_dict import StateDictOptions

    return StateDictOptions(full_state_dict=True, cpu_offload=True, ignore_frozen_params=True)


def _flat(state: Mapping[str, Mapping[str, torch.Tensor]]) -> Weights:
    return {
        f"{name}{_BETWEEN}{key}": value.detach().cpu().contiguous()
        for name, held in state.items()
        for key, value in held.items()
    }


def _nested(flat: Mapping[str, torch.Tensor]) -> dict[str, dict[str, torch.Tensor]]:
    nested: dict[str, dict[str, torch.Tensor]] = {}
    for name, value in flat.items():
        weight, _, key = name.rpartition(_BETWEEN)
        nested.setdefault(weight, {})[key] = value
    return nested
