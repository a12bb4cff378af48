"""generate_until: prompts in tokens, texts that a model writes after them, and whether these are right."""

from __future__ import annotations

import re
import string
from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import numpy as np

from e2lm_ingestion.engines import Engine, Stop
from e2lm_ingestion.engines.requests import encode_texts, prefix_token
from e2lm_ingestion.errors import SubmissionError
from e2lm_ingestion.metrics import corpus
from e2lm_ingestion.metrics.builtin import MetricSpec
from e2lm_ingestion.output_types.choices import after_the_context
from e2lm_ingestion.output_types.protocol import Arrays, Item, OutputType, Wording
from e2lm_ingestion.output_types.questions import MAX_CHOICES, Document, Question, text_question
from e2lm_ingestion.sandbox.parent import Limits, confined
from e2lm_ingestion.sandbox.text_filters import chain, probes
from e2lm_ingestion.task.task import Task
from e2lm_ingestion.task.task_parts import PATTERNS, Filter, GenerationKwargs, Metric

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase

CHANCE = 0.0  # a text is not hit by guessing
WRONG_ANSWERS = 3  # other items whose answers are an item's wrong ones in its contrast
WRONG_ANSWERS_SEED = 0  # fixed: the same texts have the same contrast
FILTER_LIMITS = Limits(cpu_seconds=20, seconds_per_document=1.0, wall_seconds=60)  # for what one checkpoint wrote


@dataclass(frozen=True, slots=True)
class Prompts:
    """What every model of an engine group is given."""

    tokens: list[list[int]]
    texts: tuple[str, ...]  # each ends a generation and is not part of it
    max_tokens: int
    tokenizer: PreTrainedTokenizerBase


@dataclass(frozen=True, slots=True)
class Texts:
    """What one model wrote."""

    texts: list[str]
    computed_tokens: int


def encode_prompts(
    contexts: Sequence[str],
    generation: GenerationKwargs,
    tokenizer: PreTrainedTokenizerBase,
    context_length: int,
) -> Prompts:
    """Encode the contexts, as lm-evaluation-harness does: what does not fit before `max_gen_toks` loses its beginning.

    Raises SubmissionError when nothing of a prompt would be left.
    """
    room = context_length - generation.max_gen_toks
    if room < 1:
        raise SubmissionError(
            f"task.yaml: generation_kwargs: max_gen_toks is {generation.max_gen_toks:,}, and these models read "
            f"{context_length:,} tokens together with what they write; lower it"
        )
    encoded = encode_texts(tokenizer, list(contexts))
    tokens = [own[-room:] or [prefix_token(tokenizer)] for own in encoded]
    return Prompts(tokens, generation.until, generation.max_gen_toks, tokenizer)


def generate(engine: Engine, prompts: Prompts) -> Texts:
    """Let the loaded model write after each prompt, up to the first text that ends it or the tokenizer's EOS."""
    tokenizer = prompts.tokenizer

    def decode(tokens: Sequence[int]) -> str:
        return str(tokenizer.decode(list(tokens), skip_special_tokens=True))

    ends = frozenset() if tokenizer.eos_token_id is None else frozenset({int(tokenizer.eos_token_id)})
    written = engine.generate(prompts.tokens, Stop(ends, prompts.texts, prompts.max_tokens, decode))
    texts = []
    for tokens in written.tokens:
        text = decode([token for token in tokens if token not in ends])
        for end in prompts.texts:
            text = text.split(end, maxsplit=1)[0]
        texts.append(text)
    return Texts(texts, written.computed_tokens)


def filtered(texts: Sequence[str], filters: Sequence[Filter], options: Sequence[Sequence[str]]) -> list[str]:
    """Texts after the steps of a task's filter; `options` are the choices of each text's document.

    Raises SubmissionError for a pattern that is none, or that takes too long.
    """
    steps = [step.model_dump() for step in filters]
    if any(step.function in PATTERNS for step in filters):
        return _confined("filter_list", steps, texts, options)
    run = chain(steps)
    return [run(text, ()) for text in texts]


def _confined(key: str, steps: Sequence[Any], texts: Sequence[str], options: Sequence[Sequence[str]]) -> list[str]:
    request = {
        "location": f"task.yaml: {key}",
        "steps": list(steps),
        "texts": list(texts),
        "options": [list(own) for own in options],
        "limits": asdict(FILTER_LIMITS),
    }
    result: list[str] = confined("text_filters", request, FILTER_LIMITS.wall_seconds)
    return result


