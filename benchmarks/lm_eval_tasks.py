"""Reads every task of an installed lm-evaluation-harness and counts what stands between it and a submission.

usage: python benchmarks/lm_eval_tasks.py [--list KIND] [--json FILE] [--sample]

A task needs nothing but a data set when `task.yaml` may keep all of its keys and files: `dataset_path` and
`dataset_kwargs: data_files` are replaced, everything else stays as the harness has it. The others are counted by each
thing that stands in the way. `--list` prints the names of the tasks of one kind,
`--sample` the table of well-known tasks in docs/parity.md. Whether the meaning is the same is
measured by `python -m tests.contract.parity.both`, not here.

The JSON has `tasks`, `only_data`, `with_notes` (of those, the ones with keys without effect) and `blockers`: for each
kind the number of tasks in whose way it stands, and of those in whose way nothing else does.
"""

from __future__ import annotations

import argparse
import importlib.util
import json
import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from e2lm_ingestion.errors import SubmissionError
from e2lm_ingestion.sandbox.rendering import _environment
from e2lm_ingestion.task.task import Task, task_of

_FUNCTION = "!function "  # before the name of a function, as read here
_SPLITS = ("test_split", "validation_split", "training_split", "fewshot_split")


# Of each well-known data set, one task or a few.
SAMPLE = """
    arc_easy arc_challenge arc_challenge_chat boolq piqa sciq hellaswag openbookqa winogrande cb copa rte wic wsc
    multirc record cola mnli mrpc qnli qqp sst2 wnli commonsense_qa social_iqa logiqa logiqa2 mathqa asdiv
    medqa_4options medmcqa pubmedqa headqa_en headqa_es prost mc_taco swag webqs triviaqa nq_open squadv2 drop coqa
    race quac_dummy mmlu_anatomy mmlu_continuation_anatomy mmlu_generative mmlu_pro_biology
    mmlu_flan_cot_zeroshot_anatomy toxigen truthfulqa_mc1 truthfulqa_mc2 truthfulqa_gen mutual mutual_plus
    lambada_openai lambada_standard lambada_openai_cloze_yaml wikitext pile_10k paloma_c4_en gsm8k gsm8k_cot
    gsm8k_platinum minerva_math_algebra hendrycks_math_algebra arithmetic_1dc arithmetic_2da blimp_adjunct_island
    blimp_passive_1 bbh_cot_fewshot_boolean_expressions bbh_zeroshot_navigate agieval_lsat_ar agieval_sat_math
    anli_r1 xnli_en xcopa_it xwinograd_en xstorycloze_en pawsx_en belebele_eng_Latn global_mmlu_full_en_anatomy
    kobest_boolq ceval-valid_law cmmlu_anatomy crows_pairs_english ethics_cm fda swde squad_completion ifeval
    humaneval mbpp eus_trivia gpqa_main_zeroshot musr leaderboard_gpqa_main eq_bench acp_bool_gen babi tinyHellaswag
    storycloze_2016 unscramble anagrams1 cycle_letters inverse_scaling_redefine_math polemo2_in winogender_all
    fld_default scrolls_quality hendrycks_ethics model_written_evals nq_swap cnn_dailymail glianorex mela
"""
SAMPLE_SIZE = 85  # the first of SAMPLE that the installed harness has as single tasks


@dataclass(frozen=True, slots=True)
class Reading:
    """One task of the harness."""

    name: str
    blockers: tuple[str, ...]  # kinds; none: only data are missing
    notes: tuple[str, ...]  # keys without effect


class _Loader(yaml.CSafeLoader):
    """The harness' YAML with the names of functions in place of functions."""


_Loader.add_constructor("!function", lambda loader, node: _FUNCTION + str(loader.construct_scalar(node)))


def task_files(root: Path) -> Iterator[tuple[Path, dict[str, Any]]]:
    """Each file that is a task of its own, with the keys of those that it includes."""
    for path in sorted(root.glob("**/*.yaml")):
        try:
            keys = _keys(path)
        except (OSError, ValueError, yaml.YAMLError):
            continue
        if isinstance(keys.get("task"), str) and not {"group", "class"} & keys.keys() and "doc_to_target" in keys:
            yield path, keys


def _keys(path: Path, depth: int = 0) -> dict[str, Any]:
    keys = yaml.load(path.read_text(encoding="utf-8"), _Loader)
    if not isinstance(keys, dict) or depth > 20:
        raise ValueError(path)
    included = keys.pop("include", [])
    merged: dict[str, Any] = {}
    for name in [included] if isinstance(included, str) else included:
        merged |= _keys(path.parent / name, depth + 1)
    return merged | keys


def read(keys: Mapping[str, Any]) -> Reading:
    """What stands in the way of one task after its dataset lines were replaced."""
    functions = [_kind_of_function(place) for place in _functions(keys)]
    plain = {key: _without_functions(value) for key, value in keys.items() if not _is_function(value)}
    plain.pop("dataset_name", None)
    notes: list[str] = []
    found = list(functions)
    try:
        task = task_of(plain | _local_data(keys), "task.yaml", notes)
        found += _templates(task)
        if task.output_type == "generate_until" and any(one.metric == "f1" for one in task.metric_list):
            found.append("f1 of texts, which has another meaning there")
    except SubmissionError as error:
        known = {kind.split(" ")[0] for kind in functions}
        found += [kind for kind in map(_kind_of_problem, map(str, error.args)) if kind.split(":")[0] not in known]
    return Reading(str(keys["task"]), tuple(dict.fromkeys(found)), tuple(notes))


