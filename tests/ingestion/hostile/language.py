"""Attacks by includes, groups, examples, filters and expressions."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import yaml

from tests.ingestion.hostile.corpus import TOLERATED, Case, folder_case, right_files, write_folder
from tests.ingestion.submissions import plain_task

WRITES = {
    "output_type": "generate_until",
    "doc_to_choice": None,
    "doc_to_target": "{{choices[answer]}}",
    "metric_list": [{"metric": "exact_match"}],
}


def changed(name: str, message: str | None, **keys: object) -> Case:
    return folder_case(f"language {name}", message, task=keys)


def files(name: str, message: str | None, task: str, **more: str) -> Case:
    """A task.yaml with further YAML files; `_` in a name stands for a slash."""
    written = {f"{key.replace('_', '/')}.yaml": text.encode() for key, text in more.items()}
    return Case(
        f"language {name}",
        lambda folder: write_folder(folder, {**right_files(yaml_text=task), **written}),
        message,
    )


def linked(folder: Path) -> Path:
    """A task that includes a link to a file outside."""
    (folder / "outside.yaml").write_text("metadata: {secret: 1}\n")
    root = write_folder(folder, right_files(task={"include": "base.yaml"}))
    (root / "base.yaml").symlink_to(folder / "outside.yaml")
    return root


def part(name: str, **keys: object) -> str:
    return yaml.safe_dump({**plain_task(), "task": name, **keys})


def filtered(name: str, message: str | None, *steps: Mapping[str, object]) -> Case:
    return changed(name, message, **WRITES, filter_list=[{"name": "x", "filter": list(steps)}])


def metric(name: str, message: str | None, expression: str) -> Case:
    return changed(name, message, metric_list=[{"metric": "mine", "expression": expression}])


PLAIN = yaml.safe_dump(plain_task())
GROUP = "group: all\ntask: [one, two]\n"
CASES = [
    files("include", TOLERATED, "include: base.yaml\ntask: mine\n", base=PLAIN),
    files("include of a folder's file", TOLERATED, "include: sub/base.yaml\n", sub_base=PLAIN),
    files("include of a parent", "must be a path inside the submission", "include: ../base.yaml\n" + PLAIN),
    files("include of an absolute path", "must be a path inside", "include: /etc/passwd\n" + PLAIN),
    files("include by URL", "would be fetched", "include: https://x.org/base.yaml\n" + PLAIN),
    files("include of nothing", "`base.yaml` is not in the submission", "include: base.yaml\n" + PLAIN),
    files("include of itself", "files that include each other", "include: task.yaml\n" + PLAIN),
    files(
        "includes in a ring", "include each other", "include: a.yaml\n", a="include: b.yaml\n", b="include: a.yaml\n"
    ),
    files("include of a data file", "not YAML|mapping", "include: test.jsonl\n" + PLAIN),
    files(
        "include of a function", "a.yaml, line 1: .*runs code", "include: a.yaml\n", a="doc_to_text: !function x.y\n"
    ),
    files("include of a mapping", "include: name a file", "include: {a: b}\n" + PLAIN),
    files("thousand includes", "more than 10 files", "include: [" + "base.yaml, " * 1000 + "]\n", base=PLAIN),
    Case("language include of a link", linked, "link"),
    files("group", TOLERATED, GROUP, one=part("one"), two=part("two")),
    files("group of nothing", "at least 1 item", "group: all\ntask: []\n"),
    files("group without its task", "no file of the submission says `task: two`", GROUP, one=part("one")),
    files("group with one task twice", "the task one is in .* too", GROUP, one=part("one"), more=part("one")),
    files("group in a group", "no file of the submission says `task: one`", GROUP, one=GROUP, two=part("two")),
    files("group of itself", "no file of the submission says `task: all`", "group: all\ntask: [all]\n"),
    files(
        "group of two metrics",
        "the first metric differs",
        GROUP,
        one=part("one"),
        two=part("two", metric_list=[{"metric": "acc_norm"}]),
    ),
    files("group of an inline task", TOLERATED, "group: all\ntask: [{task: one}]\n", one=part("one")),
    files(
        "group of an inline task that leaves",
        "inside the submission",
        "group: all\ntask: [{task: one, num_fewshot: 0}]\ndataset_kwargs: {data_files: {test: ../../x.jsonl}}\n",
        one=part("one"),
    ),
    files(
        "group of groups that list each other",
        "list each other",
        "group: all\ntask: [b]\n",
        one="group: b\ntask: [c]\n",
        two="group: c\ntask: [b]\n",
    ),
    files(
        "group of groups that double",
        "at most 100|list each other|no file",
        "group: all\ntask: [b0]\n",
        **{f"x{i}": f"group: b{i}\ntask: [b{i + 1}, b{i + 1}]\n" for i in range(18)},
    ),
    files("group of a mapping without a name", "write the name of a task", "group: all\ntask: [{num_fewshot: 1}]\n"),
    files("group of 101 tasks", "at most 100", f"group: all\ntask: [{', '.join(f't{i}' for i in range(101))}]\n"),
    files(
        "group with an unknown key",
        "`process` is not a key of a task",
        GROUP + "process: x\n",
        one=part("one"),
        two=part("two"),
    ),
    files(
        "group with data outside",
        "inside the submission",
        GROUP,
        one=part("one", dataset_kwargs={"data_files": {"test": "../x.jsonl"}}),
        two=part("two"),
    ),
    changed("thousand samples", "num_fewshot is 99", num_fewshot=99, fewshot_config={"samples": [{"question": "x"}]}),
    changed(
        "samples with an attribute",
        "unsafe",
        num_fewshot=1,
        fewshot_config={
            "samples": [{"question": "x", "choices": ["a", "b"], "answer": 0}],
            "doc_to_text": "{{question.__class__}}",
        },
    ),
    changed("sampler of a class", "write 'default' or 'first_n'", fewshot_config={"sampler": "os.system"}),
    filtered(
        "filter with a pattern that explodes",
        "a pattern takes too long on text that repeats itself",
        {"function": "regex", "regex_pattern": "(a+)+$"},
    ),
    filtered(
        "filter with a broken pattern", "not a regular expression", {"function": "regex", "regex_pattern": "(" * 90}
    ),
    filtered(
        "filter with a vast pattern",
        TOLERATED,
        {"function": "regex", "regex_pattern": "((((a{900}){900}){900}){900})"},
    ),
    filtered("filter with a long pattern", "at most 1000 char", {"function": "regex", "regex_pattern": "a" * 2000}),
    filtered("filter that votes on many", "write 1", {"function": "take_first_k", "k": 10**9}),
    filtered("filter of code", "is not run", {"function": "custom", "filter_fn": "os.system"}),
    filtered("eleven filters", "at most 10 items", *({"function": "lowercase"} for _ in range(11))),
    changed("answers that are all empty", "doc_to_target is empty", **{**WRITES, "doc_to_target": "{{''}}"}),
    changed(
        "thousand right answers",
        "list of 1000; generate_until scores at most 100 right",
        **{**WRITES, "doc_to_target": "{{['x'] * 1000}}"},
    ),
    changed("list of right answers that is code", TOLERATED, **{**WRITES, "doc_to_target": "[__import__('os')]"}),
    metric("expression", TOLERATED, "ll[gold] - mean(ll[~gold])"),
    metric("expression that calls", "is not known", "eval(ll)"),
    metric("expression with an attribute", "is not read", "ll.__class__"),
    metric("expression of vast numbers", "must be finite|not a number", "9 ** 9 ** 9 ** 9"),
    metric("expression that divides by zero", "must be finite", "1 / (ll[gold] - ll[gold])"),
    metric("expression of 400 brackets", "nested too deep|not an expression", "(" * 220 + "1" + ")" * 220),
    metric("expression that is long", "at most 500", "1 + " * 2000 + "1"),
    metric("expression in another script", "is not read", "\uff4c\uff4c[gold]"),
    changed("thousand metrics", "at most 100 items", metric_list=[{"metric": "acc"} for _ in range(1000)]),
]
