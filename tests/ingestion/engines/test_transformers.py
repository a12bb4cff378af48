"""The transformers engine against plain forwards of the same weights."""

from __future__ import annotations

import shutil
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file
from transformers import AutoModelForCausalLM, GPTNeoXConfig, GPTNeoXForCausalLM

from e2lm_ingestion.engines import Stop, batched_generation
from e2lm_ingestion.engines.prefix_tree import unique_tokens
from e2lm_ingestion.engines.requests import Requests
from e2lm_ingestion.engines.transformers import TransformersEngine
from e2lm_ingestion.errors import OrganizerError
from e2lm_ingestion.suite import Checkpoint
from tests.llamas import VOCABULARY, make_llama

ROOT = Path(__file__).resolve().parents[3]


def few_shot_requests(head: int, questions: int = 60) -> Requests:
    """Questions of four choices each behind one head of `head` tokens; choices of one to four tokens."""
    rng = np.random.default_rng(0)
    shared = rng.integers(0, VOCABULARY, head)
    sequences, context_lengths = [], []
    for _ in range(questions):
        context = np.concatenate([shared, rng.integers(0, VOCABULARY, rng.integers(1, 30))])
        for _ in range(4):
            sequences.append(np.concatenate([context, rng.integers(0, VOCABULARY, rng.integers(1, 5))]))
            context_lengths.append(len(context))
    starts = np.cumsum([0, *map(len, sequences)])
    return Requests(np.concatenate(sequences).astype(np.int32), starts, np.asarray(context_lengths))


@torch.inference_mode()
def plain_forward(checkpoint: Checkpoint, requests: Requests) -> tuple[np.ndarray, np.ndarray]:
    model = AutoModelForCausalLM.from_pretrained(checkpoint.path, dtype=torch.float32)
    values, greedy = [], []
    for request in range(len(requests)):
        sequence = torch.as_tensor(requests.sequence(request), dtype=torch.long)
        context = int(requests.context_lengths[request])
        logits = model(sequence[None, :-1]).logits[0, context - 1 :].log_softmax(-1)
        values.append(logits.gather(-1, sequence[context:, None]).sum().item())
        greedy.append(bool((logits.argmax(-1) == sequence[context:]).all()))
    return np.asarray(values), np.asarray(greedy)


@pytest.mark.slow
@pytest.mark.parametrize("head", [0, 90, 700])
def test_shared_prefixes_score_as_a_plain_forward_does(llamas: list[Checkpoint], head: int) -> None:
    requests = few_shot_requests(head, questions=40)
    engine = TransformersEngine("float32")
    engine.load(llamas[0])
    scored = engine.loglikelihoods(requests)
    values, greedy = plain_forward(llamas[0], requests)
    # Log-likelihoods here reach -60 nats, where float32 values are 4e-6 apart; sums over 32 dimensions differ in a few.
    np.testing.assert_allclose(scored.values, values, rtol=1e-5, atol=1e-4)
    assert (scored.greedy == greedy).mean() == 1.0


def test_nearly_no_token_is_computed_twice(llamas: list[Checkpoint]) -> None:
    requests = few_shot_requests(head=300)
    engine = TransformersEngine("float32")
    engine.load(llamas[0])
    assert engine.loglikelihoods(requests).computed_tokens <= 1.05 * unique_tokens(requests)


THREADS = """
import sys
from pathlib import Path

import numpy as np
import torch

from e2lm_ingestion.engines.transformers import TransformersEngine
from e2lm_ingestion.suite import Checkpoint
from tests.ingestion.engines.test_transformers import few_shot_requests

engine, requests = TransformersEngine("float32"), few_shot_requests(head=300, questions=200)
engine.load(Checkpoint("model", 0, 0, Path(sys.argv[1])))
torch.set_num_threads(1)
alone = engine.loglikelihoods(requests)
for threads in (2, 3):
    torch.set_num_threads(threads)
    together = engine.loglikelihoods(requests)
    assert torch.get_num_threads() == threads
    np.testing.assert_array_equal(together.values, alone.values)
    np.testing.assert_array_equal(together.greedy, alone.greedy)
    assert alone.computed_tokens < together.computed_tokens <= alone.computed_tokens + threads * 300
"""


