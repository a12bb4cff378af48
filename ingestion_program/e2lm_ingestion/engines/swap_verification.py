"""How the first swap of weights in vLLM is verified: against a plain forward pass, or exactly with a fresh engine."""

from __future__ import annotations

import importlib
from collections.abc import Sequence

from e2lm_ingestion.suite import Checkpoint

# From this many checkpoints on, an exact comparison of the first swap with a fresh engine is worth a second start.
EXACT_CHECK_FROM = 24
PROBE_TOKENS = 24
_PLAIN_TOLERANCE = 5e-4  # nats per token, between vLLM and a plain forward pass in float32


def needs_fresh_engine(dtype: str, group_size: int) -> bool:
    """Whether the first swap of a group of so many checkpoints is compared exactly with a fresh engine.

    In 16 bits rounding is too coarse to tell right weights from slightly wrong ones by another program's values.

    >>> needs_fresh_engine("float32", 12), needs_fresh_engine("float32", 24), needs_fresh_engine("bfloat16", 12)
    (False, True, True)
    """
    return dtype != "float32" or group_size >= EXACT_CHECK_FROM


def probe_tokens(vocabulary: int) -> list[int]:
    """A fixed token sequence of `PROBE_TOKENS` and one more, which is only predicted."""
    return [(1 + 7919 * position) % vocabulary for position in range(PROBE_TOKENS + 1)]


def agree(probed: Sequence[float], plain: Sequence[float]) -> bool:
    """Whether vLLM's log-likelihoods of the probe are those of a plain forward pass in float32, up to rounding."""
    tolerance = _PLAIN_TOLERANCE * PROBE_TOKENS
    return all(abs(one - other) <= tolerance for one, other in zip(probed, plain, strict=True))


def plain_forward(checkpoint: Checkpoint, tokens: Sequence[int]) -> list[float] | None:
    """Log-likelihoods of all tokens but first and last, and of the last, from transformers in float32.

    None if transformers cannot load the model.
    """
    import torch  # imported here: `e2lm check` forecasts starts without it

    transformers = importlib.import_module("transformers")
    try:
        model = transformers.AutoModelForCausalLM.from_pretrained(
            checkpoint.path, dtype=torch.float32, local_files_only=True, trust_remote_code=False
        )
    except (OSError, ValueError, RuntimeError, KeyError):
        return None
    ids = torch.tensor(tokens)
    with torch.inference_mode():
        predicted = model.eval()(input_ids=ids[None, :-1]).logits[0].log_softmax(-1)
        values = predicted.gather(-1, ids[1:, None])[:, 0].double()
    return [float(values[:-1].sum()), float(values[-1])]