def _local_data(keys: Mapping[str, Any]) -> dict[str, Any]:
    """The dataset lines of a submission. Options of a loading script go with the script."""
    config = keys.get("fewshot_config")
    own = [config.get("split")] if isinstance(config, dict) else []
    splits = [split for split in [*(keys.get(key) for key in _SPLITS), *own] if isinstance(split, str)]
    return {
        "dataset_path": "json",
        "dataset_kwargs": {"data_files": {split: f"{number}.jsonl" for number, split in enumerate(splits)}},
    }


def _is_function(value: Any) -> bool:  # noqa: ANN401 (what YAML holds)
    return isinstance(value, str) and value.startswith(_FUNCTION)


def _functions(value: Any, place: str = "") -> Iterator[str]:  # noqa: ANN401 (what YAML holds)
    """The places of functions."""
    if _is_function(value):
        yield place
    elif isinstance(value, dict):
        for key, inner in value.items():
            yield from _functions(inner, f"{place}.{key}" if place else str(key))
    elif isinstance(value, list):
        for inner in value:
            yield from _functions(inner, place)


def _without_functions(value: Any) -> Any:  # noqa: ANN401 (what YAML holds)
    if isinstance(value, dict):
        return {key: _without_functions(inner) for key, inner in value.items() if not _is_function(inner)}
    return [_without_functions(inner) for inner in value] if isinstance(value, list) else value


def _kind_of_function(place: str) -> str:
    return f"{place} is a function"


def _kind_of_problem(problem: str) -> str:
    """The problem without what is of one task alone."""
    text = re.sub(r"^task\.yaml: ", "", problem)
    text = re.sub(r"; it is .*$|\(did you mean.*$|; did you mean.*$|; it has .*$|; the keys .*$", "", text)
    return re.sub(r"\.\d+\b", "", text)[:90]


def _templates(task: Task) -> Iterator[str]:
    """Templates that the sandbox cannot read: filters or tests that it lacks."""
    environment = _environment()
    for key in ("doc_to_text", "doc_to_choice", "doc_to_target", "description", "gen_prefix"):
        value = getattr(task, key)
        if not isinstance(value, str):
            continue
        try:
            environment.from_string(value)
        except Exception as error:  # jinja2 raises several kinds
            yield f"{key}: the template cannot be read: {str(error)[:40]}"


def print_sample(readings: Sequence[Reading]) -> None:
    """The table of docs/parity.md: each task of the sample, and what stands in its way."""
    named = {reading.name: reading for reading in readings}
    sample = [named[name] for name in dict.fromkeys(SAMPLE.split()) if name in named][:SAMPLE_SIZE]
    free = sum(not reading.blockers for reading in sample)
    noted = sum(bool(reading.notes) for reading in sample if not reading.blockers)
    print(f"{len(sample)} tasks; {free} are read as they are, {noted} of them with a note\n")
    print("| task | read as it is | keys in the way |\n|---|---|---|")
    for reading in sample:
        answer = "no" if reading.blockers else "yes, with a note" if reading.notes else "yes"
        print(f"| {reading.name} | {answer} | {'; '.join(reading.blockers).replace('|', ',')} |")


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--list", metavar="KIND", help="print the names of the tasks in whose way this stands")
    parser.add_argument("--sample", action="store_true", help="print the table of well-known tasks")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the counts there")
    args = parser.parse_args()
    spec = importlib.util.find_spec("lm_eval")
    if spec is None or spec.origin is None:
        raise SystemExit("lm-evaluation-harness is not installed: pip install -r requirements/lm-eval.txt")
    readings = [read(keys) for _, keys in task_files(Path(spec.origin).parent / "tasks")]
    free = [one for one in readings if not one.blockers]
    every = Counter(kind for one in readings for kind in one.blockers)
    alone = Counter(one.blockers[0] for one in readings if len(one.blockers) == 1)
    if args.sample:
        print_sample(readings)
        return
    if args.list is not None:
        print("\n".join(one.name for one in readings if args.list in one.blockers))
        return
    noted = sum(bool(one.notes) for one in free)
    print(f"{len(readings):,} tasks; {len(free):,} need nothing but a data set, {noted:,} of them with a note\n")
    print("| what stands in the way | tasks | of which alone |\n|---|---|---|")
    for kind, count in every.most_common(60):
        print(f"| {kind} | {count:,} | {alone[kind]:,} |")
    if args.json is not None:
        blockers = {kind: {"tasks": count, "alone": alone[kind]} for kind, count in every.most_common()}
        counts = {"tasks": len(readings), "only_data": len(free), "with_notes": noted, "blockers": blockers}
        args.json.write_text(json.dumps(counts, indent=1), encoding="utf-8")


if __name__ == "__main__":
    main()
