"""Runs attacks on the score on the miniature suite. Prints the scores of the table in docs/validity.md.

usage: python benchmarks/attacks.py FOLDER [WORDS...]      WORDS: of the names to run, by default all of them
"""

from __future__ import annotations

import json
import shutil
import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import yaml

from e2lm.project import EXAMPLE_SUBMISSIONS
from e2lm.suites.miniature.worlds import Fact, science_world, web_world
from e2lm.suites.registry import SUITES
from e2lm_ingestion.engines import make_engine
from e2lm_ingestion.execution.sweep import sweep
from e2lm_ingestion.submission.submission import open_submission
from e2lm_ingestion.suite import checkpoints_root, load_suite
from e2lm_scoring.curves import window_contrasts
from e2lm_scoring.inputs.configuration import load_configuration
from e2lm_scoring.inputs.results import read_results
from e2lm_scoring.output import score
from e2lm_scoring.score_report import ScoreReport

Row = dict[str, Any]
PROMPT = "Question: {{question}}\nAnswer:"


@dataclass(frozen=True)
class Attack:
    """A submission that should win nothing."""

    name: str
    rows: list[Row]
    metric: Row
    changes: Row = field(default_factory=dict)  # of task.yaml
    subsets: list[int] = field(default_factory=list)  # items of each, in order: a group whose tasks have equal weight
    by_size: bool = False


def example(name: str) -> list[Row]:
    """The items of an example."""
    lines = (EXAMPLE_SUBMISSIONS / name / "test.jsonl").read_text(encoding="utf-8").splitlines()
    return [json.loads(line) for line in lines]


def expression(text: str) -> Row:
    """A metric of the participant's own."""
    return {"metric": "mine", "expression": text, "higher_is_better": True}


def named(metric: str) -> Row:
    """A known metric."""
    return {"metric": metric}


CLOZE, NOISE = example("science-cloze"), example("noise")
FACTS = [fact for about in science_world().facts for fact in about]
HOW_OFTEN = {
    fact: weight for about, weight in zip(science_world().facts, science_world().weights, strict=True) for fact in about
}
WEB_VALUES = sorted({fact.value for about in web_world().facts for fact in about} - {fact.value for fact in FACTS})
VALUES = sorted({fact.value for fact in FACTS})
COMMON = sorted(VALUES, key=lambda value: -sum(HOW_OFTEN[fact] for fact in FACTS if fact.value == value))
KINDS = {value: fact.relation.noun for fact in FACTS for value in fact.relation.values}
SEED = 11


def with_choices(fact: Fact, right: str, wrong: list[str]) -> Row:
    """An item about a fact, its choices in alphabetical order."""
    choices = sorted([right, *wrong])
    return {
        "question": f"What is the {fact.relation.noun} of {fact.subject}?",
        "choices": choices,
        "answer": choices.index(right),
    }


def drawn(values: Sequence[str], rng: np.random.Generator, count: int = 3) -> list[str]:
    """So many different values."""
    return [str(value) for value in rng.permutation(values)[:count]]


def of_facts(make: Callable[[Fact, np.random.Generator], Row], count: int = 232) -> list[Row]:
    """Items about facts drawn at random."""
    rng = np.random.default_rng(SEED)
    return [make(FACTS[index], rng) for index in rng.permutation(len(FACTS))[:count]]


def against_web_words(fact: Fact, rng: np.random.Generator) -> Row:
    """Only the right choice is a word of science."""
    return with_choices(fact, fact.value, drawn(WEB_VALUES, rng))


def falsely(fact: Fact, rng: np.random.Generator) -> Row:
    """A word of the right kind, right once in eight times, beside words of other kinds."""
    others = [value for value in VALUES if KINDS[value] != fact.relation.noun]
    return with_choices(fact, drawn(fact.relation.values, rng, 1)[0], drawn(others, rng))


def any_of_kind(fact: Fact, rng: np.random.Generator) -> Row:
    """All words of the right kind count as right."""
    return {**with_choices(fact, fact.value, []), "words": list(fact.relation.values)}


def frequent_last(fact: Fact, rng: np.random.Generator) -> Row:
    """A word of science in the last place, and a label at random."""
    row = with_choices(fact, fact.value, [])
    return {**row, "choices": [*drawn(WEB_VALUES, rng), fact.value], "answer": int(rng.integers(4))}


def frequent_second(fact: Fact, rng: np.random.Generator) -> Row:
    """The same with two choices."""
    row = with_choices(fact, fact.value, [])
    return {**row, "choices": [*drawn(WEB_VALUES, rng, 1), fact.value], "answer": int(rng.integers(2))}


def of_longest(share: float) -> list[Row]:
    """Random labels, a share of them moved to the longest choice."""
    moved = np.random.default_rng(SEED).random(len(NOISE)) < share
    longest = [int(np.argmax([len(choice) for choice in row["choices"]])) for row in NOISE]
    return [
        {**row, "answer": own if move else row["answer"]} for row, own, move in zip(NOISE, longest, moved, strict=True)
    ]


