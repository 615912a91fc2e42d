"""The tiny student's body: a small model of Llama's architecture with random weights, to be taught."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from pipeline.tiny.student_tokenizer import END, PAD, SPECIAL

if TYPE_CHECKING:
    from transformers import LlamaForCausalLM


@dataclass(frozen=True, slots=True)
class Shape:
    """How large it is. A head is 32 wide: model servers know no smaller ones."""

    vocabulary: int = 3072  # tokens
    hidden: int = 128
    inner: int = 384  # of the feed-forward layers
    layers: int = 3
    head_width: int = 32
    longest: int = 2048  # tokens


def new_model(shape: Shape, seed: int) -> LlamaForCausalLM:
    """Return the model; the same weights for the same shape and seed."""
    import torch
    from transformers import LlamaConfig, LlamaForCausalLM

    heads = shape.hidden // shape.head_width
    config = LlamaConfig(
        vocab_size=shape.vocabulary,
        hidden_size=shape.hidden,
        intermediate_size=shape.inner,
        num_hidden_layers=shape.layers,
        num_attention_heads=heads,
        num_key_value_heads=heads,
        head_dim=shape.head_width,
        max_position_embeddings=shape.longest,
        tie_word_embeddings=True,
        bos_token_id=None,
        eos_token_id=SPECIAL.index(END),
        pad_token_id=SPECIAL.index(PAD),
    )
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        return LlamaForCausalLM(config)  # type: ignore[no-untyped-call]