def text_scores(texts: Sequence[str], references: Sequence[Sequence[str]], metric: Metric) -> np.ndarray:
    """The score of each text against its right answers, of which the best match counts; (items,) float32.

    `exact_match` is 1 where it is one of them, with the options of lm-evaluation-harness. `f1` is that of SQuAD
    (Rajpurkar et al. 2016): of the words that text and answer share, case, punctuation and articles aside; both in
    [0, 1]. BLEU and the like, in [0, 100], are of all texts together.
    """
    if metric.metric in corpus.OF_TEXTS:
        return corpus.text_scores(metric.metric, texts, [own[0] for own in references]).astype(np.float32)
    pairs = [(text, right) for text, own in zip(texts, references, strict=True) for right in own]
    if metric.metric == "f1":
        values = [_f1(text, right) for text, right in pairs]
    elif metric.metric != "exact_match":
        raise NotImplementedError(f"text_scores has no branch for {metric.metric}")
    else:
        if metric.regexes_to_ignore:
            steps = [{"function": "remove", "patterns": metric.regexes_to_ignore}]
            flat = _confined("metric_list", steps, [text for pair in pairs for text in pair], [()] * 2 * len(pairs))
            pairs = list(zip(flat[::2], flat[1::2], strict=True))
        values = [float(_plain(text, metric) == _plain(right, metric)) for text, right in pairs]
    starts = np.cumsum([0, *map(len, references)])[:-1]
    best: np.ndarray = np.maximum.reduceat(np.asarray(values, dtype=np.float32), starts)
    return best


def text_contrasts(
    scores: np.ndarray, texts: Sequence[str], references: Sequence[Sequence[str]], metric: Metric
) -> np.ndarray:
    """What each text has of its own right answers more than of those of three other items, (items,) float32.

    `scores` are its `text_scores`. The other items are drawn with a fixed seed, so that every item lends its answers
    to three others. A task with a single item has a contrast of 0.
    """
    order = np.random.default_rng(WRONG_ANSWERS_SEED).permutation(len(texts))
    wrong = np.zeros(len(texts))
    for step in range(1, WRONG_ANSWERS + 1):
        other = np.empty_like(order)
        other[order] = np.roll(order, step)
        wrong += text_scores(texts, [references[item] for item in other], metric)
    contrast: np.ndarray = (scores - wrong / WRONG_ANSWERS).astype(np.float32)
    return contrast


def _scored(
    texts: Sequence[str], references: Sequence[Sequence[str]], metric: Metric, with_contrast: bool = True
) -> dict[str, np.ndarray]:
    scores = text_scores(texts, references, metric)
    if not with_contrast:
        return {"item_scores": scores}
    return {"item_scores": scores, "contrast_scores": text_contrasts(scores, texts, references, metric)}


def _plain(text: str, metric: Metric) -> str:
    text = text.lower() if metric.ignore_case else text
    removed = (string.punctuation if metric.ignore_punctuation else "") + (
        string.digits if metric.ignore_numbers else ""
    )
    return text.translate(str.maketrans("", "", removed))


def _f1(text: str, reference: str) -> float:
    words, right = _content_words(text), _content_words(reference)
    shared = sum((Counter(words) & Counter(right)).values())
    if not words or not right:
        return float(words == right)
    return 2 * shared / (len(words) + len(right))


def _content_words(text: str) -> list[str]:
    text = text.lower().translate(str.maketrans("", "", string.punctuation))
    return re.sub(r"\b(a|an|the)\b", " ", text).split()


def packed(name: str, texts: Sequence[str]) -> dict[str, np.ndarray]:
    """`<name>s`, all texts in UTF-8 as uint8, one after the other, and `<name>_offsets` (texts + 1,)."""
    encoded = [text.encode() for text in texts]
    return {
        f"{name}s": np.frombuffer(b"".join(encoded), dtype=np.uint8),
        f"{name}_offsets": np.cumsum([0, *map(len, encoded)]),
    }


def unpacked(name: str, arrays: Any) -> list[str]:  # noqa: ANN401 (any mapping of arrays, an .npz file too)
    """The texts of `packed`."""
    content, offsets = arrays[f"{name}s"].tobytes(), arrays[f"{name}_offsets"]
    return [content[start:end].decode() for start, end in pairwise(offsets)]


