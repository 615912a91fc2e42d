"""Tiny students with random weights, their tokenizers, and samples for them: small enough to train in a second."""

from __future__ import annotations

import json
import random
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
from tokenizers import Regex, Tokenizer, decoders, models, pre_tokenizers
from transformers import LlamaConfig, LlamaForCausalLM, PreTrainedTokenizerFast

ROLES = ("<|system|>", "<|user|>", "<|assistant|>")
TEMPLATE = (
    "{% for message in messages %}<|{{ message['role'] }}|>\n{{ message['content'] }}</s>\n{% endfor %}"
    "{% if add_generation_prompt %}<|assistant|>\n{% endif %}"
)
WORDS = ("owls", "rivers", "hills", "hunt", "at", "night", "eat", "voles", "mice", "frogs", "three", "valleys")


def byte_tokenizer(template: str | None = TEMPLATE) -> PreTrainedTokenizerFast:
    "A tokenizer with a token for each byte, and one for each role."
    alphabet = sorted(pre_tokenizers.ByteLevel.alphabet())
    vocabulary = {token: number for number, token in enumerate([*alphabet, "<s>", "</s>", *ROLES])}
    raw = Tokenizer(models.BPE(vocab=vocabulary, merges=[]))
    raw.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    raw.decoder = decoders.ByteLevel()
    raw.add_special_tokens(["<s>", "</s>", *ROLES])
    return PreTrainedTokenizerFast(
        tokenizer_object=raw, bos_token="<s>", eos_token="</s>", pad_token="</s>", chat_template=template
    )


def word_tokenizer(template: str, controls: Sequence[str], words: str) -> PreTrainedTokenizerFast:
    "A tokenizer whose tokens are words and line breaks, so that tables of them can be read."
    known = dict.fromkeys([*controls, "\n", *words.split()])
    raw = Tokenizer(
        models.WordLevel({word: number for number, word in enumerate(["<unk>", *known])}, unk_token="<unk>")
    )
    raw.pre_tokenizer = pre_tokenizers.Sequence(
        [pre_tokenizers.Split(Regex(" "), "removed"), pre_tokenizers.Split(Regex("\n"), "isolated")]
    )
    raw.add_special_tokens(list(controls))
    return PreTrainedTokenizerFast(tokenizer_object=raw, unk_token="<unk>", chat_template=template)


def small(**changes: Any) -> dict[str, Any]:
    "The sizes of a small model."
    return {
        "vocab_size": 261,
        "hidden_size": 32,
        "intermediate_size": 48,
        "num_hidden_layers": 2,
        "num_attention_heads": 4,
        "num_key_value_heads": 2,
        "max_position_embeddings": 512,
        "bos_token_id": 256,
        "eos_token_id": 257,
        "pad_token_id": 257,
    } | changes


def a_student(folder: Path, *, seed: int = 0, template: str | None = TEMPLATE, **changes: Any) -> Path:
    "Write a small Llama with random weights and its tokenizer."
    torch.manual_seed(seed)
    LlamaForCausalLM(LlamaConfig(**small(**changes))).save_pretrained(folder)
    byte_tokenizer(template).save_pretrained(folder)
    return folder


def a_row(number: int, words: int, split: str = "train", answer: str = "") -> dict[str, Any]:
    "A chat with a question of so many words."
    draw = random.Random(number)
    question = " ".join(draw.choice(WORDS) for _ in range(words))
    said = [{"role": "user", "content": question}, {"role": "assistant", "content": answer or question[:12]}]
    return {"id": f"sample-{number}", "messages": said, "metadata": {"split": split}}


def rows(train: int = 24, dev: int = 6) -> list[dict[str, Any]]:
    "Chats of very different lengths."
    lengths = (2, 3, 2, 30, 4, 12)
    return [
        a_row(number, lengths[number % len(lengths)], "train" if number < train else "dev")
        for number in range(train + dev)
    ]


def written(path: Path, samples: Sequence[dict[str, Any]]) -> Path:
    "A file of samples."
    path.write_text("".join(json.dumps(row) + "\n" for row in samples), encoding="utf-8")
    return path
