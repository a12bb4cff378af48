"""The vLLM engine, really run on a CPU, against fresh engines and against the transformers engine."""

from __future__ import annotations

import gc
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file

from e2lm_ingestion.engines import LogLikelihoods, Stop
from e2lm_ingestion.engines.prefix_tree import unique_tokens
from e2lm_ingestion.engines.prompts import Prompt, prompts_of
from e2lm_ingestion.engines.requests import Requests
from e2lm_ingestion.engines.transformers import TransformersEngine
from e2lm_ingestion.errors import OrganizerError
from e2lm_ingestion.suite import Checkpoint
from tests.llamas import VOCABULARY, make_llama

if TYPE_CHECKING:
    from collections.abc import Sequence

    from e2lm_ingestion.engines.vllm import VllmEngine

pytestmark = pytest.mark.usefixtures("vllm")  # its module is imported where it is used: that takes seconds
MODULE = "e2lm_ingestion.engines.vllm"
CONTEXT_LENGTH = 512
BLOCK = 32


@pytest.fixture(scope="session")
def tied(tmp_path_factory: pytest.TempPathFactory) -> list[Checkpoint]:
    root = tmp_path_factory.mktemp("tied")
    return [make_llama(root / f"m/iter_{seed}", seed, positions=CONTEXT_LENGTH) for seed in range(3)]


@pytest.fixture(scope="session")
def untied(tmp_path_factory: pytest.TempPathFactory) -> list[Checkpoint]:
    root = tmp_path_factory.mktemp("untied")
    return [make_llama(root / f"m/iter_{seed}", seed, tie=False, positions=CONTEXT_LENGTH) for seed in range(3)]


@pytest.fixture(scope="session")
def shared_engine(vllm: None) -> Iterator[VllmEngine]:
    from e2lm_ingestion.engines.vllm import VllmEngine

    engine = VllmEngine("float32")
    yield engine
    engine.close()


@pytest.fixture
def engine(shared_engine: VllmEngine, tied: list[Checkpoint]) -> VllmEngine:
    """An engine with the first checkpoint of the tied engine group; tests must keep this engine group."""
    shared_engine.load(tied[0])
    return shared_engine


def requests_of(pairs: Sequence[tuple[np.ndarray, np.ndarray]]) -> Requests:
    sequences = [np.concatenate(pair) for pair in pairs]
    lengths = np.asarray([len(context) for context, _ in pairs])
    return Requests(np.concatenate(sequences).astype(np.int32), np.cumsum([0, *map(len, sequences)]), lengths)


def few_shot(head: int, question: int = 30, questions: int = 12, answer: int = 5) -> Requests:
    """Questions of 1 to `question` tokens behind one head, with four choices of 1 to `answer` - 1 tokens."""
    rng = np.random.default_rng(head)
    shared = rng.integers(0, VOCABULARY, head)
    pairs = []
    for _ in range(questions):
        context = np.concatenate([shared, rng.integers(0, VOCABULARY, rng.integers(1, question + 1))])
        pairs += [(context, rng.integers(0, VOCABULARY, rng.integers(1, answer))) for _ in range(4)]
    return requests_of(pairs)


def shared_beginnings() -> Requests:
    """Contexts that end near the end of a block, and choices that share a prefix of more than one block."""
    rng = np.random.default_rng(1)
    context, beginning = rng.integers(0, VOCABULARY, 3 * BLOCK), rng.integers(0, VOCABULARY, 2 * BLOCK)
    ends = [rng.integers(0, VOCABULARY, rng.integers(1, 4)) for _ in range(3)]
    cuts = range(2 * BLOCK - 2, 2 * BLOCK + 3)
    return requests_of([(context[:cut], np.concatenate([beginning, end])) for cut in cuts for end in ends])


def letters() -> Requests:
    """A choice for each of 200 tokens, after one context; and two single tokens after contexts of a single token."""
    context = np.arange(40)
    after_one = [(np.asarray([token]), np.asarray([3])) for token in (1, 2)]
    return requests_of([*((context, np.asarray([token])) for token in range(200)), *after_one])


def several_heads() -> Requests:
    parts = [few_shot(head, questions=3) for head in (5, 100, 101)]
    return requests_of(
        [
            (part.sequence(r)[: part.context_lengths[r]], part.sequence(r)[part.context_lengths[r] :])
            for part in parts
            for r in range(len(part))
        ]
    )