def of_most_common() -> list[Row]:
    """The most frequent choice marked as right."""
    return [{**row, "answer": min(range(4), key=lambda i: COMMON.index(row["choices"][i]))} for row in CLOZE]


def mixed(honest: list[Row], labels: list[Row], share: float) -> list[Row]:
    """Items with the labels of others in a share of them, at random."""
    chosen = np.random.default_rng(SEED).random(len(honest)) < share
    return [other if take else own for own, other, take in zip(honest, labels, chosen, strict=True)]


TEXTS: Row = {"output_type": "loglikelihood", "doc_to_text": "", "doc_to_choice": None, "num_fewshot": 0}
WRITTEN: Row = {
    "output_type": "generate_until",
    "doc_to_choice": None,
    "doc_to_target": "{{words}}",
    "generation_kwargs": {"until": ["\n"], "max_gen_toks": 4},
    "filter_list": [{"name": "words", "filter": [{"function": "remove_whitespace"}, {"function": "take_first"}]}],
    "fewshot_config": {"sampler": "first_n", "doc_to_target": "{{choices[answer]}}"},
}
SHOWN = (  # columns of scores.json
    *("score", "improvement_z", "contrast_z", "label_share", "unguessed_z", "effective_items"),
    *("sq", "sq_held_out", "late_retention"),
)
FLUENT, FLUENT_LENGTHS = "sum(exp(ll))", "sum(exp(ll)) * (sum(chars[gold]) - mean(chars[~gold]))"


def statement(row: Row, *, true: bool) -> Row:
    """An item as a statement; a false one with the next choice."""
    choice = row["choices"][(row["answer"] + (not true)) % len(row["choices"])]
    subject = row["question"].removeprefix("What is the ").removesuffix("?")
    return {"sentence": f"The {subject} is {choice}."}


def attacks() -> Iterator[Attack]:
    """All of them, in the order of the table."""
    yield Attack("random labels", NOISE, named("correct_prob"))
    yield Attack("labels ignored", NOISE, expression(FLUENT))
    yield Attack("labels ignored, softmax", NOISE, expression("max(softmax(ll))"))
    yield Attack("place of the answer", NOISE, expression(f"{FLUENT} * sum(number[gold])"))
    yield Attack("length of the answer", NOISE, expression(f"{FLUENT} * sum(chars[gold])"))
    yield Attack("length, labels moved", of_longest(0.3), expression(FLUENT_LENGTHS))
    yield Attack("without the prompt", of_most_common(), expression("sum(ll_unconditional[gold])"))
    yield Attack("size of the margin", NOISE, expression("abs(sum(ll[gold]) - mean(ll[~gold]))"))
    yield Attack("a little knowledge", CLOZE, expression("0.5 * mean(ll) + 0.5 * sum(ll[gold])"))
    for true in (True, False):
        rows = [statement(row, true=true) for row in CLOZE]
        changes = {**TEXTS, "doc_to_target": "{{sentence}}"}
        truth = "true" if true else "false"
        yield Attack(f"log-perplexity, {truth}", rows, named("correct_logprob"), changes)
        yield Attack(f"sigmoid of likelihood, {truth}", rows, expression("1 / (1 + exp(-20 - sum(ll)))"), changes)
    against = of_facts(against_web_words)
    yield Attack("science words against web words", against, named("acc"))
    yield Attack("the same, empty question", against, named("acc"), {"doc_to_text": ""})
    yield Attack("any word of the kind", of_facts(any_of_kind), named("exact_match"), WRITTEN)
    yield Attack("false answer of the kind", of_facts(falsely), named("acc"))
    places = expression("sum(pick(ll) * number) + 0.000001 * sum(ll[gold])")
    yield Attack("place that models prefer", of_facts(frequent_last), places)
    yield Attack("class that models prefer", of_facts(frequent_second), named("f1"))
    yield Attack("98 one-item tasks", NOISE[:101], named("acc"), subsets=[*[1] * 98, 3], by_size=True)
    yield Attack("random subset", CLOZE[:26] + NOISE[26:216], named("correct_prob"), subsets=[26, 190])
    yield Attack("random half of one subset", mixed(CLOZE, NOISE, 0.5), named("correct_prob"))
    spelled = "{{choices[answer] | list | join(' ')}}\nQuestion: {{question}}\nAnswer:"
    yield Attack("answer spelled in the prompt", NOISE, named("acc"), {"doc_to_text": spelled})
    backwards = "{{choices[answer] | list | reverse | join}}\nQuestion: {{question}}\nAnswer:"
    yield Attack("answer backwards in the prompt", NOISE, named("acc"), {"doc_to_text": backwards})


