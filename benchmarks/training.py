"""Training beside a plain Hugging Face `Trainer` with peft: the same model, samples, order of size, and machine.

`python -m benchmarks.training [--corpus FILE]`. What is counted are tokens of samples, never of padding.
"""

from __future__ import annotations

import argparse
import os
import random
import statistics
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

os.environ.setdefault("HF_HUB_OFFLINE", "1")

import torch
from transformers import AutoModelForCausalLM, AutoTokenizer, LlamaConfig, LlamaForCausalLM

from benchmarks.corpus import read_corpus
from benchmarks.tiny_llama import make
from pipeline.datasets import write_jsonl
from pipeline.training.lesson import Lesson, read_lesson
from pipeline.training.metrics import read_metrics
from pipeline.training.settings import ALL_LINEAR, Lora, TrainingSettings
from pipeline.training.training import METRICS, TrainingOrder, train

_BATCH = 16  # samples of a step
_MICRO_BATCH = 8  # rows that the Trainer computes at once, its own default
# lengths of question, answer and context in the seed examples of the recorded pull requests, in characters, at each
# twentieth of the way; used where the records are not at hand
_TWENTIETHS = (4, 38, 52, 65, 79, 92, 104, 114, 126, 137, 148, 165, 189, 214, 243, 279, 330, 405, 532, 699, 4200)


@dataclass(frozen=True, slots=True)
class Run:
    """What one way of training gave."""

    name: str
    tokens_per_s: float
    padding_share: float

    def row(self, ours: float) -> str:
        """Return a line of the table."""
        ratio = ours / self.tokens_per_s
        return f"| {self.name} | {self.tokens_per_s:,.0f} | {self.padding_share:.1%} | {ratio:.2f} |"


def lengths_of(corpus: Path | None, samples: int) -> list[int]:
    """Return lengths in characters as they are mixed in seed examples."""
    draw = random.Random(0)
    if corpus is None:
        at = [draw.random() * 20 for _ in range(samples)]
        return [round(_TWENTIETHS[int(x)] + (x % 1) * (_TWENTIETHS[int(x) + 1] - _TWENTIETHS[int(x)])) for x in at]
    found = sorted(_seed_lengths(corpus))
    return [draw.choice(found) for _ in range(samples)]


def _seed_lengths(corpus: Path) -> Iterator[int]:
    for pull_request in read_corpus(corpus):
        for leaf in pull_request.contribution().leaves:
            for seed in leaf.seed_examples:
                shown = len(seed.context.text) if seed.context and not leaf.is_knowledge else 0
                for pair in seed.pairs:
                    yield shown + sum(len(each.text) for each in (pair.question, pair.answer) if each)


