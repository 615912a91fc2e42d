"""Tiny students of random weights, with adapters that change what they say: what they say is noise, and sure."""

from __future__ import annotations

from pathlib import Path

import torch

from pipeline.tiny.student_model import Shape, new_model
from pipeline.tiny.student_tokenizer import for_transformers, trained_tokenizer
from pipeline.training.adapters import with_new_adapter, write_adapter
from pipeline.training.settings import Lora
from pipeline.training.weights import fingerprint

LONGEST = 256
_SHAPE = Shape(vocabulary=400, hidden=64, inner=96, layers=2, longest=LONGEST)
_TEXTS = ("Owls hunt at night and eat voles, mice and frogs.", "What do owls eat? Über den Fluß fliegt die Eule.")


def write_student(folder: Path, seed: int = 1) -> Path:
    "A model, its tokenizer and its chat template; another seed gives other weights."
    tokenizer = for_transformers(trained_tokenizer(_TEXTS, _SHAPE.vocabulary), LONGEST)
    model = new_model(_SHAPE, seed)
    with torch.no_grad():  # random weights are nearly indifferent: let them have an opinion, and no wish to end
        for parameter in model.parameters():
            parameter.mul_(4.0 if parameter.dim() > 1 else 1.0)
    model.save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return folder


def write_random_adapter(folder: Path, base: Path, seed: int) -> Path:
    "An adapter for this base, large enough to change every answer."
    from transformers import AutoModelForCausalLM

    plain = AutoModelForCausalLM.from_pretrained(base, dtype=torch.float32)
    model = with_new_adapter(plain, Lora(rank=4, alpha=8, dropout=0.0))
    from peft import get_peft_model_state_dict

    torch.manual_seed(seed)
    weights = {name: 0.2 * torch.randn_like(tensor) for name, tensor in get_peft_model_state_dict(model).items()}
    write_adapter(folder, weights, model, fingerprint(base))
    return folder