def test_threads_with_chunks_of_their_own_score_as_one_does_to_the_last_bit(llamas: list[Checkpoint]) -> None:
    """In a process of its own, as a run has it: other tests leave settings of floating-point arithmetic behind."""
    done = subprocess.run(
        [sys.executable, "-c", THREADS, str(llamas[0].path)], capture_output=True, text=True, check=False, cwd=ROOT
    )
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("tie", [True, False])
def test_swapped_weights_score_as_a_fresh_engine_does(tmp_path: Path, tie: bool) -> None:
    checkpoints = [make_llama(tmp_path / f"m/iter_{seed}", seed, tie=tie) for seed in range(2)]
    requests = few_shot_requests(head=20, questions=10)
    engine = TransformersEngine("float32")
    swapped = []
    for checkpoint in [checkpoints[0], checkpoints[1], checkpoints[0]]:
        engine.load(checkpoint)
        swapped.append(engine.loglikelihoods(requests).values)
    fresh = TransformersEngine("float32")
    fresh.load(checkpoints[1])
    np.testing.assert_array_equal(swapped[1], fresh.loglikelihoods(requests).values)
    np.testing.assert_array_equal(swapped[0], swapped[2])
    assert not np.array_equal(swapped[0], swapped[1])


def make_neox(folder: Path, seed: int) -> Checkpoint:
    """A GPT-NeoX as the files of Pythia hold it: older names of tensors, and masks beside the weights."""
    torch.manual_seed(seed)
    config = GPTNeoXConfig(
        vocab_size=VOCABULARY, hidden_size=64, intermediate_size=96, num_hidden_layers=2, num_attention_heads=2
    )
    GPTNeoXForCausalLM(config).save_pretrained(folder)
    file = folder / "model.safetensors"
    tensors = {
        "embed_out.weight" if name == "lm_head.weight" else name: tensor for name, tensor in load_file(file).items()
    }
    save_file(tensors | {"gpt_neox.layers.0.attention.masked_bias": torch.tensor(-1e9)}, file, {"format": "pt"})
    return Checkpoint(folder.parent.name, 1000 * (seed + 1), 1, folder)


def test_files_that_name_tensors_otherwise_than_the_model_are_swapped_too(tmp_path: Path) -> None:
    first, second = (make_neox(tmp_path / str(seed), seed) for seed in range(2))
    requests = few_shot_requests(head=20, questions=10)
    swapped, fresh = TransformersEngine("float32"), TransformersEngine("float32")
    swapped.load(first)
    before = swapped.loglikelihoods(requests).values
    swapped.load(second)
    fresh.load(second)
    after = swapped.loglikelihoods(requests).values
    assert np.array_equal(after, fresh.loglikelihoods(requests).values)
    assert not np.allclose(before, after)
    tensors = load_file(first.path / "model.safetensors")
    del tensors["gpt_neox.final_layer_norm.weight"]
    save_file(tensors, first.path / "model.safetensors", {"format": "pt"})
    for engine in (swapped, TransformersEngine("float32")):
        with pytest.raises(OrganizerError, match=r"final_layer_norm\.weight is missing; fetch this checkpoint again"):
            engine.load(first)


def test_weights_of_another_shape_are_refused(tmp_path: Path, llamas: list[Checkpoint]) -> None:
    engine = TransformersEngine("float32")
    engine.load(llamas[0])
    with pytest.raises(OrganizerError, match="does not fit this engine group"):
        engine.load(make_llama(tmp_path / "m/deeper", 0, layers=3))


