"""Makes a tiny Llama with random weights, its tokenizer and chat template, and an adapter:
`python tiny_llama.py FOLDER ADAPTER_FOLDER`.

The same seed gives the same model. It needs torch and transformers and nothing of ours.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

_WIDTH, _LAYERS, _RANK = 128, 2, 8
_TEMPLATE = (
    "{% for message in messages %}<|{{ message['role'] }}|>\n{{ message['content'] }}</s>\n{% endfor %}"
    "{% if add_generation_prompt %}<|assistant|>\n{% endif %}"
)
_SPACES = ("\u0120", "\u010a")  # how byte-level tokenizers write a space and the end of a line
_TEXTS = [
    "Owls hunt at night and eat voles, mice, frogs and beetles. What do owls eat?",
    "The river rises in the hills, crosses three valleys and reaches the sea after two hundred miles.",
    "Write a question about the text. Answer with yes or no. Rate the answer from 1 to 3: [[2]]",
]


def make(folder: Path) -> None:
    """Write the model as safetensors, with everything that serving it as a chat model needs."""
    import torch
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers
    from transformers import LlamaConfig, LlamaForCausalLM, PreTrainedTokenizerFast

    raw = Tokenizer(models.BPE(unk_token="<unk>"))
    raw.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    raw.decoder = decoders.ByteLevel()
    roles = ["<|system|>", "<|user|>", "<|assistant|>"]
    trainer = trainers.BpeTrainer(
        vocab_size=512,
        special_tokens=["<s>", "</s>", "<unk>", *roles],
        initial_alphabet=[*map(chr, range(33, 127)), *_SPACES],  # what is written at random can be read
        show_progress=False,
    )
    raw.train_from_iterator(_TEXTS, trainer)
    tokenizer = PreTrainedTokenizerFast(
        tokenizer_object=raw,
        bos_token="<s>",
        eos_token="</s>",
        unk_token="<unk>",
        pad_token="</s>",
        chat_template=_TEMPLATE,
    )
    torch.manual_seed(0)
    config = LlamaConfig(
        vocab_size=len(tokenizer),
        hidden_size=_WIDTH,
        intermediate_size=256,
        num_hidden_layers=_LAYERS,
        num_attention_heads=2,  # 64 each: vLLM on a CPU takes 32 or 64
        num_key_value_heads=2,
        max_position_embeddings=8192,
        bos_token_id=tokenizer.bos_token_id,
        eos_token_id=tokenizer.eos_token_id,
        pad_token_id=tokenizer.pad_token_id,
        tie_word_embeddings=False,
    )
    LlamaForCausalLM(config).save_pretrained(folder, safe_serialization=True)
    tokenizer.save_pretrained(folder)


def make_adapter(folder: Path) -> None:
    """Write a LoRA adapter with random weights, large enough to change what the model says."""
    import torch
    from safetensors.torch import save_file

    torch.manual_seed(1)
    weights = {}
    for layer in range(_LAYERS):
        name = f"base_model.model.model.layers.{layer}.self_attn.q_proj"
        weights[f"{name}.lora_A.weight"] = torch.randn(_RANK, _WIDTH)
        weights[f"{name}.lora_B.weight"] = torch.randn(_WIDTH, _RANK)
    folder.mkdir(parents=True, exist_ok=True)
    save_file(weights, folder / "adapter_model.safetensors")
    config = {"peft_type": "LORA", "task_type": "CAUSAL_LM", "r": _RANK, "lora_alpha": 4 * _RANK, "bias": "none"}
    (folder / "adapter_config.json").write_text(json.dumps(config | {"target_modules": ["q_proj"]}))


if __name__ == "__main__":
    make(Path(sys.argv[1]))
    make_adapter(Path(sys.argv[2]))
