"""Trains a model of granite-7b's shape, its weights random, on a GPU: tokens/s, share of the peak (MFU), memory.

`python -m benchmarks.gpu.training [--quantize 4bit] [--dry-run]`. A dry run goes the same way with a small model on
whatever is there, and proves the script, not the machine.
"""

from __future__ import annotations

import argparse
import os
import statistics
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

os.environ.setdefault("HF_HUB_OFFLINE", "1")

import torch
from transformers import AutoTokenizer, LlamaConfig, LlamaForCausalLM

from benchmarks.tiny_llama import make
from benchmarks.training import lengths_of, samples_of
from pipeline.datasets import write_jsonl
from pipeline.training.memory import GIB, need_of, shape_of
from pipeline.training.metrics import peak_flops, read_metrics
from pipeline.training.settings import ALL_LINEAR, PRESETS, Preset, Quantized, TrainingSettings
from pipeline.training.training import METRICS, TrainingOrder, train

_WARM_UP = 3  # steps that do not count


def a_config(*, is_small: bool) -> LlamaConfig:
    """Return the shape of granite-7b (a Llama), or of something that a dry run trains in seconds."""
    sizes: dict[str, Any] = {
        "hidden_size": 4096,
        "intermediate_size": 11008,
        "num_hidden_layers": 32,
        "num_attention_heads": 32,
        "num_key_value_heads": 32,
    }
    if is_small:
        sizes = {
            "hidden_size": 64,
            "intermediate_size": 128,
            "num_hidden_layers": 2,
            "num_attention_heads": 2,
            "num_key_value_heads": 2,
        }
    return LlamaConfig(vocab_size=1024 if is_small else 32008, max_position_embeddings=4096, **sizes)


def write_student(folder: Path, config: LlamaConfig) -> None:
    """Write the model with random weights in bf16; on a GPU they are made there, which is quicker."""
    make(folder)
    tokenizer = AutoTokenizer.from_pretrained(folder)
    config.pad_token_id = tokenizer.pad_token_id
    torch.manual_seed(0)
    with torch.device("cuda" if torch.cuda.is_available() else "cpu"):
        torch.set_default_dtype(torch.bfloat16)
        try:
            model = LlamaForCausalLM(config)
        finally:
            torch.set_default_dtype(torch.float32)
    model.save_pretrained(folder, max_shard_size="4GB")
    del model
    if torch.cuda.is_available():
        torch.cuda.empty_cache()


def settings_of(options: argparse.Namespace) -> TrainingSettings:
    """Return the defaults for pull requests with what was asked for."""
    return replace(PRESETS[Preset.PULL_REQUEST], epochs=1, checkpoint_steps=10_000).having(
        effective_batch=options.effective_batch,
        micro_tokens=options.micro_tokens,
        gradient_checkpointing=options.gradient_checkpointing,
        quantized=options.quantize,
        targets=(ALL_LINEAR,) if options.all_linear else None,
    )


def main(arguments: Sequence[str]) -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--samples", type=int, default=2048)
    parser.add_argument("--effective-batch", type=int, default=128, help="samples of a step")
    parser.add_argument("--micro-tokens", type=int, default=8192)
    parser.add_argument("--gradient-checkpointing", action="store_true", default=None)
    parser.add_argument("--all-linear", action="store_true", help="adapt all layers, not those of attention alone")
    parser.add_argument("--quantize", type=Quantized, choices=list(Quantized), default=Quantized.NO)
    parser.add_argument("--dry-run", action="store_true", help="a small model, and few samples")
    options = parser.parse_args(arguments)
    if options.dry_run:
        options.samples, options.effective_batch, options.micro_tokens = 40, 8, 512
    elif not torch.cuda.is_available():
        sys.exit("There is no GPU here: --dry-run proves the script without one.")
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place)
        config = a_config(is_small=options.dry_run)
        write_student(folder / "student", config)
        write_jsonl(folder / "samples.jsonl", samples_of(lengths_of(None, options.samples)))
        settings = settings_of(options)
        if torch.cuda.is_available():
            torch.cuda.reset_peak_memory_stats()
        order = TrainingOrder(folder / "student", (folder / "samples.jsonl",), settings)
        found = train(order, folder / "out", lambda _, said: print(said, flush=True))
        steps = [row for row in read_metrics(folder / "out" / METRICS) if "loss" in row][_WARM_UP:]
        fitted = replace(settings, micro_tokens=found.micro_tokens)
        need = need_of(shape_of(config), fitted, on_gpu=torch.cuda.is_available())
    _tell(steps, need.all, found.is_packed, options)


def _tell(steps: Sequence[dict[str, Any]], need: float, is_packed: bool, options: argparse.Namespace) -> None:
    on_gpu = torch.cuda.is_available()
    device = torch.cuda.get_device_name() if on_gpu else "CPU"
    tokens_per_s = sum(row["tokens"] for row in steps) / sum(row["tokens"] / row["tokens_per_s"] for row in steps)
    shape = "a small model, a dry run" if options.dry_run else "granite-7b shape, random weights"
    cut = "packed" if is_packed else "padded"
    print(f"\n{device}, torch {torch.__version__}; {shape}; {cut}, {len(steps)} steps measured\n")
    print("| what | measured |\n|---|---|")
    print(f"| tokens/s, padding not counted | {tokens_per_s:,.0f} |")
    if on_gpu and peak_flops(device):
        print(f"| MFU | {statistics.median(row['mfu'] for row in steps):.1%} |")
    if on_gpu:
        print(f"| peak memory | {max(row['memory_gib'] for row in steps):.1f} GiB |")
    print(f"| memory as estimated | {need / GIB:.1f} GiB |")


if __name__ == "__main__":
    main(sys.argv[1:])