def longest() -> Requests:
    """As many tokens as the model has positions, and one more that is predicted but never an input."""
    tokens = np.random.default_rng(2).integers(0, VOCABULARY, CONTEXT_LENGTH + 1)
    return requests_of([(tokens[:-3], tokens[-3:]), (tokens[:-1], tokens[-1:])])


SHAPES = [lambda: few_shot(0), lambda: few_shot(100), shared_beginnings, letters, several_heads, longest]
SHAPE_NAMES = ["no head", "a head", "shared beginnings", "letters", "several heads", "longest"]


@pytest.mark.parametrize("engine_group", ["tied", "untied"])
def test_swapped_weights_score_exactly_as_a_fresh_engine_does(
    shared_engine: VllmEngine, engine_group: str, request: pytest.FixtureRequest
) -> None:
    from e2lm_ingestion.engines.swap_verification import EXACT_CHECK_FROM

    checkpoints: list[Checkpoint] = request.getfixturevalue(engine_group)
    requests = few_shot(100)

    def score(number: int) -> LogLikelihoods:
        shared_engine.load(checkpoints[number], group_size=EXACT_CHECK_FROM)
        return shared_engine.loglikelihoods(requests)

    shared_engine.close()
    fresh = [score(0), score(1)]  # the first swap of an engine group is compared with a fresh engine, which stays
    started = shared_engine._llm
    swapped = [score(2), score(0), score(1)]
    assert shared_engine._llm is started
    shared_engine.close()
    fresh.append(score(2))
    shared_engine.close()
    for one, other in zip(fresh, [*swapped[1:], swapped[0]], strict=True):
        np.testing.assert_array_equal(one.values, other.values)
        np.testing.assert_array_equal(one.greedy, other.greedy)
    assert not np.array_equal(fresh[0].values, fresh[1].values)


def test_the_first_swap_of_a_short_group_is_compared_with_a_plain_forward_pass(
    shared_engine: VllmEngine, tied: list[Checkpoint]
) -> None:
    shared_engine.close()
    shared_engine.load(tied[0], group_size=3)
    started = shared_engine._llm
    shared_engine.load(tied[1], group_size=3)
    assert shared_engine._llm is started
    assert shared_engine._swap_is_verified


@pytest.mark.parametrize("group_size", [3, 100])
def test_a_swap_that_misses_a_tensor_leads_to_fresh_engines(
    shared_engine: VllmEngine, tied: list[Checkpoint], monkeypatch: pytest.MonkeyPatch, group_size: int
) -> None:
    shared_engine.close()
    # Without this a tied head goes on with the weights of the first checkpoint, while the rest of the model changes.
    monkeypatch.setattr(f"{MODULE}.repack_tied_weights", lambda model: None)
    for checkpoint in tied:
        shared_engine.load(checkpoint, group_size)
    reference = TransformersEngine("float32")
    reference.load(tied[2])
    expected = reference.loglikelihoods(few_shot(10)).values
    np.testing.assert_allclose(shared_engine.loglikelihoods(few_shot(10)).values, expected, rtol=1e-5, atol=2e-4)
    shared_engine.close()


@pytest.mark.parametrize("shape", SHAPES, ids=SHAPE_NAMES)
def test_it_agrees_with_the_transformers_engine(
    engine: VllmEngine, tied: list[Checkpoint], shape: Callable[[], Requests]
) -> None:
    requests = shape()
    scored = engine.loglikelihoods(requests)
    reference = TransformersEngine("float32")
    reference.load(tied[0])
    expected = reference.loglikelihoods(requests)
    # Both sum float32 products in another order: a logit of size 30 differs in the 6th digit, a log-likelihood in as
    # many times that as the continuation has tokens.
    np.testing.assert_allclose(scored.values, expected.values, rtol=1e-5, atol=2e-4)
    np.testing.assert_array_equal(scored.greedy, expected.greedy)


@pytest.fixture(scope="module")
def reference_engine(vllm: None, tied: list[Checkpoint]) -> Iterator[VllmEngine]:
    """LLM.generate on the first checkpoint of the tied engine group."""
    from e2lm_ingestion.engines.vllm import VllmEngine

    engine = VllmEngine("float32", reference=True)
    engine.load(tied[0])
    yield engine
    engine.close()


