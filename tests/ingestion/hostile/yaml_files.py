"""Attacks by task.yaml on its reader."""

from __future__ import annotations

import yaml

from tests.ingestion.hostile.corpus import TOLERATED, Case, folder_case
from tests.ingestion.submissions import plain_task

PLAIN = yaml.safe_dump(plain_task())
LAUGHS = "a0: &a0 [lol]\n" + "".join(f"a{i}: &a{i} [{', '.join([f'*a{i - 1}'] * 9)}]\n" for i in range(1, 10))


def case(name: str, message: str | None, text: str) -> Case:
    return folder_case(f"yaml {name}", message, yaml_text=text)


def changed(name: str, message: str | None, **keys: object) -> Case:
    return folder_case(f"yaml {name}", message, task=keys)


CASES = [
    case("function tag", r"line 2: `doc_to_text`: `!function` runs code", "task: a\ndoc_to_text: !function utils.f"),
    case("python object", "is a YAML tag", "task: !!python/object/apply:os.system [ls]"),
    case("python object in a long form", "is a YAML tag", "task: !<tag:yaml.org,2002:python/name:os.system> x"),
    case("tag directive", "is a YAML tag|not YAML", "%TAG !p! tag:yaml.org,2002:python/\n--- !p!name:os.system x"),
    case("binary", "is a YAML tag", "task: !!binary eA=="),
    case("set", "is a YAML tag", "task: !!set {a, b}"),
    case("alias bomb", "the alias .a0 is not read", LAUGHS),
    case("alias of itself", "alias", "a: &a [*a]"),
    case("merge key", "is not a text", "a: {<<: {b: 1}}"),
    case("duplicate key", "the key `task` stands twice", PLAIN + "task: again\n"),
    case("duplicate key within", "stands twice", "dataset_kwargs: {data_files: a.jsonl, data_files: b.jsonl}"),
    case("key that is a number", "is not a text", "1: a"),
    case("key that is yes", "is not a text", "yes: a"),
    case("key that is a list", "put the template in quotes", "? [a]\n: b"),
    case("nested lists", "nested more than 20 deep", "a: " + "[" * 50_000),
    case("nested mappings", "nested more than 20 deep", "{a: " * 20_000),
    case("nested blocks", "nested more than 20 deep", "\n".join(" " * i + "a:" for i in range(400))),
    case("nested sequences", "nested more than 20 deep", "- " * 40_000 + "a"),
    case("too large", "at most 100,000", "x: a\n" * 30_000),
    case("99 KB of comment", TOLERATED, PLAIN + "#" * 90_000),
    case("99 KB of tabs", "not YAML|mapping", "\t" * 99_000),
    case("99 KB of one key", "is not a key|not YAML|mapping", "a" * 99_000 + ": 1"),
    case("99 KB of one anchor", "not YAML|mapping|not a key", "&" + "a" * 99_000 + " b: 1"),
    case("20,000 keys", "is not a key of a task", "".join(f"k{i}: 1\n" for i in range(9_000))),
    case("text of 60 KB", TOLERATED, yaml.safe_dump({**plain_task(), "description": "word " * 12_000})),
    case("number of 90,000 digits", "too many digits", PLAIN + "metadata: " + "9" * 90_000),
    case("hexadecimal of 90,000 digits", "too many digits", "task: 0x" + "f" * 90_000),
    case("hexadecimal shots", "too many digits", PLAIN + "num_fewshot: 0x" + "f" * 5_000),
    case("binary of 90,000 digits", "too many digits", "doc_to_target: 0b" + "1" * 90_000),
    case("base 60 of 90,000 digits", "too many digits", "task: 1" + ":00" * 30_000),
    case("float of 90,000 digits", "too many digits", "task: 1." + "0" * 90_000),
    case("float in base 60", "too many digits", "task: 1" + ":00" * 30_000 + ".0"),
    case("infinity", "num_fewshot", PLAIN + "num_fewshot: .inf"),
    case("no number", "num_fewshot", PLAIN + "num_fewshot: .nan"),
    case("number that is none", "not YAML", "task: 0x_"),
    case("date that is none", "not YAML: month must be in", "task: 2020-99-99"),
    case("two documents", "a second document", PLAIN + "---\n" + PLAIN),
    case("nothing", "a task is a mapping", ""),
    case("a list", "a task is a mapping", "- task"),
    case("NUL escape", "half a character", 'task: "\\0"'),
    case("lone surrogate", "half a character", 'task: "\\ud800"'),
    case("surrogate pair of escapes", "half a character", 'task: "\\ud83d\\ude00"'),
    case("control character", "not YAML", "task: \x07"),
    case("unclosed quote", "not YAML", "task: 'x"),
    case("template without quotes", "put the template in quotes", "doc_to_text: {{question}}"),
    case("byte order mark", TOLERATED, "\ufeff" + PLAIN),
    case("Windows line ends", TOLERATED, PLAIN.replace("\n", "\r\n")),
    changed("data by URL", "would be fetched", dataset_kwargs={"data_files": {"test": "https://x.org/x.jsonl"}}),
    changed("data by absolute path", "inside the submission", dataset_kwargs={"data_files": {"test": "/etc/x.jsonl"}}),
    changed("data by parent path", "inside the submission", dataset_kwargs={"data_files": {"test": "../x.jsonl"}}),
    changed("data by home", "inside the submission", dataset_kwargs={"data_files": {"test": "~/x.jsonl"}}),
    changed("data by pattern", "is a pattern", dataset_kwargs={"data_files": {"test": "*.jsonl"}}),
    changed("data of the Hub", "nothing is fetched from the Hub", dataset_path="cais/mmlu"),
    changed("remote code", TOLERATED, dataset_kwargs={"data_files": {"test": "test.jsonl"}, "trust_remote_code": True}),
    changed("remote code in the data", "is not json, csv or parquet", dataset_path="./task.py"),
    changed("name that leaves", "task: a task's name", task="../../x"),
    changed("name with a line break", "task: a task's name", task="x\nerror: y"),
    changed("key with a terminal sequence", "is not a key", **{"\x1b[2J": 1}),
    changed("million shots", "num_fewshot", num_fewshot=10**6, fewshot_split="dev"),
]
