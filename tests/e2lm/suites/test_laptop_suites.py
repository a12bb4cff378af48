"""The suites for a laptop's processor, from the Hub to scores: fetched from a local one, under their names there."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from e2lm.suites.registry import SUITES
from e2lm_ingestion.suite import load_suite
from tests.e2lm.command_line import EXAMPLES, e2lm
from tests.e2lm.suites.hub_server import running_hub


def grown_neox(tokenizer: Path, folders: list[Path]) -> None:
    """Checkpoints of one tiny GPT-NeoX, as Pythia is, whose weights grow; with the tokenizer of another model."""
    import torch
    from transformers import GPTNeoXConfig, GPTNeoXForCausalLM

    torch.manual_seed(0)
    model = GPTNeoXForCausalLM(
        GPTNeoXConfig(
            vocab_size=1024,
            hidden_size=32,
            num_hidden_layers=1,
            num_attention_heads=2,
            intermediate_size=64,
            max_position_embeddings=2048,
        )
    )
    for folder in folders:
        for weight in model.parameters():
            weight.data.add_(torch.randn_like(weight), alpha=0.02)
        model.save_pretrained(folder)
        for name in ("tokenizer.json", "tokenizer_config.json"):
            shutil.copyfile(tokenizer / name, folder / name)


@pytest.mark.slow
def test_pythia_comes_by_revisions_and_gives_scores(miniature: Path, tmp_path: Path) -> None:
    suite = load_suite(SUITES["pythia-small"].suite)
    with running_hub() as hub:
        for model in suite.models:
            folders = [tmp_path / "hub" / model.id / f"step{iteration}" for iteration in model.iterations]
            grown_neox(miniature / "miniature/mini-150k-arch1/iter_0004000", folders)
            for folder in folders:
                hub.repositories[model.source, folder.name] = folder
        out, root = tmp_path / "run", tmp_path / "checkpoints"
        arguments = ("run", EXAMPLES / "real-science", "--suite", "pythia-small", "--disk-budget", "1", "--out", out)
        done = e2lm(*arguments, HF_ENDPOINT=hub.endpoint, E2LM_CHECKPOINTS=str(root))
    assert done.returncode == 0, done.stderr
    assert "sq " in done.stdout
    assert "invented world" not in done.stdout
    assert (out / "detailed_results.html").is_file()


@pytest.mark.slow
def test_the_released_model_comes_by_folders_which_the_competitions_suite_shares(
    miniature: Path, tmp_path: Path
) -> None:
    laptop, released = (load_suite(SUITES[name].suite).models[0] for name in ("e2lm-2025-laptop", "e2lm-2025"))
    assert laptop.model_copy(update={"iterations": released.iterations}) == released
    assert set(laptop.iterations) < set(released.iterations)
    with running_hub() as hub:
        hub.repositories[laptop.source, "main"] = miniature / "miniature/mini-150k-arch1"
        out, root = tmp_path / "run", tmp_path / "checkpoints"
        arguments = (
            "run",
            EXAMPLES / "science-cloze",
            "--suite",
            "e2lm-2025-laptop",
            "--disk-budget",
            "1",
            "--out",
            out,
        )
        done = e2lm(*arguments, HF_ENDPOINT=hub.endpoint, E2LM_CHECKPOINTS=str(root))
        assert done.returncode == 0, done.stderr
    fetched = {path.name for path in (root / laptop.source).iterdir()}
    assert fetched == {f"iter_{iteration:07d}" for iteration in laptop.iterations}
    assert "sq " in done.stdout