@pytest.mark.parametrize("shape", SHAPES, ids=SHAPE_NAMES)
def test_the_engine_core_gives_the_values_of_generate(
    engine: VllmEngine, reference_engine: VllmEngine, shape: Callable[[], Requests]
) -> None:
    requests = shape()
    scored, expected = engine.loglikelihoods(requests), reference_engine.loglikelihoods(requests)
    np.testing.assert_array_equal(scored.values, expected.values)
    np.testing.assert_array_equal(scored.greedy, expected.greedy)
    assert scored.computed_tokens == expected.computed_tokens
    assert engine.description["kernels"] == reference_engine.description["kernels"] == "runner V1, CPU_ATTN attention"


def test_the_engine_core_writes_what_generate_writes(engine: VllmEngine, reference_engine: VllmEngine) -> None:
    rng = np.random.default_rng(3)
    head = rng.integers(0, VOCABULARY, 70).tolist()
    prompts = [[*head, *rng.integers(0, VOCABULARY, length).tolist()] for length in range(1, 20)]
    stop = Stop(frozenset(), (), 40, words)
    assert engine.generate(prompts, stop) == reference_engine.generate(prompts, stop)


def test_it_reports_which_continuations_are_greedy(engine: VllmEngine) -> None:
    context = np.arange(20)
    every_token = engine.loglikelihoods(requests_of([(context, np.asarray([token])) for token in range(VOCABULARY)]))
    likeliest = int(every_token.values.argmax())
    assert every_token.greedy.tolist() == [token == likeliest for token in range(VOCABULARY)]
    greedy, other = np.asarray([likeliest, 5]), np.asarray([(likeliest + 1) % VOCABULARY, 5])
    onward = np.append(context, likeliest)
    then = engine.loglikelihoods(requests_of([(onward, np.asarray([token])) for token in range(VOCABULARY)]))
    greedy[1] = other[1] = then.values.argmax()
    assert engine.loglikelihoods(requests_of([(context, greedy), (context, other)])).greedy.tolist() == [True, False]


def test_prefixes_from_the_cache_score_as_computed_ones_do(engine: VllmEngine) -> None:
    requests = few_shot(100)
    together = engine.loglikelihoods(requests)
    alone = []
    for number in range(len(requests)):
        sequence, context = requests.sequence(number), requests.context_lengths[number]
        alone.append(engine.loglikelihoods(requests_of([(sequence[:context], sequence[context:])])))
    assert together.computed_tokens < sum(scored.computed_tokens for scored in alone) / 2
    # Attention adds the same float32 numbers up in other groups when a part of them comes from the cache.
    values = np.concatenate([scored.values for scored in alone])
    np.testing.assert_allclose(together.values, values, rtol=1e-5, atol=1e-4)


def test_the_same_run_twice_is_identical(engine: VllmEngine) -> None:
    requests = several_heads()
    first, second = engine.loglikelihoods(requests), engine.loglikelihoods(requests)
    np.testing.assert_array_equal(first.values, second.values)
    np.testing.assert_array_equal(first.greedy, second.greedy)
    assert first.computed_tokens == second.computed_tokens


def test_the_plans_of_several_submissions_are_kept_while_their_requests_are(engine: VllmEngine) -> None:
    first, second = few_shot(100), few_shot(120)
    before = engine.loglikelihoods(first)
    plan = engine._plan(first)
    engine.loglikelihoods(second)
    assert engine._plan(first) is plan
    np.testing.assert_array_equal(engine.loglikelihoods(first).values, before.values)
    kept = len(engine._plans)
    del second
    gc.collect()
    assert len(engine._plans) == kept - 1


@pytest.mark.parametrize("reference", [False, True])
def test_a_cache_of_two_prompts_changes_rounding_alone(
    tied: list[Checkpoint], engine: VllmEngine, monkeypatch: pytest.MonkeyPatch, reference: bool
) -> None:
    from e2lm_ingestion.engines.vllm import VllmEngine

    requests = few_shot(300, question=60, questions=20)
    expected = engine.loglikelihoods(requests)
    cache = engine._llm.llm_engine.vllm_config.cache_config
    block_bytes = cache.kv_cache_memory_bytes // cache.num_gpu_blocks
    monkeypatch.setattr(f"{MODULE}._CPU_CACHE_BYTES", 24 * block_bytes)
    small = VllmEngine("float32", reference=reference)
    small.load(tied[0])
    assert small._llm.llm_engine.vllm_config.cache_config.num_gpu_blocks == 24
    scored = small.loglikelihoods(requests)
    small.close()
    np.testing.assert_allclose(scored.values, expected.values, rtol=1e-5, atol=1e-4)
    assert scored.computed_tokens <= 2 * expected.computed_tokens