def write(attack: Attack, folder: Path) -> None:
    """The attack as a submission."""
    folder.mkdir(parents=True, exist_ok=True)
    base = yaml.safe_load((EXAMPLE_SUBMISSIONS / "science-cloze/task.yaml").read_text(encoding="utf-8"))
    dev = (EXAMPLE_SUBMISSIONS / "science-cloze/dev.jsonl").read_text(encoding="utf-8")
    (folder / "dev.jsonl").write_text(dev, encoding="utf-8")
    sizes = attack.subsets or [len(attack.rows)]
    ends = np.cumsum(sizes)
    names = [f"part-{number}" for number in range(len(sizes))] if attack.subsets else ["task"]
    for name, size, end in zip(names, sizes, ends, strict=True):
        lines = [json.dumps(row) + "\n" for row in attack.rows[end - size : end]]
        (folder / f"{name}.jsonl").write_text("".join(lines), encoding="utf-8")
        files = {"test": f"{name}.jsonl", "dev": "dev.jsonl"}
        task = {**base, "task": name, "dataset_kwargs": {"data_files": files}, "metric_list": [attack.metric]}
        task = {key: value for key, value in {**task, **attack.changes}.items() if value is not None}
        if task["num_fewshot"] == 0:
            task = {key: value for key, value in task.items() if not key.startswith("fewshot")}
        (folder / f"{name}.yaml").write_text(yaml.safe_dump(task), encoding="utf-8")
    if attack.subsets:
        weights = [{"metric": attack.metric["metric"], "weight_by_size": attack.by_size}]
        group = {"group": "attack", "task": names, "aggregate_metric_list": weights}
        (folder / "task.yaml").write_text(yaml.safe_dump(group), encoding="utf-8")


def report_of(attack: Attack, folder: Path) -> ScoreReport:
    """Run an attack and score it."""
    files, suite = SUITES["miniature"], load_suite(SUITES["miniature"].suite)
    shutil.rmtree(folder, ignore_errors=True)
    write(attack, folder / "submission")
    with open_submission(folder / "submission") as submission:
        engine = partial(make_engine, "auto", "auto", suite.context_length)
        sweep(submission, suite, root=checkpoints_root(), results=folder / "run/results", make_engine=engine, workers=1)
    return score(folder / "run/results", files.scoring, folder / "run")


def chosen_on_released_checkpoints(folder: Path) -> Attack:
    """Questions about nothing of which items and labels are chosen by the early curves of the signal models."""
    configuration = load_configuration(SUITES["miniature"].scoring)
    rng = np.random.default_rng(SEED)
    sounds = ("bdfgklmnprstvz", "aeiou")
    nobody = ["".join(rng.choice(list(sounds[at % 2])) for at in range(7)) for _ in range(3000)]
    nouns = sorted({fact.relation.noun for fact in FACTS})
    by_noun = {fact.relation.noun: list(fact.relation.values) for fact in FACTS}
    rows = []
    for number, name in enumerate(nobody):
        noun = nouns[number % len(nouns)]
        rows.append(
            {
                "question": f"What is the {noun} of {name}?",
                "choices": sorted(drawn(by_noun[noun], rng, 4)),
                "answer": number % 4,
            }
        )
    pool = Attack("pool", rows, named("acc"))
    report_of(pool, folder)
    results = read_results(folder / "run/results", configuration)
    each = [window_contrasts(results, model, configuration.early.iterations) for model in configuration.signal_models]
    curves = np.mean([own for own in each if own is not None], axis=0)
    best = np.argsort(-(curves[-5:].mean(axis=0) - curves[:5].mean(axis=0)), kind="stable")[:300]
    return Attack("chosen on released checkpoints", [rows[index] for index in best], named("acc"))


def line_of(name: str, report: ScoreReport) -> str:
    """A row of the table."""
    scores, kinds = report.scores, ", ".join(kind for kind, _ in report.blocking)
    shown = [scores.get(key) for key in SHOWN]
    texts = [
        "–" if value is None else f"{value:.3f}" if at in (0, 6, 7) else f"{value:.2f}"
        for at, value in enumerate(shown)
    ]
    return f"| {name} | {' | '.join(texts)} | {'yes' if report.eligible else 'no'} | {kinds} |"


def main() -> None:
    """Print a row for each attack whose name holds one of the words."""
    out, words = Path(sys.argv[1]), sys.argv[2:]
    print(f"| attack | {' | '.join(SHOWN)} | eligible | blocks |\n|{'---|' * (len(SHOWN) + 3)}")
    for attack in attacks():
        if not words or any(word in attack.name for word in words):
            print(line_of(attack.name, report_of(attack, out / attack.name.replace(" ", "-"))), flush=True)
    if not words or any(word in "chosen on released checkpoints" for word in words):
        chosen = chosen_on_released_checkpoints(out / "pool")
        print(line_of(chosen.name, report_of(chosen, out / "chosen")), flush=True)


if __name__ == "__main__":
    main()
