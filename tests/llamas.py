"""A small Llama with random weights, large enough that a wrong attention mask shows."""

from __future__ import annotations

from pathlib import Path

import torch
from transformers import LlamaConfig, LlamaForCausalLM

from e2lm_ingestion.suite import Checkpoint

VOCABULARY = 307  # more tokens than one prompt of vLLM may be asked for


def make_llama(folder: Path, seed: int, *, layers: int = 2, tie: bool = True, positions: int = 1024) -> Checkpoint:
    """Save a Llama with heads of 32 dimensions, the smallest that vLLM's attention takes on a CPU."""
    config = LlamaConfig(
        vocab_size=VOCABULARY,
        hidden_size=64,
        intermediate_size=96,
        num_hidden_layers=layers,
        num_attention_heads=2,
        num_key_value_heads=1,
        max_position_embeddings=positions,
        tie_word_embeddings=tie,
    )
    torch.manual_seed(seed)
    model = LlamaForCausalLM(config)
    with torch.no_grad():
        for weight in model.parameters():
            if weight.ndim > 1:
                weight.mul_(6.0)
    model.save_pretrained(folder)
    return Checkpoint(folder.parent.name, 1000 * (seed + 1), 1, folder)