def test_few_shot_prompts_are_computed_less_than_twice(engine: VllmEngine) -> None:
    requests = few_shot(300, question=150, questions=40)
    assert engine.loglikelihoods(requests).computed_tokens <= 1.8 * unique_tokens(requests)


def test_it_generates_what_the_transformers_engine_generates(engine: VllmEngine, tied: list[Checkpoint]) -> None:
    rng = np.random.default_rng(3)
    head = rng.integers(0, VOCABULARY, 70).tolist()
    prompts = [[*head, *rng.integers(0, VOCABULARY, length).tolist()] for length in range(1, 20)]
    reference = TransformersEngine("float32")
    reference.load(tied[0])
    unstopped = reference.generate(prompts, Stop(frozenset(), (), 40, words)).tokens
    token = unstopped[0][7]
    stop = Stop(frozenset({token}), (words(unstopped[1][18:20]),), 40, words)
    written = engine.generate(prompts, stop)
    expected = reference.generate(prompts, stop)
    assert written.tokens == expected.tokens
    assert {len(tokens) for tokens in written.tokens} >= {8, 20}
    assert expected.computed_tokens < written.computed_tokens < sum(map(len, prompts))


def words(tokens: Sequence[int]) -> str:
    return "".join(f"<{token}>" for token in tokens)


def test_values_that_the_cache_hides_are_computed_again(engine: VllmEngine, monkeypatch: pytest.MonkeyPatch) -> None:
    expected = engine.loglikelihoods(shared_beginnings())

    def uncut(requests: Requests, block_size: int, max_last_tokens: int) -> list[Prompt]:
        return prompts_of(requests, 1000 * block_size, max_last_tokens)

    monkeypatch.setattr(f"{MODULE}.prompts_of", uncut)
    scored = engine.loglikelihoods(shared_beginnings())
    assert scored.computed_tokens > expected.computed_tokens
    np.testing.assert_allclose(scored.values, expected.values, rtol=1e-5, atol=1e-4)


def test_a_swap_that_changes_nothing_leads_to_a_fresh_engine(
    engine: VllmEngine, tied: list[Checkpoint], monkeypatch: pytest.MonkeyPatch
) -> None:
    engine.load(tied[1])
    expected = engine.loglikelihoods(few_shot(10)).values
    engine.load(tied[0])
    stuck = engine._llm
    monkeypatch.setattr(stuck, "collective_rpc", lambda *args, **kwargs: None)
    engine.load(tied[1])
    assert engine._llm is not stuck
    np.testing.assert_array_equal(engine.loglikelihoods(few_shot(10)).values, expected)


def test_equal_weights_under_another_name_need_no_fresh_engine(
    engine: VllmEngine, tied: list[Checkpoint], tmp_path: Path
) -> None:
    engine.load(tied[1])
    engine.load(tied[0])
    shutil.copytree(tied[0].path, tmp_path / "copy")
    before = engine._llm
    engine.load(Checkpoint("m", 1, 1, tmp_path / "copy"))
    assert engine._llm is before


def damaged(checkpoint: Checkpoint, folder: Path) -> Checkpoint:
    shutil.copytree(checkpoint.path, folder)
    return Checkpoint("m", 1, 1, folder)


def test_a_truncated_checkpoint_is_refused_and_the_next_one_scored(
    engine: VllmEngine, tied: list[Checkpoint], tmp_path: Path
) -> None:
    expected = engine.loglikelihoods(few_shot(10)).values
    broken = damaged(tied[1], tmp_path / "broken")
    weights = broken.path / "model.safetensors"
    weights.write_bytes(weights.read_bytes()[:-4])
    with pytest.raises(OrganizerError, match=r"model\.safetensors: truncated or damaged"):
        engine.load(broken)
    engine.load(tied[0])
    np.testing.assert_array_equal(engine.loglikelihoods(few_shot(10)).values, expected)


