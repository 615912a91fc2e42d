"""Models of real size with random weights: a shape's configuration and a tokenizer to match, written locally.

Nothing is downloaded and no weights are written: the server makes them up (`--load-format dummy`). A shape too
large for the GPU keeps its width and loses layers, which is said.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass, replace
from itertools import islice, product
from pathlib import Path
from string import ascii_lowercase
from typing import Any

_BYTES = 2  # of a weight: bfloat16
_SHARE = 0.7  # of the memory for weights, the rest for the cache of what was read and for working
_SPECIAL = ("<s>", "</s>", "<|system|>", "<|user|>", "<|assistant|>")
_TEMPLATE = (
    "{% for message in messages %}<|{{ message['role'] }}|>{{ message['content'] }}</s>{% endfor %}"
    "{% if add_generation_prompt %}<|assistant|>{% endif %}"
)


class ShapeError(Exception):
    """A model of this shape cannot be made for this machine; the text says why."""


@dataclass(frozen=True, slots=True)
class Shape:
    """What decides how much a model computes. `experts` 1 is a Llama, more a Mixtral that asks two of them."""

    name: str
    width: int
    inner: int
    layers: int
    heads: int
    key_heads: int
    vocabulary: int
    context: int
    experts: int = 1
    whole_layers: int = 0  # of the shape as it is known, where this one has fewer

    @property
    def layer_parameters(self) -> int:
        """How many weights a layer has."""
        attention = 2 * self.width**2 * (1 + self.key_heads / self.heads)
        gate = self.width * self.experts if self.experts > 1 else 0
        return int(attention) + self.experts * 3 * self.width * self.inner + gate + 2 * self.width

    @property
    def parameters(self) -> int:
        """How many weights the model has."""
        return self.layers * self.layer_parameters + 2 * self.vocabulary * self.width + self.width

    def fitting(self, memory_gib: float) -> Shape:
        """Return the shape with no more layers than have room. Raises ShapeError when not even one has."""
        room = memory_gib * 2**30 * _SHARE / _BYTES - (self.parameters - self.layers * self.layer_parameters)
        layers = min(self.layers, int(room / self.layer_parameters))
        if layers < 1:
            raise ShapeError(f"{self.name} has no room in {memory_gib:.0f} GiB, not even one layer of it.")
        return replace(self, layers=layers, whole_layers=self.layers) if layers < self.layers else self

    def config(self) -> dict[str, Any]:
        """Return the model's config.json."""
        mixture = {"num_local_experts": self.experts, "num_experts_per_tok": 2} if self.experts > 1 else {}
        return {
            "architectures": ["MixtralForCausalLM" if mixture else "LlamaForCausalLM"],
            "model_type": "mixtral" if mixture else "llama",
            "hidden_size": self.width,
            "intermediate_size": self.inner,
            "num_hidden_layers": self.layers,
            "num_attention_heads": self.heads,
            "num_key_value_heads": self.key_heads,
            "vocab_size": self.vocabulary,
            "max_position_embeddings": self.context,
            "hidden_act": "silu",
            "rms_norm_eps": 1e-5,
            "rope_theta": 1e6 if mixture else 5e5,
            "tie_word_embeddings": False,
            "bos_token_id": 0,
            "eos_token_id": 1,
            "dtype": "bfloat16",
            **mixture,
        }

    def write(self, folder: Path) -> None:
        """Write everything that a server needs but the weights."""
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "config.json").write_text(json.dumps(self.config(), indent=2) + "\n")
        special = {"bos_token": "<s>", "eos_token": "</s>", "pad_token": "</s>"}
        settings = {"tokenizer_class": "PreTrainedTokenizerFast", "model_max_length": self.context}
        (folder / "tokenizer_config.json").write_text(
            json.dumps(special | settings | {"chat_template": _TEMPLATE}, indent=2) + "\n"
        )
        _write_tokenizer(self.vocabulary, folder / "tokenizer.json")


SHAPES = {
    shape.name: shape
    for shape in (
        Shape("llama-8b", 4096, 14336, 32, 32, 8, 128_256, 8192),
        Shape("mixtral-8x7b", 4096, 14336, 32, 32, 8, 32_000, 8192, experts=8),
        Shape("tiny", 128, 256, 2, 2, 2, 2048, 8192),  # to try the script itself, on a CPU
    )
}


def _write_tokenizer(vocabulary: int, path: Path) -> None:
    """Write a tokenizer of this many tokens: the bytes, and words of one to four letters with a space before.

    A model with random weights writes tokens from the whole vocabulary: each is text, and is itself again when that
    text is read.
    """
    from tokenizers import AddedToken, Tokenizer, decoders, models, pre_tokenizers

    known = [*_SPECIAL, *sorted(pre_tokenizers.ByteLevel.alphabet())]
    words = list(islice(_words(), vocabulary - len(known)))
    raw = Tokenizer(
        models.BPE(
            vocab={token: number for number, token in enumerate(known + words)},
            merges=[(word[:-1], word[-1]) for word in words],
        )
    )
    raw.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    raw.decoder = decoders.ByteLevel()
    raw.add_special_tokens([AddedToken(token, special=True) for token in _SPECIAL])
    raw.save(str(path))


def _words() -> Iterator[str]:
    """Yield words, the short ones first; byte-level tokenizers write a space as \u0120."""
    for length in range(1, 5):
        for letters in product(ascii_lowercase, repeat=length):
            yield "\u0120" + "".join(letters)
