"""Writes a loaded task of lm-evaluation-harness as task.yaml and data files."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import yaml
from pydantic import ValidationError

from e2lm.submissions.lm_eval_metrics import ITEMS, Answered, metrics_of
from e2lm_ingestion.errors import OrganizerError
from e2lm_ingestion.task.messages import line_of
from e2lm_ingestion.task.output_type_rules import RULES
from e2lm_ingestion.task.task_parts import MAX_GENERATED_TOKENS, FilterChain, GenerationKwargs

if TYPE_CHECKING:
    from lm_eval.api.task import ConfigurableTask

FIELDS = {"doc_to_text": "rendered_text", "doc_to_choice": "rendered_choices", "doc_to_target": "rendered_target"}


def write_task(
    task: ConfigurableTask,
    folder: Path,
    *,
    shots: int | None,
    limit: int,
    metrics: list[dict[str, Any]] | None = None,
    file: str = "task.yaml",
    prefix: str = "",
) -> list[str]:
    """Write a task and its data into a folder, and return the parts that could not be imported, a line each.

    Documents, prompts, choices and targets that the task computes with functions are evaluated here and written as
    fields. The names of data files begin with `prefix`. `metrics` replaces the task's own metric_list.
    """
    config = task.config
    shots = (config.num_fewshot or 0) if shots is None else shots
    lost: list[str] = []
    splits = {"test": [dict(document) for document in task.eval_docs][:limit]}
    if len(task.eval_docs) > limit:
        lost.append(f"items after the first {limit:,} of {len(task.eval_docs):,}")
    keys: dict[str, Any] = {
        "task": config.task,
        "dataset_path": "json",
        "dataset_kwargs": {"data_files": {"test": f"{prefix}test.jsonl"}},
        "output_type": config.output_type,
        "test_split": "test",
    }
    if shots and not any(
        (config.fewshot_split, config.training_split, task.fewshot_cfg.samples, config.test_split is None)
    ):
        raise OrganizerError(
            f"{config.task}: {shots} few-shot examples need a split to come from; give it with --data, or "
            "import with --num-fewshot 0 and write `num_fewshot` and `fewshot_split: test` into task.yaml"
        )
    if shots:
        keys |= {"num_fewshot": shots, **_examples(task, splits)}
        if (
            task.fewshot_cfg.split is None
            and config.test_split is None
            and keys["fewshot_config"]["sampler"] == "default"
            and "dev" in splits
        ):
            lost.append(
                "which examples are drawn: without a test_split, the harness draws one more example and drops it"
            )
        if "dev" in splits:
            keys["dataset_kwargs"]["data_files"]["dev"] = f"{prefix}dev.jsonl"
    if config.description:
        keys["description"] = config.description
    keys |= _fields(task, splits)
    for key, default in (("target_delimiter", " "), ("fewshot_delimiter", "\n\n")):
        if getattr(config, key) != default:
            keys[key] = getattr(config, key)
    if config.gen_prefix:
        keys["gen_prefix"] = config.gen_prefix
    if RULES[config.output_type].generates:
        keys |= _generation(config, lost)
    keys["metric_list"] = metrics_of(config, lost, _answered(task)) if metrics is None else metrics
    (folder / file).write_text(yaml.safe_dump(keys, sort_keys=False, allow_unicode=True), encoding="utf-8")
    for split, documents in splits.items():
        lines = [json.dumps(document, ensure_ascii=False, default=_plain) + "\n" for document in documents]
        (folder / f"{prefix}{split}.jsonl").write_text("".join(lines), encoding="utf-8")
    return lost


def _answered(task: ConfigurableTask) -> list[Answered]:
    """The first documents with their choices and right ones, where the task has a process_results to try on them."""
    if not callable(task.config.process_results) or RULES[task.config.output_type].choices != "needed":
        return []
    found = []
    for document in list(task.eval_docs)[:ITEMS]:
        choices, target = task.doc_to_choice(document), task.doc_to_target(document)
        if not isinstance(choices, list):
            return []
        right = target if isinstance(target, list) else [target]
        gold = tuple(choices.index(one) if one in choices else one for one in right)
        if all(isinstance(one, int) for one in gold):
            found.append(Answered(document, tuple(choices), gold))
    return found


def _plain(value: Any) -> Any:  # noqa: ANN401 (any value that JSON lacks)
    """numpy's numbers and arrays as JSON has them; anything else as a text."""
    return value.tolist() if isinstance(value, np.generic | np.ndarray) else str(value)


