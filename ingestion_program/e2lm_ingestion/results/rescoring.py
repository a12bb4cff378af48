"""Results -> results under another metric, from what was kept of each item: no model is asked again."""

from __future__ import annotations

import hashlib
import io
import json
import shutil
from collections.abc import Mapping
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


def rescore(results: Path, name: str, out: Path, *, expression: str | None = None, chain: str | None = None) -> Path:
    """Write into the folder `out` what `results` would be under another metric, and return its results.json.

    `name` is a metric of the run's task, with its options there, or any other of its output type; with `expression` it
    is the name of that. `chain` names a filter of a task whose model writes (default: the first). Raises
    SubmissionError for a metric that does not fit, OrganizerError for results that are missing or damaged.
    """
    head = _head(results)
    rows = head.pop("checkpoints")
    metric = _metric(head, name, expression)
    items = _arrays(results, ITEMS, head["items"]["sha256"])
    if chain is not None and not RULES[head["output_type"]].generates:
        raise SubmissionError(f"--filter {chain}: this task compares given answers and has no filter; leave it out")
    if chain is not None:
        head["filter_list"] = [own for own in head["filter_list"] if own["name"] == chain]
        if not head["filter_list"]:
            raise SubmissionError(f"{chain}: the task has no filter of this name")
    output_type, spec = OUTPUT_TYPES[head["output_type"]], metric.spec(head["output_type"])
    chains = head.get("filter_list", [])
    filters = FilterChain.model_validate(chains[0]).filter if chains else ()
    head |= {
        "metric": metric.metric,
        "higher_is_better": metric.is_better_higher(head["output_type"]),
        "chance": output_type.chance(spec, items),
        "metric_list": [metric.model_dump(mode="json", exclude_unset=True)],
    }
    sizes = [subset["items"] for subset in head.get("subsets", [])]
    new_rows = []
    for row in rows:
        arrays = _arrays(results, row["arrays"], row["sha256"])
        kept = {key: values for key, values in arrays.items() if key not in ("item_scores", "contrast_scores")}
        scores = output_type.rescored(metric, spec, filters, items, arrays)
        content = npz({**scores, **kept})
        path = out / row["arrays"]
        path.parent.mkdir(parents=True, exist_ok=True)
        write_atomically(path, content)
        score = mean_score(scores["item_scores"], sizes, head.get("weight_by_size", True))
        new_rows.append({**row, "score": score, "sha256": hashlib.sha256(content).hexdigest()})
    shutil.copyfile(results / ITEMS, out / ITEMS)
    return write_results(out, head, new_rows)


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
