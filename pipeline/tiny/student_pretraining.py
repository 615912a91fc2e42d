"""How the tiny student is taught: readings as batches of like lengths, and a loss on what it can foretell."""

from __future__ import annotations

import os
import random
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

os.environ["OMP_WAIT_POLICY"] = "passive"  # threads that spin while they wait stop one another

import torch
from torch.nn import functional

from pipeline.tiny.student_course import Course
from pipeline.tiny.student_tokenizer import ASSISTANT, SPECIAL, written

if TYPE_CHECKING:
    from tokenizers import Tokenizer
    from transformers import LlamaForCausalLM

    from pipeline.tiny.student_text import Reading

_WINDOW = 2048  # readings that are sorted by length together
_WARM_UP_STEPS = 30
_CLIP = 1.0
_BETAS = 0.9, 0.95
_MOMENTUM = 0.95
_MATRIX = 2  # dimensions

Tell = Callable[[float, str], None]


@dataclass(frozen=True, slots=True)
class Line:
    """A reading as tokens. The loss counts them from `learnt_from` on: a question cannot be foretold."""

    kind: str
    tokens: tuple[int, ...]
    learnt_from: int


def lines_of(readings: Sequence[Reading], tokenizer: Tokenizer) -> list[Line]:
    """Return the readings as tokens."""
    answers = SPECIAL.index(ASSISTANT)
    found = []
    for reading, encoded in zip(readings, tokenizer.encode_batch([written(r) for r in readings]), strict=True):
        start = encoded.ids.index(answers) + 1 if reading.turns else 1
        found.append(Line(reading.kind, tuple(encoded.ids), start))
    return found


def first_tokens(lines: Sequence[Line], most: int) -> list[Line]:
    """Return the first lines that have so many tokens together."""
    found, tokens = [], 0
    for line in lines:
        tokens += len(line.tokens)
        if tokens > most:
            break
        found.append(line)
    return found


def teach(
    model: LlamaForCausalLM, lines: Sequence[Line], course: Course, seed: int, tell: Tell = lambda *_: None
) -> None:
    """Let the model read the lines once, in place. `tell` is told the share that is done, and a few words."""
    batches = _batches(lines, course.batch_tokens, seed)
    optimizers = _optimizers(model, course)
    model.train()
    for step, batch in enumerate(batches):
        pace = _pace(step, len(batches), course.slow_down_share)
        for optimizer, rate in optimizers:
            for group in optimizer.param_groups:
                group["lr"] = rate * pace
        scores, right = foretold(model, batch)
        loss = functional.cross_entropy(scores, right)
        loss.backward()  # type: ignore[no-untyped-call]
        torch.nn.utils.clip_grad_norm_(model.parameters(), _CLIP)
        for optimizer, _rate in optimizers:
            optimizer.step()
            optimizer.zero_grad()
        tell((step + 1) / len(batches), f"step {step + 1} of {len(batches)}, loss {loss.item():.2f}")
    model.eval()  # type: ignore[no-untyped-call]


def foretold(model: LlamaForCausalLM, batch: Sequence[Line]) -> tuple[torch.Tensor, torch.Tensor]:
    """Return scores and right token for each token that counts. Shapes: (tokens, vocabulary), (tokens).

    Padding follows the text, where no token looks back at it.
    """
    width = max(len(line.tokens) for line in batch)
    tokens = torch.full((len(batch), width), model.config.pad_token_id or 0)
    counts = torch.zeros(len(batch), width, dtype=torch.bool)
    for row, line in enumerate(batch):
        tokens[row, : len(line.tokens)] = torch.tensor(line.tokens)
        counts[row, line.learnt_from : len(line.tokens)] = True
    hidden = model.model(input_ids=tokens, use_cache=False).last_hidden_state[:, :-1]
    counted = counts[:, 1:]
    return model.lm_head(hidden[counted]), tokens[:, 1:][counted]


@contextmanager
def repeatable(threads: int) -> Iterator[None]:
    """Let the same steps give the same weights meanwhile, on so many threads."""
    before = torch.get_num_threads(), torch.are_deterministic_algorithms_enabled()
    torch.set_num_threads(threads)
    torch.use_deterministic_algorithms(True)
    try:
        yield
    finally:
        torch.set_num_threads(before[0])
        torch.use_deterministic_algorithms(before[1])


def _optimizers(model: LlamaForCausalLM, course: Course) -> list[tuple[torch.optim.Optimizer, float]]:
    """Return the optimizers with their learning rates.

    Muon makes the matrices of the layers learn twice as fast as AdamW does; for embeddings it is not made.
    """
    matrices: list[torch.nn.Parameter] = []
    others: list[torch.nn.Parameter] = []
    for name, parameter in model.named_parameters():
        is_matrix = parameter.ndim == _MATRIX and "embed_tokens" not in name
        (matrices if is_matrix else others).append(parameter)
    muon = torch.optim.Muon(matrices, lr=course.matrix_learning_rate, momentum=_MOMENTUM, weight_decay=0.0)
    adam = torch.optim.AdamW(others, lr=course.learning_rate, betas=_BETAS, weight_decay=0.0)
    return [(muon, course.matrix_learning_rate), (adam, course.learning_rate)]


def _batches(lines: Sequence[Line], most_tokens: int, seed: int) -> list[list[Line]]:
    """Return the lines in batches of like lengths, in an order that has nothing to do with length."""
    chance = random.Random(f"batches {seed}")  # noqa: S311 - not for secrets
    found: list[list[Line]] = []
    for begin in range(0, len(lines), _WINDOW):
        window: list[list[Line]] = [[]]
        for line in sorted(lines[begin : begin + _WINDOW], key=lambda line: len(line.tokens)):
            if window[-1] and len(line.tokens) * (len(window[-1]) + 1) > most_tokens:
                window.append([])
            window[-1].append(line)
        chance.shuffle(window)
        found += window
    return found


def _pace(step: int, steps: int, slow_down_share: float) -> float:
    """Return the share of the full learning rate: a line up, then level, then a line down to nothing."""
    up = (step + 1) / min(_WARM_UP_STEPS, max(1, steps // 4))
    down = (steps - step) / max(1.0, steps * slow_down_share)
    return min(1.0, up, down)