def _examples(task: ConfigurableTask, splits: dict[str, list[dict[str, Any]]]) -> dict[str, Any]:
    """The keys for the few-shot examples; their documents are added to `splits`."""
    sampler = task.fewshot_cfg.sampler if isinstance(task.fewshot_cfg.sampler, str) else "default"
    config: dict[str, Any] = {"sampler": sampler}
    for key in ("target_delimiter", "fewshot_delimiter"):
        if (value := getattr(task.fewshot_cfg, key)) != getattr(task.config, key):
            config[key] = value
    own = task.fewshot_cfg.split
    of_items = own is not None and own == task.config.test_split
    if own is None and task.config.test_split is None and not task.fewshot_cfg.samples:
        of_items = task.config.training_split is None  # the harness takes validation_split for both
    if not of_items:
        splits["dev"] = [dict(document) for document in task.fewshot_docs()]
    return {"fewshot_split": "test" if of_items else "dev", "fewshot_config": config}


def _fields(task: ConfigurableTask, splits: Mapping[str, list[dict[str, Any]]]) -> dict[str, Any]:
    """doc_to_text, doc_to_choice and doc_to_target; functions are evaluated into fields of the documents."""
    keys = {}
    for key, name in FIELDS.items():
        source = getattr(task.config, key)
        own = getattr(task.fewshot_cfg, key)
        if source is None:
            continue
        keys[key] = name if callable(source) or (own != source and "dev" in splits) else source
        if keys[key] != name:
            continue
        for split, documents in splits.items():
            written = own if split == "dev" and own is not None else source
            for document in documents:
                document[name] = getattr(task, key)(
                    {k: v for k, v in document.items() if k not in FIELDS.values()}, written
                )
    return keys


def _generation(config: Any, lost: list[str]) -> dict[str, Any]:  # noqa: ANN401 (lm_eval's TaskConfig)
    """generation_kwargs and filter_list, as far as task.yaml supports them."""
    given = dict(config.generation_kwargs or {})
    for key in sorted(given.keys() - GenerationKwargs.model_fields.keys()):
        lost.append(f"generation_kwargs: {key}: {given.pop(key)!r}")
    if given.get("do_sample"):
        lost.append("generation_kwargs: do_sample: generation is greedy here")
        given["do_sample"] = False
    if given.get("max_gen_toks", 256) > MAX_GENERATED_TOKENS:
        lost.append(
            f"generation_kwargs: max_gen_toks: {given['max_gen_toks']}; at most {MAX_GENERATED_TOKENS} are generated"
        )
        given["max_gen_toks"] = MAX_GENERATED_TOKENS
    if given.get("temperature"):
        given["do_sample"] = False
    chains = []
    for chain in config.filter_list or []:
        if code := [step["function"] for step in chain["filter"] if callable(step["function"])]:
            name = getattr(code[0], "__name__", type(code[0]).__name__)
            lost.append(
                f"filter_list: {chain['name']}: function: {name} is code of the task; write `function: regex` or "
                "`multi_choice_regex` with a pattern"
            )
            continue
        try:
            FilterChain.model_validate(chain)
            chains.append(chain)
        except ValidationError as error:
            lost.append(f"filter_list: {chain['name']}: {line_of(error, FilterChain)}")
    return {"generation_kwargs": given, **({"filter_list": chains} if chains else {})}
