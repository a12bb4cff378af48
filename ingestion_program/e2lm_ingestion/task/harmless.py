"""Keys of lm-evaluation-harness that change no score here: they are taken out of a task, and named in a note."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from e2lm_ingestion.errors import SubmissionError
from e2lm_ingestion.task.output_type_rules import DEFAULT, RULES, OutputTypeRules
from e2lm_ingestion.task.task_parts import MAX_GENERATED_TOKENS

Keys = dict[str, Any]  # what YAML holds

# The harness uses these for display or with options of its own command line, or, where the data are local, not at all.
_UNUSED = ("task_alias", "should_decontaminate", "doc_to_decontamination_query", "dataset_name")
_ONLY_IF: Mapping[str, Any] = {"repeats": 1, "unsafe_code": False}
_TOKEN_LIMITS = ("max_gen_toks", "max_new_tokens", "max_tokens", "max_completion_tokens")  # in this order, as there
# Of generation_kwargs: values with which decoding is the same as without the key.
_NEUTRAL: Mapping[str, Any] = {
    "top_p": 1,
    "num_beams": 1,
    "num_return_sequences": 1,
    "repetition_penalty": 1,
    "length_penalty": 1,
    "presence_penalty": 0,
    "frequency_penalty": 0,
    "n": 1,
    "best_of": 1,
    "use_cache": True,
}
_OF_SAMPLING = ("top_p", "top_k", "min_p", "typical_p", "seed")  # without sampling, without effect
# Of an entry of metric_list: read by metrics of texts alone.
_OF_TEXTS = ("ignore_case", "ignore_punctuation", "ignore_numbers", "regexes_to_ignore", "average", "hf_evaluate")
_PASS_NUMBERS_ON = ("take_first", "take_first_k", "majority_vote")  # filters


def without_effect(given: Mapping[str, Any], name: str) -> tuple[Keys, list[str]]:
    """The keys that have an effect, with the harness' defaults for some; and a line for each that has none.

    `name` is the task's file. Raises SubmissionError where the harness would draw other examples than this program.
    """
    keys = {key: value for key, value in given.items() if value is not None}
    dropped = [f"{key}: null" for key in given if key not in keys and key != "doc_to_choice"]
    for key in _UNUSED:
        if key in keys:
            dropped.append(_line(key, keys.pop(key)))
    for key, harmless in _ONLY_IF.items():
        if key in keys and _is(keys[key], harmless):
            dropped.append(_line(key, keys.pop(key)))
    keys.setdefault("output_type", DEFAULT)
    rules = next((own for kind, own in RULES.items() if kind == keys["output_type"]), None)
    _nested(keys, "dataset_kwargs", dropped, _dataset_kwargs)
    _nested(keys, "fewshot_config", dropped, _without_nulls)
    _splits(keys, name, dropped)
    if rules is not None:
        _of_output_type(keys, rules, dropped)
    return keys, dropped


def _of_output_type(keys: Keys, rules: OutputTypeRules, dropped: list[str]) -> None:
    keys.setdefault("metric_list", [{"metric": metric} for metric in rules.harness_metrics])
    if isinstance(keys["metric_list"], list):
        keys["metric_list"] = [_metric(entry, rules, dropped) for entry in keys["metric_list"]]
    if rules.generates:
        _nested(keys, "generation_kwargs", dropped, _generation)
        return
    if "generation_kwargs" in keys:
        dropped.append("generation_kwargs")
        del keys["generation_kwargs"]
    if _changes_no_number(keys.get("filter_list")):
        dropped.append("filter_list")
        del keys["filter_list"]


def _line(key: str, value: Any) -> str:  # noqa: ANN401 (what YAML holds)
    short = isinstance(value, bool | int | float) or value is None
    return f"{key}: {str(value).lower()}" if short else key


def _is(value: Any, expected: Any) -> bool:  # noqa: ANN401 (what YAML holds)
    return isinstance(value, bool) == isinstance(expected, bool) and bool(value == expected)


def _nested(keys: Keys, key: str, dropped: list[str], change: Callable[[Keys, list[str]], Keys]) -> None:
    """Change the mapping under a key. Lines that `change` adds get the key before them."""
    if isinstance(keys.get(key), dict):
        own: list[str] = []
        keys[key] = change(dict(keys[key]), own)
        dropped += [f"{key}: {line}" for line in own]


def _without_nulls(keys: Keys, dropped: list[str]) -> Keys:
    """Without nulls; that of doc_to_choice has a meaning."""
    kept = {key: value for key, value in keys.items() if value is not None or key == "doc_to_choice"}
    dropped += [f"{key}: null" for key in keys if key not in kept]
    return kept


def _dataset_kwargs(keys: Keys, dropped: list[str]) -> Keys:
    keys = _without_nulls(keys, dropped)
    if "trust_remote_code" in keys:
        dropped.append(_line("trust_remote_code", keys.pop("trust_remote_code")))
    return keys


def _generation(keys: Keys, dropped: list[str]) -> Keys:
    keys = _without_nulls(keys, dropped)
    greedy = _is(keys.get("do_sample"), False)
    for key in list(keys):
        if (key in _NEUTRAL and _is(keys[key], _NEUTRAL[key])) or (greedy and key in _OF_SAMPLING):
            dropped.append(_line(key, keys.pop(key)))
    limits = [key for key in _TOKEN_LIMITS if key in keys]
    if limits:
        most = keys[limits[0]]
        for key in limits:
            del keys[key]
        keys["max_gen_toks"] = most
        dropped += [f"{key}, beside {limits[0]}" for key in limits[1:]]
        if isinstance(most, int) and most > MAX_GENERATED_TOKENS:
            keys["max_gen_toks"] = MAX_GENERATED_TOKENS
            dropped.append(f"max_gen_toks above {MAX_GENERATED_TOKENS}, the most that is generated, for {most:,}")
    return keys


def _metric(entry: Any, rules: OutputTypeRules, dropped: list[str]) -> Any:  # noqa: ANN401 (what YAML holds)
    if not isinstance(entry, dict):
        return entry
    kept = dict(entry)
    spec = rules.metrics.get(kept["metric"]) if isinstance(kept.get("metric"), str) else None
    unused = [key for key in _OF_TEXTS if key in kept and not rules.generates]
    unused += [key for key in ("weight_by_size",) if key in kept and not rules.generates]
    unused += ["hf_evaluate"] if _is(kept.get("hf_evaluate"), False) and rules.generates else []
    if spec is not None and not spec.has_options:
        unused += [key for key in _OF_TEXTS if key in kept and _is(kept[key], False) and key not in unused]
    for key in dict.fromkeys(unused):
        dropped.append(f"{key} of {kept.get('metric')}")
        del kept[key]
    return kept


def _changes_no_number(filters: Any) -> bool:  # noqa: ANN401 (what YAML holds)
    """Whether filters leave log-likelihoods as they are: those of texts pass numbers on, or there is only one."""
    if not isinstance(filters, list):
        return False
    steps = [step for chain in filters if isinstance(chain, dict) for step in chain.get("filter") or []]
    return all(isinstance(step, dict) and step.get("function") in _PASS_NUMBERS_ON for step in steps) and all(
        _is(step.get("k", 1), 1) for step in steps
    )


def _splits(keys: Keys, name: str, dropped: list[str]) -> None:
    """Items come from `test_split`, or else from `validation_split`; examples, if no other split is named, likewise.

    As in the harness; refused where it would draw an item as its own example.
    """
    validation, training = keys.pop("validation_split", None), keys.pop("training_split", None)
    shots = keys.get("num_fewshot") or 0
    config = keys.get("fewshot_config")
    own = config if isinstance(config, dict) else {}
    of_examples = own.get("split") or keys.get("fewshot_split")
    if "test_split" in keys:
        dropped += ["validation_split"] if validation is not None else []
        fallback = training or validation
        if shots and not of_examples and "samples" not in own and fallback and fallback != keys["test_split"]:
            keys["fewshot_split"] = fallback
        elif training is not None:
            dropped.append("training_split")
        return
    if validation is None:
        if training is not None:
            dropped.append("training_split")
        return
    if shots and (not of_examples or of_examples == validation):
        raise SubmissionError(
            f"{name}: validation_split: where it holds the items, lm-evaluation-harness draws examples from the item's "
            f"own split or in another order: write `test_split: {str(validation)[:40]}` in its place, and a "
            "`fewshot_split`"
        )
    keys["test_split"] = validation
    if training is not None:
        dropped.append("training_split")