def samples_of(lengths: Sequence[int]) -> Iterator[dict[str, Any]]:
    """Yield chats as long in tokens as those of such lengths are for a large model, a third of each the question.

    A large model's tokens are of four characters, those of the words here of five and a half.
    """
    draw = random.Random(1)
    words = ["owls", "river", "hunt", "night", "valley", "reaches", "beetles", "question", "frogs", "hundred"]
    for number, length in enumerate(lengths):
        text = " ".join(draw.choice(words) for _ in range(length // 4 + 3))[: max(8, length * 11 // 8)]
        cut = max(4, len(text) // 3)
        said = [{"role": "user", "content": text[:cut]}, {"role": "assistant", "content": text[cut:] or "Yes."}]
        yield {"id": str(number), "messages": said, "metadata": {"split": "train"}}


def a_student(folder: Path, width: int, layers: int) -> None:
    """Write a student with random weights, large enough for its layers to be what takes the time."""
    make(folder)
    tokenizer = AutoTokenizer.from_pretrained(folder)
    torch.manual_seed(0)
    config = LlamaConfig(
        vocab_size=max(4096, len(tokenizer)),
        hidden_size=width,
        intermediate_size=width * 8 // 3,
        num_hidden_layers=layers,
        num_attention_heads=width // 64,
        num_key_value_heads=width // 64,
        max_position_embeddings=4096,
        pad_token_id=tokenizer.pad_token_id,
    )
    LlamaForCausalLM(config).save_pretrained(folder)


def with_ours(name: str, model: Path, data: Path, folder: Path, **changes: Any) -> Run:
    """Train by this project's loop; the first step warms up and does not count."""
    settings = TrainingSettings(learning_rate=1e-4, epochs=1, lora=Lora(targets=(ALL_LINEAR,)), **changes)
    found = train(TrainingOrder(model, (data,), settings), folder)
    steps = [row for row in read_metrics(folder / METRICS) if "loss" in row][1:]
    took_s = sum(row["tokens"] / row["tokens_per_s"] for row in steps)
    return Run(name, sum(row["tokens"] for row in steps) / took_s, found.padding_share)


def with_trainer(name: str, model: Path, lesson: Lesson, folder: Path, *, group_by_length: bool) -> Run:
    """Train by Hugging Face's Trainer and peft, each batch padded to its longest sample."""
    from peft import LoraConfig, get_peft_model
    from transformers import DataCollatorForSeq2Seq, Trainer, TrainerCallback, TrainingArguments

    class Clock(TrainerCallback):
        """Notes when each step ends."""

        def __init__(self) -> None:
            self.ends: list[float] = []

        def on_step_end(self, *_: Any, **__: Any) -> None:
            self.ends.append(time.perf_counter())

    class Counting(DataCollatorForSeq2Seq):
        """Notes what each batch holds."""

        batches: list[tuple[int, int]] = []  # noqa: RUF012 - of this class alone

        def __call__(self, features: Any, return_tensors: Any = None) -> Any:
            batch = super().__call__(features, return_tensors)
            self.batches.append((int(batch["attention_mask"].sum()), batch["input_ids"].numel()))
            return batch

    tokenizer = AutoTokenizer.from_pretrained(model)
    rows = [
        {
            "input_ids": list(sample.tokens),
            "attention_mask": [1] * len(sample),
            "labels": [t if c else -100 for t, c in zip(sample.tokens, sample.counted, strict=True)],
        }
        for sample in lesson.train
    ]
    torch.manual_seed(0)
    lora = LoraConfig(r=16, lora_alpha=32, lora_dropout=0.1, target_modules=ALL_LINEAR, task_type="CAUSAL_LM")
    student = get_peft_model(AutoModelForCausalLM.from_pretrained(model, dtype=torch.float32), lora)
    arguments = TrainingArguments(
        output_dir=str(folder),
        per_device_train_batch_size=_MICRO_BATCH,
        gradient_accumulation_steps=_BATCH // _MICRO_BATCH,
        num_train_epochs=1,
        learning_rate=1e-4,
        lr_scheduler_type="cosine",
        warmup_steps=10,
        max_grad_norm=1.0,
        adam_beta2=0.95,
        logging_strategy="no",
        save_strategy="no",
        report_to=[],
        use_cpu=not torch.cuda.is_available(),
        disable_tqdm=True,
        seed=0,
        train_sampling_strategy="group_by_length" if group_by_length else "random",
    )
    clock = Clock()
    collator = Counting(tokenizer, padding=True)
    trainer = Trainer(model=student, args=arguments, train_dataset=rows, data_collator=collator, callbacks=[clock])
    trainer.train()
    steps = len(clock.ends)
    counted = collator.batches[: steps * _BATCH // _MICRO_BATCH]
    tokens = sum(own for own, _ in counted[_BATCH // _MICRO_BATCH :])  # the first step warms up
    share = 1 - sum(own for own, _ in counted) / sum(computed for _, computed in counted)
    return Run(name, tokens / (clock.ends[-1] - clock.ends[0]), share)


def middle(runs: Sequence[Run]) -> Run:
    """Return the run of the middle speed."""
    return sorted(runs, key=lambda run: run.tokens_per_s)[len(runs) // 2]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--corpus", type=Path, help="recorded pull requests, for their mix of lengths")
    parser.add_argument("--samples", type=int, default=256)
    parser.add_argument("--width", type=int, default=256)
    parser.add_argument("--layers", type=int, default=4)
    parser.add_argument("--times", type=int, default=3)
    options = parser.parse_args()
    lengths = lengths_of(options.corpus, options.samples)
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place)
        data, model = folder / "samples.jsonl", folder / "student"
        write_jsonl(data, samples_of(lengths))
        a_student(model, options.width, options.layers)
        lesson = read_lesson((data,), AutoTokenizer.from_pretrained(model), 4096)
        ways: dict[str, Callable[[int], Run]] = {
            "packed": lambda n: with_ours("packed", model, data, folder / f"packed-{n}"),
            "like lengths, padded": lambda n: with_ours(
                "like lengths, padded", model, data, folder / f"padded-{n}", is_packed=False, micro_tokens=1024
            ),
            "Trainer + peft": lambda n: with_trainer(
                "Trainer + peft", model, lesson, folder / f"trainer-{n}", group_by_length=False
            ),
            "Trainer + peft, group_by_length": lambda n: with_trainer(
                "Trainer + peft, group_by_length", model, lesson, folder / f"grouped-{n}", group_by_length=True
            ),
        }
        rounds = [[way(number) for way in ways.values()] for number in range(options.times)]  # in turns
    runs = [middle(of_way) for of_way in zip(*rounds, strict=True)]
    _tell(runs, lesson, options)


def _tell(runs: Sequence[Run], lesson: Lesson, options: argparse.Namespace) -> None:
    own = [len(sample) for sample in lesson.train]
    print(
        f"\n{len(own)} samples of {min(own)} to {max(own)} tokens, {statistics.mean(own):.0f} on average, half "
        f"of them below {statistics.median(own):.0f}; {_BATCH} samples a step\n"
        f"width {options.width}, {options.layers} layers, LoRA on all layers, {torch.get_num_threads()} threads\n"
    )
    print("| way | tokens/s, padding not counted | padding | packed is so many times as fast |\n|---|---|---|---|")
    for run in runs:
        print(run.row(runs[0].tokens_per_s))


if __name__ == "__main__":
    main()
