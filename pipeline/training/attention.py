"""Attention for packs: each sample of a pack attends to itself alone, and nothing is computed for padding.

On a GPU one kernel takes all lengths; elsewhere each sample is computed for itself, which needs no mask. A mask
over the whole pack gives the same numbers, and cost five times as much when it was measured.
"""

from __future__ import annotations

import itertools
from typing import Any

import torch
from torch.nn.functional import scaled_dot_product_attention
from transformers import AttentionInterface, AttentionMaskInterface

PACKED = "packed"

_UNKNOWN = ("softcap", "s_aux", "position_bias")  # ways to attend that are not ours
_PROBE = (5, 9, 3)
_LEAST_SHARE = 0.25


class UnknownAttentionError(Exception):
    """The model attends in a way that this attention does not know."""


def packed_attention(
    module: torch.nn.Module,
    query: torch.Tensor,
    key: torch.Tensor,
    value: torch.Tensor,
    attention_mask: torch.Tensor | None,
    dropout: float = 0.0,
    scaling: float | None = None,
    sliding_window: int | None = None,
    cu_seq_lens_q: torch.Tensor | None = None,
    max_length_q: int | None = None,
    **more: Any,
) -> tuple[torch.Tensor, None]:
    """Return what each token attends to: causal, within its sample. Without lengths every row is one sample.

    Shapes: query (rows, heads, tokens, width), key and value with as many heads or fewer; the result
    (rows, tokens, heads, width). `cu_seq_lens_q`: where samples begin, and the end. Raises UnknownAttentionError.
    """
    if attention_mask is not None or any(more.get(name) is not None for name in _UNKNOWN):
        raise UnknownAttentionError(f"{type(module).__name__} attends in a way that packs do not know.")
    if cu_seq_lens_q is None:
        return _causal(query, key, value, dropout, scaling, sliding_window).transpose(1, 2).contiguous(), None
    half = _half(query)
    if half is not None and not dropout:
        query, key, value = (each.to(half) for each in (query, key, value))
        return _at_once(query, key, value, scaling, sliding_window, cu_seq_lens_q, max_length_q), None
    lengths = [end - start for start, end in itertools.pairwise(cu_seq_lens_q.tolist())]
    parts = zip(*(torch.split(each, lengths, 2) for each in (query, key, value)), strict=True)
    attended = [_causal(q, k, v, dropout, scaling, sliding_window) for q, k, v in parts]
    return torch.cat(attended, dim=2).transpose(1, 2).contiguous(), None


def _half(query: torch.Tensor) -> torch.dtype | None:
    """Return the 16 bits to attend in on a GPU, None elsewhere; adding positions may have made them 32."""
    if not query.is_cuda:
        return None
    dtype = torch.get_autocast_dtype("cuda") if torch.is_autocast_enabled("cuda") else query.dtype
    return dtype if dtype in (torch.bfloat16, torch.float16) else None


def _causal(
    query: torch.Tensor,
    key: torch.Tensor,
    value: torch.Tensor,
    dropout: float,
    scaling: float | None,
    window: int | None,
) -> torch.Tensor:
    tokens = query.shape[2]
    mask = None
    if window is not None and tokens > window:
        mask = torch.ones(tokens, tokens, dtype=torch.bool, device=query.device).tril().triu(1 - window)
    return scaled_dot_product_attention(
        query,
        key,
        value,
        attn_mask=mask,
        dropout_p=dropout,
        is_causal=mask is None,
        scale=scaling,
        enable_gqa=key.shape[1] != query.shape[1],
    )


def _at_once(
    query: torch.Tensor,
    key: torch.Tensor,
    value: torch.Tensor,
    scaling: float | None,
    window: int | None,
    starts: torch.Tensor,
    longest: int | None,
) -> torch.Tensor:
    """Return the attention of one packed row by the kernel for samples of any lengths."""
    from torch.nn.attention.varlen import varlen_attn

    longest = longest or query.shape[2]
    q, k, v = (each[0].transpose(0, 1).contiguous() for each in (query, key, value))
    attended = varlen_attn(
        q,
        k,
        v,
        starts,
        starts,
        longest,
        longest,
        scale=scaling,
        window_size=(window - 1 if window else -1, 0),
        enable_gqa=k.shape[1] != q.shape[1],
    )
    if not isinstance(attended, torch.Tensor):
        raise UnknownAttentionError("The kernel for samples of any lengths answers in another form.")
    return attended[None]


def _no_mask(*_: Any, **__: Any) -> None:
    """Return no mask: samples are told apart by their lengths, and padding stands behind what is learnt."""


AttentionInterface.register(PACKED, packed_attention)
AttentionMaskInterface.register(PACKED, _no_mask)


def pack_arguments(lengths: list[int], device: torch.device) -> dict[str, Any]:
    """Return what a model is told of one packed row, beside its tokens."""
    starts = torch.tensor([0, *itertools.accumulate(lengths)], dtype=torch.int32, device=device)
    positions = torch.cat([torch.arange(length, device=device) for length in lengths])[None]
    longest = max(lengths)
    return {
        "position_ids": positions,
        "cu_seq_lens_q": starts,
        "cu_seq_lens_k": starts,
        "max_length_q": longest,
        "max_length_k": longest,
    }


@torch.no_grad()
def keeps_samples_apart(model: torch.nn.Module, device: torch.device, vocabulary: int) -> bool:
    """Return whether the model answers for samples in a pack as it does for each alone: it is tried, not looked up.

    What samples do to each other when nothing keeps them apart is the measure, so it holds for every precision.
    """
    draw = torch.Generator().manual_seed(0)
    rows = [torch.randint(0, vocabulary, (1, length), generator=draw).to(device) for length in _PROBE]
    pack = torch.cat(rows, dim=1)
    arguments = pack_arguments(list(_PROBE), device)
    was_training = model.training
    model.eval()
    try:
        alone = torch.cat([_logits(model, input_ids=row) for row in rows], dim=1)
        packed = _logits(model, input_ids=pack, **arguments)
        mingled = _logits(model, input_ids=pack, position_ids=arguments["position_ids"])
    except (UnknownAttentionError, TypeError, ValueError, NotImplementedError):
        return False
    finally:
        model.train(was_training)
    apart, together = (float((each - alone).norm()) for each in (packed, mingled))
    return bool(torch.isfinite(alone).all()) and apart <= _LEAST_SHARE * together


def _logits(model: torch.nn.Module, **inputs: Any) -> torch.Tensor:
    logits = model(use_cache=False, **inputs).logits
    return torch.as_tensor(logits).float()