def test_a_checkpoint_without_one_tensor_is_refused(engine: VllmEngine, tied: list[Checkpoint], tmp_path: Path) -> None:
    broken = damaged(tied[1], tmp_path / "broken")
    tensors = load_file(broken.path / "model.safetensors")
    del tensors["model.norm.weight"]
    save_file(tensors, broken.path / "model.safetensors", metadata={"format": "pt"})
    with pytest.raises(OrganizerError, match=r"tensor model\.norm\.weight is missing"):
        engine.load(broken)


def test_a_checkpoint_of_another_dtype_is_refused(engine: VllmEngine, tied: list[Checkpoint], tmp_path: Path) -> None:
    broken = damaged(tied[1], tmp_path / "broken")
    tensors = load_file(broken.path / "model.safetensors")
    tensors["model.norm.weight"] = tensors["model.norm.weight"].half()
    save_file(tensors, broken.path / "model.safetensors", metadata={"format": "pt"})
    with pytest.raises(OrganizerError, match=r"tensor model\.norm\.weight is F16 of 64 instead of F32 of 64"):
        engine.load(broken)


def test_a_checkpoint_of_another_size_is_refused(engine: VllmEngine, tmp_path: Path) -> None:
    with pytest.raises(OrganizerError, match=r"config\.json has num_hidden_layers 3 instead of 2"):
        engine.load(make_llama(tmp_path / "m/deeper", 0, layers=3, positions=CONTEXT_LENGTH))


def test_weights_that_are_not_finite_are_named(engine: VllmEngine, tied: list[Checkpoint], tmp_path: Path) -> None:
    broken = damaged(tied[1], tmp_path / "broken")
    tensors = load_file(broken.path / "model.safetensors")
    tensors["model.norm.weight"][:] = torch.nan
    save_file(tensors, broken.path / "model.safetensors", metadata={"format": "pt"})
    engine.load(broken)
    with pytest.raises(OrganizerError, match="gives log-likelihoods that are not finite"):
        engine.loglikelihoods(few_shot(10))


def test_a_prompt_that_does_not_fit_is_refused(engine: VllmEngine) -> None:
    tokens = np.zeros(CONTEXT_LENGTH + 2, dtype=np.int32)
    with pytest.raises(OrganizerError, match=r"a prompt of 513 tokens is longer than the 512"):
        engine.loglikelihoods(requests_of([(tokens[:-1], tokens[-1:])]))


def test_too_little_memory_leads_to_one_retry_with_smaller_steps(
    engine: VllmEngine, tied: list[Checkpoint], monkeypatch: pytest.MonkeyPatch
) -> None:
    expected = engine.loglikelihoods(few_shot(10)).values
    score, failures = type(engine)._score, iter([True, False, True, True])

    def short_of_memory(self: VllmEngine, requests: Requests) -> object:
        if next(failures):
            raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 20.00 MiB")
        return score(self, requests)

    monkeypatch.setattr(type(engine), "_score", short_of_memory)
    assert "8,192 tokens and 512 prompts a step" in engine.description["flags"]
    np.testing.assert_allclose(engine.loglikelihoods(few_shot(10)).values, expected, rtol=1e-5)
    assert "4,096 tokens and 512 prompts a step" in engine.description["flags"]
    with pytest.raises(OrganizerError, match=r"m at iteration 1,000 .* does not fit into the memory"):
        engine.loglikelihoods(few_shot(10))


def test_an_unknown_dtype_is_refused() -> None:
    from e2lm_ingestion.engines.vllm import VllmEngine

    with pytest.raises(OrganizerError, match="--dtype int8"):
        VllmEngine("int8")


def test_another_version_of_vllm_is_refused(engine: VllmEngine, monkeypatch: pytest.MonkeyPatch) -> None:
    import vllm

    from e2lm_ingestion.engines.vllm_core import EngineCore

    monkeypatch.setattr(vllm, "__version__", "0.33.1")
    with pytest.raises(OrganizerError, match=r"vLLM 0\.33\.1 is installed, and --engine vllm needs 0\.32; .*reference"):
        EngineCore(engine._llm)


def test_a_context_longer_than_the_positions_is_refused(tied: list[Checkpoint]) -> None:
    from e2lm_ingestion.engines.vllm import VllmEngine

    with pytest.raises(OrganizerError, match=r"config\.json: the model has 512 positions.*513"):
        VllmEngine("float32", context_length=CONTEXT_LENGTH + 1).load(tied[0])
