"""Results of a run in the form of lm-evaluation-harness, for tools that read its output.

As `lm_eval --output_path DIR --log_samples` does, it writes MODEL/results_DATE.json and MODEL/samples_TASK_DATE.jsonl
for every checkpoint, MODEL being the repository or folder of the model and DATE when the checkpoint was evaluated. The
document of a sample holds the choices as the model was asked them. Source: lm_eval/loggers/evaluation_tracker.py and
lm_eval/evaluator.py of the harness, 0.4.13.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np

from e2lm import __version__
from e2lm.runs.result_arrays import read_arrays
from e2lm_ingestion.metrics.builtin import choice_columns
from e2lm_ingestion.output_types.generate_until import filtered, unpacked
from e2lm_ingestion.output_types.items import items_by_task
from e2lm_ingestion.output_types.protocol import Item, OutputType
from e2lm_ingestion.output_types.registry import OUTPUT_TYPES
from e2lm_ingestion.results.folder import mean_score, write_atomically
from e2lm_ingestion.submission.submission import Submission, open_submission
from e2lm_ingestion.suite import Model, Suite, load_suite
from e2lm_ingestion.task.task import Task
from e2lm_ingestion.task.task_parts import FilterChain, Metric
from e2lm_scoring.inputs.results import CheckpointRow, read_results_file

NO_FILTER = "none"


@dataclass(frozen=True, slots=True)
class _Scored:
    """One metric under one filter: what each item adds, and what the harness logs of it."""

    metric: str
    chain: str
    higher_is_better: bool
    scores: np.ndarray  # (items,) float32, whose mean is the score
    logged: list[Any]  # an item's value, or what a perplexity is aggregated from


def write_lm_eval_output(submission_path: Path, suite_yaml: Path, results: Path, out: Path) -> list[Path]:
    """Write every checkpoint of a finished run below `out`, and return the paths of the results files.

    `results` is the folder of results.json. The same run gives the same file names, so that it can be written again.
    Raises OrganizerError for a run that is not finished or is damaged.
    """
    file, suite = read_results_file(results), load_suite(suite_yaml)
    models = {model.id: model for model in suite.models}
    written: list[Path] = []
    with open_submission(submission_path) as submission:
        items = items_by_task(submission)
        arrays = read_arrays(results, file.items.arrays, file.items.sha256) if file.items is not None else {}
        for row in file.checkpoints:
            answers = read_arrays(results, row.arrays, row.sha256)
            evaluated = (results / row.arrays).stat().st_mtime_ns // 1000 / 1e6
            output = _Output(submission, suite, models[row.model], row, items, arrays, answers, evaluated, file.engine)
            written.append(output.write(out, taken=written))
    return written


@dataclass(frozen=True, slots=True)
class _Output:
    """One checkpoint's files."""

    submission: Submission
    suite: Suite
    model: Model
    row: CheckpointRow
    items: Mapping[str, list[Item]]  # by task
    arrays: Mapping[str, np.ndarray]  # of items.npz
    answers: Mapping[str, np.ndarray]
    evaluated: float  # seconds since 1970
    engine: Mapping[str, str]

    @property
    def task(self) -> Task:
        return self.submission.task

    @property
    def sizes(self) -> list[int]:
        return [len(own) for own in self.items.values()]

    def write(self, out: Path, *, taken: Sequence[Path]) -> Path:
        """The results file, written last; a date that another checkpoint has is moved by a microsecond."""
        folder = out / re.sub(r"[\"<>:/|\\?*\[\]]+", "__", self.model.source)
        moment = self.evaluated
        while (path := folder / f"results_{_date(moment)}.json") in taken:
            moment += 1e-6
        folder.mkdir(parents=True, exist_ok=True)
        scored = self._scored()
        hashes = {}
        for (task, own), (start, end) in zip(self.items.items(), pairwise(np.cumsum([0, *self.sizes])), strict=True):
            lines = list(self._samples(own, scored, int(start), int(end)))
            hashes[task] = _hash(
                "".join(line["doc_hash"] + line["prompt_hash"] + line["target_hash"] for line in lines)
            )
            text = "".join(json.dumps(line, ensure_ascii=False) + "\n" for line in lines)
            write_atomically(folder / f"samples_{task}_{_date(moment)}.jsonl", text.encode("utf-8", "replace"))
        content = json.dumps(self._results(scored) | {"task_hashes": hashes}, indent=2, ensure_ascii=False)
        write_atomically(path, content.encode("utf-8", "replace"))
        return path

    def _scored(self) -> list[_Scored]:
        found = []
        for metric in self.task.metric_list:
            for chain in self.task.filter_list if self._output_type.writes else (None,):
                scores, logged = self._of_metric(metric, chain)
                higher = metric.is_better_higher(self.task.output_type)
                found.append(_Scored(metric.metric, NO_FILTER if chain is None else chain.name, higher, scores, logged))
        return found

    @property
    def _output_type(self) -> OutputType:
        return OUTPUT_TYPES[self.task.output_type]

    def _of_metric(self, metric: Metric, chain: FilterChain | None) -> tuple[np.ndarray, list[Any]]:
        spec = metric.spec(self.task.output_type)
        filters = chain.filter if chain is not None else ()
        scores = self._output_type.rescored(metric, spec, filters, self.arrays, self.answers, False)["item_scores"]
        formula = spec.formula
        if formula is None or (formula.denominator is None and formula.function == "identity"):
            return scores, scores.astype(float).tolist()
        columns = choice_columns(self.arrays, self.answers)
        above = formula.numerator.evaluate(columns).tolist()
        if formula.denominator is None:
            return scores, above
        return scores, [list(pair) for pair in zip(above, formula.denominator.evaluate(columns).tolist(), strict=True)]

    def _results(self, scored: Sequence[_Scored]) -> dict[str, Any]:
        cuts = np.cumsum(self.sizes)[:-1]
        by_task = {
            task: {"alias": task} | _measured([(one, np.split(one.scores, cuts)[number]) for one in scored])
            for number, task in enumerate(self.items)
        }
        tasks, name = list(self.items), self.submission.name
        groups = {}
        if name not in by_task:
            whole = {"alias": name} | _measured([(one, one.scores) for one in scored])
            for one in scored:
                mean = mean_score(one.scores, self.sizes, self.submission.weight_by_size)
                whole[f"{one.metric},{one.chain}"] = mean
            groups = {name: whole}
        shots = {task.task: task.shots for task in self.submission.tasks.values()}
        subtasks: dict[str, list[str]] = {task: [] for task in tasks} | ({name: tasks} if groups else {})
        directions = {one.metric: one.higher_is_better for one in scored}
        return {
            "results": groups | by_task,
            **({"groups": groups} if groups else {}),
            "group_subtasks": subtasks,
            "configs": {task.task: task.model_dump(mode="json") for task in self.submission.tasks.values()},
            "versions": dict.fromkeys([*groups, *tasks], 1.0),
            "n-shot": shots,
            "higher_is_better": dict.fromkeys([*groups, *tasks], directions),
            "n-samples": {task: {"original": len(own), "effective": len(own)} for task, own in self.items.items()},
            "config": {
                "model": self.engine.get("engine", "hf"),
                "model_args": self._model_args(),
                "model_dtype": self.engine.get("dtype", ""),
                "limit": None,
                "training_tokens": self.row.tokens,
            },
            "date": self.evaluated,
            "model_source": "e2lm",
            "model_name": self.model.source,
            "model_name_sanitized": re.sub(r"[\"<>:/|\\?*\[\]]+", "__", self.model.source),
            "max_length": self.suite.context_length,
            "e2lm_version": __version__,
        }

    def _model_args(self) -> str:
        """How `lm_eval --model hf` would be given this checkpoint."""
        iteration = self.row.iteration
        arguments = [f"pretrained={self.model.source}"]
        if (revision := self.model.revision_of(iteration)) is not None:
            arguments.append(f"revision={revision}")
        if not self.model.has_revisions:
            arguments.append(f"subfolder={self.model.folder_of(iteration)}")
        return ",".join(arguments)

    def _samples(
        self, items: Sequence[Item], scored: Sequence[_Scored], start: int, end: int
    ) -> Iterator[dict[str, Any]]:
        """The lines of items `start` to `end`, those of one filter after those of another."""
        for chain in dict.fromkeys(one.chain for one in scored):
            own = [one for one in scored if one.chain == chain]
            responses = self._responses(chain, start, end)
            for number, item in enumerate(items):
                answer, after = responses[number]
                target = self._target(item)
                document = {"query": item.contexts[0], "choices": list(item.choices), "gold": list(item.gold)}
                yield {
                    "doc_id": number,
                    "doc": document,
                    "target": target,
                    "arguments": {
                        f"gen_args_{index}": {f"arg_{place}": part for place, part in enumerate(request)}
                        for index, request in enumerate(self._requests(item))
                    },
                    "resps": answer,
                    "filtered_resps": after,
                    "filter": chain,
                    "metrics": [one.metric for one in own],
                    "doc_hash": _hash(json.dumps(document, indent=2, ensure_ascii=False)),
                    "prompt_hash": _hash(item.contexts[0]),
                    "target_hash": _hash(target),
                    **{one.metric: one.logged[start + number] for one in own},
                }

    def _requests(self, item: Item) -> list[tuple[Any, ...]]:
        """The arguments of each request for an item: a text alone, or a context and what follows it."""
        if self._output_type.writes:
            return [(item.contexts[0], self.task.generation.model_dump(mode="json"))]
        if self._output_type.windows:
            return [(text,) for _, text in item.pairs]
        return list(item.pairs)

    def _target(self, item: Item) -> str:
        """The number of the right choice, or the text that is scored or compared."""
        if self._output_type.has_choices:
            return str(item.gold[0] if len(item.gold) == 1 else list(item.gold))
        return item.choices[0] if len(item.choices) == 1 else str(list(item.choices))

    def _responses(self, chain: str, start: int, end: int) -> list[tuple[list[Any], list[Any]]]:
        """What the model answered to each item, as it came and after the filters."""
        if self._output_type.writes:
            texts = unpacked("generation", self.answers)[start:end]
            steps = next(own.filter for own in self.task.filter_list if own.name == chain)
            options = [own.options for items in self.items.values() for own in items][start:end]
            after = filtered(texts, steps, options)
            return [([[text]], [short]) for text, short in zip(texts, after, strict=True)]
        offsets = self.arrays["choice_offsets"]
        likely, greedy = self.answers["loglikelihoods"].tolist(), self.answers["greedy"].tolist()
        found: list[tuple[list[Any], list[Any]]] = []
        for number in range(start, end):
            places = range(offsets[number], offsets[number + 1])
            each: list[Any] = [[str(likely[at]), str(bool(greedy[at]))] for at in places]
            if self._output_type.windows:  # a text's log-likelihood alone
                each = [one for one, _ in each]
            found.append(([[one] for one in each], each))
        return found


def _measured(scored: Sequence[tuple[_Scored, np.ndarray]]) -> dict[str, Any]:
    values: dict[str, Any] = {}
    for one, scores in scored:
        error = float(np.std(scores, ddof=1, dtype=np.float64) / np.sqrt(len(scores))) if len(scores) > 1 else "N/A"
        values[f"{one.metric},{one.chain}"] = float(np.mean(scores, dtype=np.float64))
        values[f"{one.metric}_stderr,{one.chain}"] = error
    return values


def _date(seconds: float) -> str:
    return datetime.fromtimestamp(seconds).isoformat(timespec="microseconds").replace(":", "-")


def _hash(text: str) -> str:
    return hashlib.sha256(text.encode("utf-8", "replace")).hexdigest()