def test_a_missing_tensor_is_named(tmp_path: Path, llamas: list[Checkpoint]) -> None:
    folder = tmp_path / "broken"
    shutil.copytree(llamas[1].path, folder)
    tensors = load_file(folder / "model.safetensors")
    del tensors["model.norm.weight"]
    save_file(tensors, folder / "model.safetensors", metadata={"format": "pt"})
    engine = TransformersEngine("float32")
    engine.load(llamas[0])
    with pytest.raises(OrganizerError, match=r"model\.norm\.weight is missing"):
        engine.load(Checkpoint("m", 1, 1, folder))


def test_an_unknown_dtype_is_refused() -> None:
    with pytest.raises(OrganizerError, match="--dtype int8"):
        TransformersEngine("int8")


def test_it_generates_what_transformers_itself_generates(tmp_path: Path) -> None:
    checkpoint = make_llama(tmp_path / "m/iter", 5)
    rng = np.random.default_rng(4)
    head = rng.integers(3, VOCABULARY, 20).tolist()
    prompts = [[*head, *rng.integers(3, VOCABULARY, length).tolist()] for length in (1, 7, 7, 3)]
    engine = TransformersEngine("float32")
    engine.load(checkpoint)
    written = engine.generate(prompts, Stop(frozenset(), (), 25, str))
    model = AutoModelForCausalLM.from_pretrained(checkpoint.path, dtype=torch.float32)
    for prompt, tokens in zip(prompts, written.tokens, strict=True):
        inputs = torch.tensor([prompt])
        whole = model.generate(inputs, max_new_tokens=25, do_sample=False, eos_token_id=None)  # type: ignore[misc]
        assert tokens == whole[0, len(prompt) :].tolist()
    assert written.computed_tokens < len(head) + sum(len(prompt) - len(head) + 25 for prompt in prompts) + 4


def spelled(tokens: Sequence[int]) -> str:
    return " ".join(map(str, tokens))


def test_a_generation_ends_with_a_stop_token_or_text(tmp_path: Path) -> None:
    engine = TransformersEngine("float32")
    engine.load(make_llama(tmp_path / "m/iter", 5))
    whole = engine.generate([[4, 5, 6]], Stop(frozenset(), (), 25, str)).tokens[0]
    first = whole.index(whole[9])
    assert engine.generate([[4, 5, 6]], Stop(frozenset({whole[9]}), (), 25, str)).tokens[0] == whole[: first + 1]
    ended = engine.generate([[4, 5, 6]], Stop(frozenset(), (spelled(whole[:6]),), 25, spelled))
    assert ended.tokens[0] == whole[:6]
    assert engine.generate([[4, 5, 6]], Stop(frozenset(), (), 0, str)).tokens == [[]]


def test_the_size_of_chunks_is_recorded_and_memory_that_runs_out_halves_it(llamas: list[Checkpoint]) -> None:
    requests = few_shot_requests(head=20)
    engine = TransformersEngine("float32")
    engine.load(llamas[0])
    usual = engine.loglikelihoods(requests)
    assert engine.description["flags"] == "chunks of 384 tokens"

    def take_memory(model: torch.nn.Module, args: object, kwargs: dict[str, torch.Tensor]) -> None:
        if kwargs["input_ids"].shape[1] > 300:
            torch.empty(2**60, dtype=torch.uint8)

    assert engine._model is not None
    engine._model.register_forward_pre_hook(take_memory, with_kwargs=True)
    smaller = engine.loglikelihoods(requests)
    np.testing.assert_allclose(smaller.values, usual.values, rtol=1e-5, atol=1e-4)
    np.testing.assert_array_equal(smaller.greedy, usual.greedy)
    assert engine.description["flags"] == "chunks of 192 tokens"