@dataclass(frozen=True)
class GenerationItemSet:
    """generate_until: the model writes, and what it wrote is compared."""

    items: Sequence[Item]
    task: Task

    @property
    def count(self) -> int:
        """How many items."""
        return len(self.items)

    @property
    def subsets(self) -> list[tuple[str, int]]:
        """None: it is a task alone."""
        return []

    @property
    def chance(self) -> float | None:
        """The score that guessing gives."""
        return CHANCE if self.task.higher_is_better else None

    def encode(self, tokenizer: PreTrainedTokenizerBase, context_length: int) -> Prompts:
        """Every prompt, and how to read what is written after it."""
        return encode_prompts(
            [item.contexts[0] for item in self.items], self.task.generation, tokenizer, context_length
        )

    def score(self, engine: Engine, encoded: Prompts) -> Texts:
        """Ask the loaded model."""
        return generate(engine, encoded)

    def item_arrays(self) -> dict[str, np.ndarray]:
        """The right answers: `references`, `reference_offsets`, `item_reference_offsets`; likewise `options`."""
        arrays: dict[str, np.ndarray] = {}
        for name, own in (("reference", [i.choices for i in self.items]), ("option", [i.options for i in self.items])):
            arrays |= packed(name, [text for texts in own for text in texts])
            arrays[f"item_{name}_offsets"] = np.cumsum([0, *map(len, own)])
        return arrays

    def arrays(self, answers: Texts) -> dict[str, np.ndarray]:
        """`item_scores`, `contrast_scores` (items,); `generations`, all texts as UTF-8; `generation_offsets`."""
        texts = filtered(answers.texts, self.task.filters, [item.options for item in self.items])
        scores = _scored(texts, [item.choices for item in self.items], self.task.metric_list[0])
        return {**scores, **packed("generation", answers.texts)}


def _question(document: Document) -> Question:
    """A question whose choices are the right answers alone."""
    question = text_question(document, most=MAX_CHOICES)
    right = tuple(question.choices[i] for i in question.gold)
    return replace(question, choices=right, gold=tuple(range(len(right))))


def _item_set(task: Task, items: Sequence[Item]) -> GenerationItemSet:
    for metric in task.metric_list:
        if metric.metric in corpus.OF_TEXTS and any(len(item.choices) > 1 for item in items):
            raise SubmissionError(f"metric_list: {metric.metric} compares with one text; some items have several")
    item_set = GenerationItemSet(items, task)
    item_set.arrays(Texts([""] * len(items), 0))  # a pattern that cannot be run is refused before a model is asked
    _try_patterns(task, items[0].options)
    return item_set


def _try_patterns(task: Task, options: Sequence[str]) -> None:
    """Raise SubmissionError for a pattern that takes long on repetitive text: `options` are the choices of an item."""
    filters = [step.model_dump() for step in task.filters]
    of_filters = [step.get("regex_pattern") or "" for step in filters if step["function"] in PATTERNS]
    of_metrics = [pattern for metric in task.metric_list for pattern in metric.regexes_to_ignore]
    removed = [{"function": "remove", "patterns": of_metrics}] if of_metrics else []
    for key, steps, patterns in (("filter_list", filters, of_filters), ("metric_list", removed, of_metrics)):
        texts = probes(patterns) if patterns else []
        try:
            if texts:
                _confined(key, steps, texts, [options] * len(texts))
        except SubmissionError:
            raise SubmissionError(
                f"task.yaml: {key}: a pattern takes too long on text that repeats itself; write none that repeats "
                "what repeats, as (a+)+ does"
            ) from None


def _rescored(
    metric: Metric, spec: MetricSpec, filters: Sequence[Filter], items: Arrays, arrays: Arrays, with_contrast: bool
) -> dict[str, np.ndarray]:
    options, references = _grouped("option", items), _grouped("reference", items)
    return _scored(filtered(unpacked("generation", arrays), filters, options), references, metric, with_contrast)


def _grouped(name: str, items: Arrays) -> list[list[str]]:
    """The texts of each item."""
    texts, offsets = unpacked(name, items), items[f"item_{name}_offsets"]
    return [texts[start:end] for start, end in pairwise(offsets)]


def _chance(spec: MetricSpec, items: Arrays) -> float | None:
    return CHANCE if spec.higher_is_better else None


def _requested(item: Item) -> Item:
    """One answer is written, however many are right."""
    return replace(item, continuations=item.continuations[:1])


GENERATE_UNTIL = OutputType(
    name="generate_until",
    wording=Wording("the model writes the answer", "and what it should write after it:"),
    question=_question,
    join=after_the_context,
    item_set=_item_set,
    rescored=_rescored,
    chance=_chance,
    requested=_requested,
    writes=True,
)
