"""A small suite's results, written and sealed as ingestion writes and seals them."""

from __future__ import annotations

import hashlib
import hmac
import io
import json
from pathlib import Path
from typing import Any

import numpy as np

EARLY, LATE, ITEMS = range(1, 9), range(9, 13), 200
KEY = "0123456789abcdef" * 4
MODELS = {"small-a": 0.3, "small-b": 0.25, "small-a-web": 0.05}  # accuracy gained over training
SCORING = {
    "suite": "tiny",
    "suite_version": 2,
    "weights": {"signal_quality": 0.5, "ranking_consistency": 0.1, "domain_alignment": 0.4},
    "early": {"iterations": {"start": 1, "stop": 8, "step": 1}},
    "late": {"iterations": list(LATE)},
    "signal_models": ["small-a"],
    "ranking_groups": [["small-a", "small-b"]],
    "alignment": {"science": "small-a", "web": "small-a-web"},
    "reveal": "organizer",
}


def write_results(folder: Path) -> None:
    """A rising task on three models, as scoring receives it on a worker."""
    difficulty = np.random.default_rng(0).permutation(ITEMS) / ITEMS
    rows: list[dict[str, Any]] = []
    for model, gain in MODELS.items():
        for iteration in (*EARLY, *LATE):
            scores = (0.25 + gain * iteration / 12 > difficulty).astype(np.float32)
            buffer = io.BytesIO()
            contrasts = (scores - (1 - scores) / 3).astype(np.float32)  # of accuracy with four choices
            np.savez_compressed(buffer, item_scores=scores, contrast_scores=contrasts)
            name = f"checkpoints/{model}/{iteration}.npz"
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            (folder / name).write_bytes(buffer.getvalue())
            row = {"model": model, "iteration": iteration, "tokens": iteration * 10**9, "items": ITEMS, "arrays": name}
            digest = hashlib.sha256(buffer.getvalue()).hexdigest()
            rows.append({**row, "score": float(scores.mean(dtype=np.float64)), "sha256": digest})
    head = {
        "schema": "e2lm-results/1",
        "suite": "tiny",
        "suite_version": 2,
        "task": "rising",
        "metric": "acc",
        "higher_is_better": True,
        "chance": 0.25,
        "submission": {"sha256": "0" * 64, "items": ITEMS},
        "engine": {"name": "transformers", "dtype": "float32"},
        "models": [
            {"id": model, "size": "1M", "architecture": "arch1", "mixture": "web" if "web" in model else "science"}
            for model in MODELS
        ],
    }
    (folder / "results.json").write_text(json.dumps({**head, "checkpoints": rows}))
    journal = [head, *({**row, "seconds": 2.5} for row in rows)]
    (folder / "progress.jsonl").write_text("".join(json.dumps(line) + "\n" for line in journal))


def seal_results(folder: Path, key: str = KEY) -> None:
    """Seal a results folder, as docs/results-format.md describes."""
    digests = [hashlib.sha256((folder / name).read_bytes()).hexdigest() for name in ("results.json", "progress.jsonl")]
    message = "\n".join(["e2lm-seal/1", *digests, ""])
    of_key, of_results = (hmac.new(key.encode(), text.encode(), "sha256") for text in ("e2lm key\n", message))
    seal = {"schema": "e2lm-seal/1", "key": of_key.hexdigest()[:8], "hmac": of_results.hexdigest()}
    (folder / "seal.json").write_text(json.dumps(seal))
