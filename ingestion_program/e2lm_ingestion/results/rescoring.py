"""Results -> results under another metric, from what was kept of each item: no model is asked again."""

from __future__ import annotations

import hashlib
import io
import json
import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any

import numpy as np
from pydantic import ValidationError

from e2lm_ingestion.errors import OrganizerError, SubmissionError
from e2lm_ingestion.file_names import ITEMS, RESULTS
from e2lm_ingestion.output_types.registry import OUTPUT_TYPES
from e2lm_ingestion.results.folder import SCHEMA, mean_score, npz, write_atomically, write_results
from e2lm_ingestion.task.output_type_rules import RULES
from e2lm_ingestion.task.task_parts import FilterChain, Metric, check_metric

SCORED = ("item_scores", "contrast_scores")  # the arrays that a metric makes; the others are answers


class KeptAnswers:
    """What a finished run kept of its models' answers, to be scored again."""

    def __init__(self, results: Path) -> None:
        """Read results.json and items.npz. Raises OrganizerError where they are missing or damaged."""
        self._results = results
        self._head = _head(results)
        self.rows: list[dict[str, Any]] = self._head.pop("checkpoints")
        self.items = _arrays(results, ITEMS, self._head["items"]["sha256"])

    @property
    def metrics(self) -> tuple[str, ...]:
        """The metrics of the task, then the others of its output type."""
        own = [one["metric"] for one in self._head["metric_list"]]
        return tuple(dict.fromkeys((*own, *RULES[self._head["output_type"]].metrics)))

    def arrays(self, row: Mapping[str, Any]) -> dict[str, np.ndarray]:
        """What was kept of one checkpoint's answers."""
        return _arrays(self._results, row["arrays"], row["sha256"])

    def under(self, name: str, *, expression: str | None = None, chain: str | None = None) -> AnotherMetric:
        """A metric of the run's task, with its options there, or any other of its output type.

        With `expression` it is the name of that. `chain` names a filter of a task whose model writes (default: the
        first). Raises SubmissionError for a metric that does not fit.
        """
        head = dict(self._head)
        metric = _metric(head, name, expression)
        if chain is not None and not RULES[head["output_type"]].generates:
            raise SubmissionError(f"--filter {chain}: this task compares given answers and has no filter; leave it out")
        if chain is not None:
            head["filter_list"] = [own for own in head["filter_list"] if own["name"] == chain]
            if not head["filter_list"]:
                raise SubmissionError(f"{chain}: the task has no filter of this name")
        head |= {
            "metric": metric.metric,
            "higher_is_better": metric.is_better_higher(head["output_type"]),
            "chance": OUTPUT_TYPES[head["output_type"]].chance(metric.spec(head["output_type"]), self.items),
            "metric_list": [metric.model_dump(mode="json", exclude_unset=True)],
        }
        return AnotherMetric(head, metric, self.items)


@dataclass(frozen=True, slots=True)
class AnotherMetric:
    """One metric of a finished run."""

    head: dict[str, Any]  # of results.json
    metric: Metric
    items: Mapping[str, np.ndarray]  # the arrays of items.npz

    def scores(self, arrays: Mapping[str, np.ndarray], *, with_contrast: bool = True) -> dict[str, np.ndarray]:
        """`item_scores` of one checkpoint and, if wanted and possible, `contrast_scores`, (items,) float32."""
        name = self.head["output_type"]
        chains = self.head.get("filter_list", [])
        filters = FilterChain.model_validate(chains[0]).filter if chains else ()
        spec = self.metric.spec(name)
        return OUTPUT_TYPES[name].rescored(self.metric, spec, filters, self.items, arrays, with_contrast)

    def mean(self, item_scores: np.ndarray) -> float:
        """The score of a checkpoint from those of its items."""
        sizes = [subset["items"] for subset in self.head.get("subsets", [])]
        return mean_score(item_scores, sizes, self.head.get("weight_by_size", True))


def rescore(results: Path, name: str, out: Path, *, expression: str | None = None, chain: str | None = None) -> Path:
    """Write into the folder `out` what `results` would be under another metric, and return its results.json.

    The metric is that of `KeptAnswers.under`. Raises SubmissionError for one that does not fit, OrganizerError for
    results that are missing or damaged.
    """
    kept = KeptAnswers(results)
    another = kept.under(name, expression=expression, chain=chain)
    new_rows = []
    for row in kept.rows:
        arrays = kept.arrays(row)
        scores = another.scores(arrays)
        content = npz({**scores, **{key: values for key, values in arrays.items() if key not in SCORED}})
        path = out / row["arrays"]
        path.parent.mkdir(parents=True, exist_ok=True)
        write_atomically(path, content)
        score = another.mean(scores["item_scores"])
        new_rows.append({**row, "score": score, "sha256": hashlib.sha256(content).hexdigest()})
    shutil.copyfile(results / ITEMS, out / ITEMS)
    return write_results(out, another.head, new_rows)


def _head(results: Path) -> dict[str, Any]:
    path = results / RESULTS
    try:
        head: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        raise OrganizerError(f"{path}: missing or unreadable; give the folder of a finished run") from None
    if head.pop("schema", None) != SCHEMA or "items" not in head:
        raise OrganizerError(f"{path}: not results that another metric can be computed from; run the submission again")
    return head


def _metric(head: Mapping[str, Any], name: str, expression: str | None) -> Metric:
    """The metric as the task has it, or a new one. Raises SubmissionError when the output type has no such metric."""
    own = next((one for one in head["metric_list"] if one["metric"] == name), None)
    given = {"metric": name} if expression is None else {"metric": name, "expression": expression}
    try:
        metric = Metric.model_validate(own if own and expression is None else given)
        check_metric(metric, head["output_type"])
    except ValidationError as error:
        raise SubmissionError(error.errors()[0]["msg"].removeprefix("Value error, ")) from None
    except ValueError as error:
        raise SubmissionError(str(error).removeprefix("metric_list: ")) from None
    return metric


def _arrays(results: Path, name: str, sha256: str) -> dict[str, np.ndarray]:
    """The arrays of a file whose digest is known."""
    path = results / PurePosixPath(name)
    if not path.resolve().is_relative_to(results.resolve()):
        raise OrganizerError(f"{results / RESULTS}: {name[:80]!r} is outside the folder; run the submission again")
    try:
        content = path.read_bytes()
    except OSError:
        raise OrganizerError(f"{path}: missing or unreadable; run the submission again") from None
    if hashlib.sha256(content).hexdigest() != sha256:
        raise OrganizerError(
            f"{path}: not the file that ingestion wrote (its digest differs); run the submission again"
        )
    with np.load(io.BytesIO(content), allow_pickle=False) as file:
        return {key: file[key] for key in file.files}