def test_chunks_that_do_not_fit_even_when_smaller_are_an_error(llamas: list[Checkpoint]) -> None:
    engine = TransformersEngine("float32")
    engine.load(llamas[0])
    assert engine._model is not None
    engine._model.register_forward_pre_hook(lambda *_: torch.empty(2**60, dtype=torch.uint8) and None)
    with pytest.raises(OrganizerError, match="does not fit into the memory of the device, even at 192 tokens"):
        engine.loglikelihoods(few_shot_requests(head=20, questions=4))


def test_weights_that_were_read_ahead_score_as_others_do(llamas: list[Checkpoint], tmp_path: Path) -> None:
    requests = few_shot_requests(head=20, questions=4)
    engine = TransformersEngine("float32")
    engine.load(llamas[0])
    engine.read_ahead(llamas[1])
    engine.load(llamas[1])
    ahead = engine.loglikelihoods(requests).values
    fresh = TransformersEngine("float32")
    fresh.load(llamas[1])
    np.testing.assert_array_equal(ahead, fresh.loglikelihoods(requests).values)
    engine.read_ahead(llamas[0])  # another one comes first
    engine.load(llamas[1])
    np.testing.assert_array_equal(ahead, engine.loglikelihoods(requests).values)


def test_a_damaged_file_is_an_error_when_it_is_loaded_and_not_before(llamas: list[Checkpoint], tmp_path: Path) -> None:
    folder = tmp_path / "damaged"
    shutil.copytree(llamas[1].path, folder)
    (folder / "model.safetensors").write_bytes(b"no weights")
    damaged = Checkpoint("m", 1, 1, folder)
    engine = TransformersEngine("float32")
    engine.load(llamas[0])
    engine.read_ahead(damaged)
    with pytest.raises(OrganizerError, match=r"model\.safetensors: damaged"):
        engine.load(damaged)


@pytest.mark.parametrize(("dtype", "remedy"), [("float32", "fetch or train it again"), ("float16", "--dtype float32")])
def test_log_likelihoods_that_are_not_finite_are_an_error(
    llamas: list[Checkpoint], tmp_path: Path, dtype: str, remedy: str
) -> None:
    folder = tmp_path / "overflowing"
    shutil.copytree(llamas[1].path, folder)
    tensors = load_file(folder / "model.safetensors")
    tensors["model.norm.weight"] = torch.full_like(tensors["model.norm.weight"], 3e38)
    save_file(tensors, folder / "model.safetensors", metadata={"format": "pt"})
    engine = TransformersEngine(dtype)
    engine.load(Checkpoint("m", 1, 1, folder))
    with pytest.raises(OrganizerError, match=f"not finite.*{remedy}"):
        engine.loglikelihoods(few_shot_requests(head=20, questions=2))


@pytest.mark.parametrize(("most", "runs"), [(1, 1), (12, 1), (12, 8)])
def test_batches_that_are_refilled_write_what_each_prompt_alone_gives(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, most: int, runs: int
) -> None:
    """Prompts of all lengths that end early, in batches of eight with room for a few of them."""
    monkeypatch.setattr(batched_generation, "SEQUENCES", 8)
    monkeypatch.setattr(batched_generation, "RUNS", runs)
    monkeypatch.setattr(batched_generation, "PROMPTS_A_RUN", 8)
    engine = TransformersEngine("float32")
    engine.load(make_llama(tmp_path / "m/iter_1", 1))
    engine._nodes = 24
    rng = np.random.default_rng(3)
    head = rng.integers(0, VOCABULARY, 20).tolist()
    prompts = [head + rng.integers(0, VOCABULARY, rng.integers(1, 30)).tolist() for _ in range(30)] + [[5], [5], head]
    stop = Stop(frozenset(range(0, VOCABULARY, 7)), (), most, str)
    together = engine.generate(prompts, stop)
    alone = [engine.generate([prompt], stop).tokens[0] for prompt in prompts]
    assert together.tokens == alone
    assert len({len(one) for one in alone}) > 1 or most == 1
    assert together.computed_tokens < sum(map(len, prompts)) + sum(map(len, alone))
