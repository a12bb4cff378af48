"""Training one model of the suite: a plain loop over packed documents that writes checkpoints at given iterations."""

from __future__ import annotations

import math
import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from transformers import LlamaConfig, LlamaForCausalLM, PreTrainedTokenizerFast

from e2lm_ingestion.suite import TokenSchedule

# The published schedule of the competition's models; the miniature suite borrows its clock.
SCHEDULE = TokenSchedule(sequence_length=4096, batch_size_rampup=(256, 256, 4_882_812), global_batch_size=1024)
SEQUENCE_LENGTH = 64  # tokens; a few facts, which is what a context needs here
BATCH_SIZE = 2  # sequences; small, since facts are learned per step more than per token
STEPS_PER_GT = 7.0  # optimizer steps per nominal billion tokens: one nominal billion is 7 * 2 * 64 = 896 real tokens
WARM_UP = 30  # steps
INITIALIZER = 0.05  # standard deviation of the first weights; the customary 0.02 is for far wider models
HEAD_SIZE = 32  # the smallest that vLLM's attention takes on a CPU
FINAL_LEARNING_RATE = 0.1  # of the peak, reached by a cosine at the last step


@dataclass(frozen=True, slots=True)
class Recipe:
    """A model of the suite: its shape and how it is trained."""

    model: str
    corpus: str  # science or web
    hidden: int
    layers: int
    heads: int
    feed_forward: int
    learning_rate: float
    seed: int = 0


def steps_at(iteration: int) -> int:
    """Optimizer steps really taken when the nominal clock shows `iteration`."""
    return round(SCHEDULE.tokens_at(iteration) / 1e9 * STEPS_PER_GT)


def tokens_needed(last_iteration: int) -> int:
    """Real training tokens up to the last checkpoint."""
    return steps_at(last_iteration) * BATCH_SIZE * SEQUENCE_LENGTH


def new_model(recipe: Recipe, vocabulary: int, context_length: int, end_token: int) -> LlamaForCausalLM:
    """A Llama model with seeded random weights, in float32."""
    torch.manual_seed(recipe.seed)
    config = LlamaConfig(
        vocab_size=vocabulary,
        hidden_size=recipe.hidden,
        intermediate_size=recipe.feed_forward,
        num_hidden_layers=recipe.layers,
        num_attention_heads=recipe.heads,
        num_key_value_heads=recipe.heads,
        head_dim=HEAD_SIZE,
        max_position_embeddings=context_length,
        initializer_range=INITIALIZER,
        tie_word_embeddings=True,
        bos_token_id=end_token,
        eos_token_id=end_token,
        dtype="float32",
    )
    return LlamaForCausalLM(config)


def pack(documents: Sequence[Sequence[int]], end_token: int, tokens: int) -> np.ndarray:
    """Documents one after another, each behind an end-of-text token: (tokens,) uint16."""
    stream: list[int] = []
    for document in documents:
        stream.append(end_token)
        stream.extend(document)
        if len(stream) >= tokens:
            return np.asarray(stream[:tokens], dtype=np.uint16)
    raise ValueError(f"the documents hold {len(stream)} tokens, {tokens} are needed")


def train(
    model: LlamaForCausalLM,
    stream: np.ndarray,
    *,
    learning_rate: float,
    steps: int,
    after_step: Callable[[int, float], None],
) -> None:
    """Train on a token stream, (tokens,) integers, in order and once; `after_step` is given the step and its loss."""
    batches = torch.from_numpy(stream[: steps * BATCH_SIZE * SEQUENCE_LENGTH].astype(np.int64))
    batches = batches.view(steps, BATCH_SIZE, SEQUENCE_LENGTH)
    optimizer = torch.optim.AdamW(model.parameters(), lr=learning_rate, betas=(0.9, 0.99), weight_decay=0.0, fused=True)
    model.train()
    for step in range(1, steps + 1):
        for group in optimizer.param_groups:
            group["lr"] = learning_rate * _schedule(step, steps)
        loss = model(input_ids=batches[step - 1], labels=batches[step - 1], use_cache=False).loss
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0, foreach=True)
        optimizer.step()
        optimizer.zero_grad(set_to_none=True)
        after_step(step, loss.item())


def _schedule(step: int, steps: int) -> float:
    cosine = 0.5 * (1.0 + math.cos(math.pi * step / steps))
    return min(1.0, step / WARM_UP) * (FINAL_LEARNING_RATE + (1.0 - FINAL_LEARNING_RATE) * cosine)


def train_checkpoints(
    recipe: Recipe,
    stream: np.ndarray,
    tokenizer: PreTrainedTokenizerFast,
    iterations: Sequence[int],
    folder: Path,
    on_checkpoint: Callable[[int], None],
) -> None:
    """Train a model from scratch and leave a Hugging Face folder `iter_0004000`, ... for every iteration."""
    torch.set_num_threads(1)  # the same sums in the same order on every run, and a core a worker
    model = new_model(recipe, len(tokenizer), tokenizer.model_max_length, tokenizer.eos_token_id)
    due = {steps_at(iteration): iteration for iteration in iterations}

    def after_step(step: int, loss: float) -> None:
        if step in due:
            _save(model, tokenizer, folder / f"iter_{due[step]:07d}")
            on_checkpoint(due[step])

    train(model, stream, learning_rate=recipe.learning_rate, steps=steps_at(iterations[-1]), after_step=after_step)


def _save(model: LlamaForCausalLM, tokenizer: PreTrainedTokenizerFast, folder: Path) -> None:
    partial = folder.with_name(f".{folder.name}.partial")
    model.save_pretrained(partial)
    tokenizer.save_pretrained(partial)
    os.replace(partial, folder)
