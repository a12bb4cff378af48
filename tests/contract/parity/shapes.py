"""Tasks shaped like those that come with lm-evaluation-harness, over the invented facts of the example submissions."""

from __future__ import annotations

import json
import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from tests.ingestion.submissions import json_lines

SOURCE = Path(__file__).resolve().parents[3] / "starting_kit/examples/science-cloze/test.jsonl"
ITEMS = 100
Row = dict[str, Any]


@dataclass(frozen=True)
class Shape:
    """A submission, and what it shows."""

    name: str
    shows: str
    files: Mapping[str, Sequence[Row]]
    task: Mapping[str, Any]
    more: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)  # further YAML files
    code: str | None = None  # a process_results that computes the metrics for lm-evaluation-harness, which lacks them
    kept: str | None = None  # a process_docs that keeps rows for lm-evaluation-harness, in place of filter_docs
    metrics: Mapping[str, str] = field(default_factory=dict)  # our name -> the name that `code` gives

    def write(self, folder: Path, *, for_lm_eval: bool) -> Path:
        """Write the folder; where lm-evaluation-harness needs code for a metric, its copy has the code."""
        folder.mkdir(parents=True)
        for name, rows in self.files.items():
            (folder / name).write_text(json_lines(rows))
        text = yaml.safe_dump(dict(self.task), sort_keys=False)
        if self.code is not None and for_lm_eval:
            own = {
                **self.task,
                "metric_list": [{"metric": name, "aggregation": "mean"} for name in self.metrics.values()],
            }
            text = yaml.safe_dump(own, sort_keys=False) + "process_results: !function code.process_results\n"
            (folder / "code.py").write_text(self.code)
        if self.kept is not None and for_lm_eval:
            own = {key: value for key, value in self.task.items() if key != "filter_docs"}
            text = yaml.safe_dump(own, sort_keys=False) + "process_docs: !function code.process_docs\n"
            (folder / "code.py").write_text(self.kept)
        (folder / "task.yaml").write_text(text)
        for name, keys in self.more.items():
            (folder / name).write_text(yaml.safe_dump(dict(keys), sort_keys=False))
        return folder


def _rows() -> list[Row]:
    return [json.loads(line) for line in SOURCE.read_text().splitlines()]


ROWS = _rows()
TEST, TRAIN = ROWS[:ITEMS], ROWS[ITEMS : ITEMS + 40]


def made(change: Any, rows: Sequence[Row] = TEST) -> list[Row]:  # noqa: ANN401 (a function of a row and a source of chance)
    """Each row changed, with chance of its own so that more rows do not change the others."""
    return [change(row, random.Random(i)) for i, row in enumerate(rows)]


def metrics(*names: str, **options: Any) -> list[Row]:  # noqa: ANN401 (what YAML holds)
    return [{"metric": name, **options} for name in names]


def task(name: str, output_type: str = "multiple_choice", splits: Sequence[str] = ("test",), **keys: Any) -> Row:  # noqa: ANN401
    """The keys of a task over <split>.jsonl."""
    return {
        "task": name,
        "dataset_path": "json",
        "dataset_kwargs": {"data_files": {split: f"{split}.jsonl" for split in splits}},
        "output_type": output_type,
        "test_split": "test",
        **keys,
    }


FIRST: dict[str, Any] = {"fewshot_split": "train", "fewshot_config": {"sampler": "first_n"}}
BOTH: dict[str, list[Row]] = {"test.jsonl": TEST, "train.jsonl": TRAIN}
SPLITS = ("test", "train")
CLOZE = {"doc_to_text": "Question: {{question}}\nAnswer:", "doc_to_choice": "{{choices}}", "doc_to_target": "answer"}
LETTERS = "{{question.strip()}}\nA. {{choices[0]}}\nB. {{choices[1]}}\nC. {{choices[2]}}\nD. {{choices[3]}}\nAnswer:"


def _arc(row: Row, chance: random.Random) -> Row:
    labels = ["A", "B", "C", "D"] if chance.random() < 0.7 else ["1", "2", "3", "4"]
    return {
        "question": row["question"],
        "choices": {"text": row["choices"], "label": labels},
        "answerKey": labels[row["answer"]],
    }


def _hellaswag(row: Row, chance: random.Random) -> Row:
    return {
        "activity_label": "Finding out",
        "ctx_a": f"[header] {row['question']} [title] ",
        "ctx_b": "it is",
        "endings": [f" {choice}  [step] " for choice in row["choices"]],
        "label": str(row["answer"]),
    }


CLEANED = " | regex_replace('\\\\[.*?\\\\]', '') | replace('  ', ' ')"
HELLASWAG = {
    "doc_to_text": "{{ (activity_label ~ ': ' ~ ctx_a ~ ' ' ~ ctx_b.capitalize())" + CLEANED + " }}",
    "doc_to_choice": "{{ endings | map('regex_replace', '\\\\[.*?\\\\]', '') | map('trim') | list }}",
    "doc_to_target": "{{label}}",
}


def _pair(row: Row, chance: random.Random) -> Row:
    wrong = chance.choice([choice for i, choice in enumerate(row["choices"]) if i != row["answer"]])
    label = chance.randrange(2)
    right = row["choices"][row["answer"]]
    sols = [right, f"{wrong} and {wrong}"] if label == 0 else [f"{wrong} and {wrong}", right]
    return {"goal": row["question"], "sol1": sols[0], "sol2": sols[1], "label": label}


def _sciq(row: Row, chance: random.Random) -> Row:
    wrong = [choice for i, choice in enumerate(row["choices"]) if i != row["answer"]]
    names = {f"distractor{i + 1}": choice for i, choice in enumerate(wrong)}
    support = "" if chance.random() < 0.2 else f"   One may ask: {row['question']}"
    return {"support": support, "question": row["question"], **names, "correct_answer": row["choices"][row["answer"]]}


def _sentence(row: Row) -> str:
    return f"{row['question'].removeprefix('What is ').rstrip('?').capitalize()} is {row['choices'][row['answer']]}"


def _truthful(row: Row, chance: random.Random) -> Row:
    right = row["choices"][row["answer"]]
    wrong = [choice for choice in row["choices"] if choice != right]
    return {
        "question": row["question"],
        "mc1_targets": {"choices": [right, *wrong], "labels": [1, 0, 0, 0]},
        "mc2_targets": {"choices": [right, f"surely {right}", *wrong[: chance.randint(1, 3)]], "right": [0, 1]},
    }


def _winogrande(row: Row, chance: random.Random) -> Row:
    wrong = chance.choice([choice for choice in row["choices"] if choice != row["choices"][row["answer"]]])
    options = [row["choices"][row["answer"]], wrong]
    number = chance.randrange(2)
    options = options if number == 0 else options[::-1]
    sentence = f"{row['question']} It is _ as all know ."
    return {"sentence": sentence, "option1": options[0], "option2": options[1], "answer": str(number + 1)}


WINOGRANDE = {
    "doc_to_text": "{{ {'1': 0, '2': 1}[answer] }}",
    "doc_to_choice": "{{ [sentence.split('_')[0] ~ option1, sentence.split('_')[0] ~ option2] }}",
    "doc_to_target": "{{ sentence.split('_')[1].strip() }}",
}


def _solution(row: Row, chance: random.Random) -> Row:
    right = row["choices"][row["answer"]]
    return {"question": row["question"], "answer": f"It is {right} and {right}.\n#### {right},"}


def _answers(row: Row, chance: random.Random) -> Row:
    right = row["choices"][row["answer"]]
    return {"question": row["question"], "answers": [f"the {right}", right, row["choices"][0]][: chance.randint(1, 3)]}


def _parted(rows: Sequence[Row]) -> list[Row]:
    """Rows of which a part is kept, those beside it spread evenly."""
    return [{**row, "part": "abc"[i % 3], "level": int(i % 5 > 0)} for i, row in enumerate(rows)]


def _page(row: Row, chance: random.Random) -> Row:
    return {"page": " = Facts = \n " + " . ".join(_sentence(chance.choice(ROWS)) for _ in range(chance.randint(1, 90)))}


REDUCED = {"max_gen_toks": 12, "do_sample": False}
RIGHT = {"doc_to_target": "{{choices[answer]}}"}
EACH_SUBJECT = {f"part{i}.jsonl": ROWS[start:stop] for i, (start, stop) in enumerate([(0, 70), (70, 90), (90, 130)])}


def _group(name: str, weight_by_size: bool) -> Shape:
    parts = {
        f"{name}_{i}.yaml": {
            "include": "_base.yaml",
            "task": f"{name}_{i}",
            "dataset_kwargs": {"data_files": {"test": f"part{i}.jsonl"}},
            "description": f"About part {i}.\n\n",
        }
        for i in range(3)
    }
    base = {
        **{k: v for k, v in task("x", **CLOZE).items() if k not in ("task", "dataset_kwargs")},
        "metric_list": metrics("acc", "acc_norm", aggregation="mean", higher_is_better=True),
    }
    group = {
        "group": name,
        "task": [f"{name}_{i}" for i in range(3)],
        "aggregate_metric_list": [
            {"metric": metric, "aggregation": "mean", "weight_by_size": weight_by_size}
            for metric in ("acc", "acc_norm")
        ],
    }
    weight = "weighted by size" if weight_by_size else "equal weight per task"
    return Shape(name, f"group, {weight}; include", EACH_SUBJECT, group, {"_base.yaml": base, **parts})


def _nested() -> Shape:
    """A group of a group, a tag and a task with changed keys, which include a file without an ending."""
    base = {key: value for key, value in task("x", **CLOZE).items() if key not in ("task", "dataset_kwargs")}
    parts = {
        f"nested_{i}.yaml": {
            "include": "_nested_template_yaml",
            "task": f"nested_{i}",
            "task_alias": f"part {i}",
            "tag": "nested_tag" if i else None,
            "dataset_kwargs": {"data_files": {"test": f"part{i}.jsonl"}},
        }
        for i in range(3)
    }
    inner = {"group": "nested_inner", "group_alias": "inner", "task": ["nested_tag"]}
    group = {
        "group": "nested",
        "task": ["nested_inner", {"task": "nested_0", "description": "About part 0.\n\n"}],
        "aggregate_metric_list": [{"metric": "acc", "weight_by_size": False}],
    }
    more = {"_nested_template_yaml": {**base, "metric_list": metrics("acc")}, "inner.yaml": inner, **parts}
    return Shape(
        "nested", "group of a group, a tag and a changed task; include without .yaml", EACH_SUBJECT, group, more
    )


TWO_TARGETS = """
import numpy as np

def process_results(doc, results):
    lls = np.asarray([ll for ll, _ in results])
    share = np.exp(lls) / np.exp(lls).sum()
    return {"mc2": float(share[:2].sum())}
"""
SQUAD = """
from transformers.data.metrics.squad_metrics import compute_f1

def process_results(doc, results):
    return {"squad_f1": max(compute_f1(answer, results[0].strip()) for answer in doc["answers"])}
"""
MARGINS = """
import numpy as np

def process_results(doc, results):
    lls = np.asarray([ll for ll, _ in results])
    per_char = lls / np.asarray([len(choice) for choice in doc["choices"]])
    gold, others = doc["answer"], [i for i in range(len(lls)) if i != doc["answer"]]
    share = np.exp(per_char) / np.exp(per_char).sum()
    return {
        "margin_mean": lls[gold] - lls[others].mean(),
        "margin_max": lls[gold] - lls[others].max(),
        "share_per_char": share[gold],
        "per_byte": lls[gold] / len(doc["choices"][gold].encode()),
    }
"""

KEPT = """
def process_docs(docs):
    return docs.filter(lambda doc: doc["part"] in ["a", "b"] and doc["level"] in [1])
"""

SHAPES = [
    Shape(
        "mmlu_cloze",
        "first_n sampler, description",
        BOTH,
        task("mmlu_cloze", splits=SPLITS, **CLOZE, **FIRST, num_fewshot=5, description="About science.\n\n")
        | {"metric_list": metrics("acc", "acc_norm", "acc_bytes")},
    ),
    Shape(
        "mmlu_letters",
        "choices written as a list, target a number",
        BOTH,
        task("mmlu_letters", splits=SPLITS, **FIRST, num_fewshot=5, doc_to_text=LETTERS)
        | {"doc_to_choice": ["A", "B", "C", "D"], "doc_to_target": "answer", "metric_list": metrics("acc")},
    ),
    Shape(
        "arc",
        "nested fields, random sampler over a split",
        {"test.jsonl": made(_arc), "train.jsonl": made(_arc, TRAIN)},
        task("arc", splits=SPLITS, fewshot_split="train", num_fewshot=3)
        | {
            "doc_to_text": "Question: {{question}}\nAnswer:",
            "doc_to_choice": "{{choices.text}}",
            "doc_to_target": "{{choices.label.index(answerKey)}}",
            "metric_list": metrics("acc", "acc_norm"),
        },
    ),
    Shape(
        "hellaswag",
        "text cleaning in templates, label as a text of digits",
        {"test.jsonl": made(_hellaswag)},
        task("hellaswag", **HELLASWAG, metric_list=metrics("acc", "acc_norm")),
    ),
    Shape(
        "piqa",
        "choices from two fields, custom delimiters",
        {"test.jsonl": made(_pair), "train.jsonl": made(_pair, TRAIN)},
        task("piqa", splits=SPLITS, fewshot_split="train", num_fewshot=2, fewshot_delimiter="\n---\n")
        | {
            "doc_to_text": "Question: {{goal}}\nAnswer",
            "doc_to_choice": "{{[sol1, sol2]}}",
            "doc_to_target": "label",
            "target_delimiter": ": ",
            "metric_list": metrics("acc", "acc_norm", "f1"),
        },
    ),
    Shape(
        "sciq",
        "Jinja filters, a constant target",
        {"test.jsonl": made(_sciq)},
        task(
            "sciq",
            doc_to_text="{{support.lstrip()}}\nQuestion: {{question}}\nAnswer:",
            doc_to_choice="{{[distractor1, distractor2, distractor3, correct_answer]}}",
            doc_to_target=3,
            metric_list=metrics("acc", "acc_norm", "exact_match"),
        ),
    ),
    Shape(
        "lambada",
        "loglikelihood: greedy accuracy, perplexity",
        {"test.jsonl": made(lambda row, chance: {"text": f"{_sentence(row)} and {row['choices'][row['answer']]}"})},
        task(
            "lambada",
            "loglikelihood",
            doc_to_text="{{text.split(' ')[:-1] | join(' ')}}",
            doc_to_target="{{' ' + text.split(' ')[-1]}}",
            metric_list=metrics("acc", "perplexity"),
        ),
    ),
    Shape(
        "lambada_shots",
        "loglikelihood with random examples from its own split",
        {"test.jsonl": made(lambda row, chance: {"text": _sentence(row)})},
        task("lambada_shots", "loglikelihood", fewshot_split="test", num_fewshot=2, target_delimiter="")
        | {
            "doc_to_text": "{{text.split(' ')[:-1] | join(' ')}}",
            "doc_to_target": "{{' ' + text.split(' ')[-1]}}",
            "metric_list": metrics("perplexity", "acc"),
        },
    ),
    Shape(
        "truthfulqa_mc1",
        "a fixed prefix in the template",
        {"test.jsonl": made(_truthful)},
        task(
            "truthfulqa_mc1",
            doc_to_text="{{'Q: What is water?\nA: water\n\n' + 'Q: ' + question + '\nA:'}}",
            doc_to_choice="{{mc1_targets.choices}}",
            doc_to_target=0,
            metric_list=metrics("acc", "acc_norm"),
        ),
    ),
    Shape(
        "truthfulqa_several",
        "several right answers, as a list in a field",
        {"test.jsonl": made(_truthful)},
        task(
            "truthfulqa_several",
            doc_to_text="Q: {{question}}\nA:",
            doc_to_choice="{{mc2_targets.choices}}",
            doc_to_target="{{mc2_targets.right}}",
            metric_list=metrics("acc", "acc_norm", "acc_bytes", "exact_match"),
        ),
    ),
    Shape(
        "truthfulqa_mc2",
        "probability of the right answers (code, there)",
        {"test.jsonl": made(_truthful)},
        task(
            "truthfulqa_mc2",
            doc_to_text="Q: {{question}}\nA:",
            doc_to_choice="{{mc2_targets.choices}}",
            doc_to_target="{{mc2_targets.right}}",
            metric_list=metrics("norm_correct_prob"),
        ),
        code=TWO_TARGETS,
        metrics={"norm_correct_prob": "mc2"},
    ),
    Shape(
        "boolq",
        "labels no and yes, random sampler over the items' own split",
        {"test.jsonl": made(lambda row, chance: {**row, "label": int(row["answer"] % 2)})},
        task("boolq", fewshot_split="test", num_fewshot=3)
        | {
            "doc_to_text": "{{choices | join(', ')}}\nQuestion: {{question}}?\nAnswer:",
            "doc_to_choice": ["no", "yes"],
            "doc_to_target": "label",
            "metric_list": metrics("acc", "f1"),
        },
    ),
    Shape(
        "winogrande",
        "several contexts, one continuation",
        {"test.jsonl": made(_winogrande)},
        task("winogrande", **WINOGRANDE, metric_list=metrics("acc", "f1")),
    ),
    Shape(
        "winogrande_shots",
        "several contexts with random examples",
        {"test.jsonl": made(_winogrande), "train.jsonl": made(_winogrande, TRAIN)},
        task("winogrande_shots", splits=SPLITS, fewshot_split="train", num_fewshot=3, **WINOGRANDE)
        | {"metric_list": metrics("acc", "acc_norm")},
    ),
    Shape(
        "openbookqa",
        "mutual information, Brier score",
        {"test.jsonl": TEST},
        task(
            "openbookqa",
            doc_to_text="question",
            doc_to_choice="choices",
            doc_to_target="{{choices[answer]}}",
            metric_list=metrics("acc", "acc_mutual_info", "brier_score", "acc_bytes"),
        ),
    ),
    Shape(
        "early_metrics",
        "metrics for early training and expressions (code, there)",
        {"test.jsonl": TEST},
        task("early_metrics", **CLOZE)
        | {
            "metric_list": [
                *metrics("logprob_margin_mean", "logprob_margin", "norm_correct_prob_per_char"),
                {"metric": "mine", "expression": "(ll / bytes)[gold]"},
            ]
        },
        code=MARGINS,
        metrics={
            "logprob_margin_mean": "margin_mean",
            "logprob_margin": "margin_max",
            "norm_correct_prob_per_char": "share_per_char",
            "mine": "per_byte",
        },
    ),
    Shape(
        "gsm8k",
        "generation, random sampler, two filter chains with regular expressions",
        {"test.jsonl": made(_solution), "train.jsonl": made(_solution, TRAIN)},
        task("gsm8k", "generate_until", splits=SPLITS, fewshot_split="train", num_fewshot=4)
        | {
            "doc_to_text": "Question: {{question}}\nAnswer:",
            "doc_to_target": "{{answer}}",
            "generation_kwargs": {
                "until": ["Question:", "</s>"],
                "max_gen_toks": 20,
                "temperature": 0.7,
                "do_sample": False,
            },
            "filter_list": [
                {
                    "name": "strict-match",
                    "filter": [
                        {"function": "regex", "regex_pattern": "#### (\\-?[a-z\\.\\,]+)"},
                        {"function": "take_first"},
                    ],
                },
                {
                    "name": "flexible-extract",
                    "filter": [
                        {
                            "function": "regex",
                            "group_select": -1,
                            "regex_pattern": "(-?[$a-z]{2,})|(-?[0-9]+)",
                        },
                        {"function": "take_first"},
                    ],
                },
            ],
            "metric_list": metrics(
                "exact_match",
                ignore_case=True,
                ignore_punctuation=False,
                regexes_to_ignore=[",", "\\$", "(?s).*#### ", "\\.$"],
            ),
        },
    ),
    Shape(
        "drop",
        "generation, several right answers, options of exact_match",
        {"test.jsonl": made(_answers), "train.jsonl": made(_answers, TRAIN)},
        task("drop", "generate_until", splits=SPLITS, **FIRST, num_fewshot=3)
        | {
            "doc_to_text": "Question: {{question}}\nAnswer:",
            "doc_to_target": "answers",
            "fewshot_config": {"sampler": "first_n", "doc_to_target": "{{answers[0]}}"},
            "generation_kwargs": {"until": ["\n"], **REDUCED},
            "filter_list": [
                {"name": "words", "filter": [{"function": "remove_whitespace"}, {"function": "take_first"}]}
            ],
            "metric_list": metrics("exact_match", ignore_case=True, ignore_punctuation=True, ignore_numbers=True),
        },
    ),
    Shape(
        "squad",
        "F1 of words (code, there)",
        {"test.jsonl": made(_answers)},
        task("squad", "generate_until")
        | {
            "doc_to_text": "Question: {{question}}\nAnswer:",
            "doc_to_target": "answers",
            "generation_kwargs": {"until": ["\n", "?"], **REDUCED},
            "filter_list": [
                {"name": "words", "filter": [{"function": "remove_whitespace"}, {"function": "take_first"}]}
            ],
            "metric_list": metrics("f1"),
        },
        code=SQUAD,
        metrics={"f1": "squad_f1"},
    ),
    Shape(
        "flores",
        "BLEU, chrF and TER of all texts together; keys without effect",
        {"test.jsonl": TEST},
        task("flores", "generate_until", **RIGHT)
        | {
            "task_alias": "Translation",
            "should_decontaminate": True,
            "doc_to_decontamination_query": "question",
            "doc_to_text": "Question: {{question}}\nAnswer:",
            "generation_kwargs": {"until": ["\n"], "top_p": 1, "num_beams": 1, **REDUCED},
            "filter_list": [
                {"name": "words", "filter": [{"function": "remove_whitespace"}, {"function": "take_first"}]}
            ],
            "metric_list": metrics("bleu", "chrf", "ter"),
            "repeats": 1,
        },
    ),
    Shape(
        "prefixed",
        "gen_prefix of items and examples, Matthews' correlation",
        BOTH,
        task("prefixed", splits=SPLITS, **CLOZE, **FIRST, num_fewshot=2)
        | {"gen_prefix": "Of course, {{question[:7]}}", "metric_list": metrics("acc", "mcc")},
    ),
    Shape(
        "prefixed_generation",
        "gen_prefix before a generation, with random examples",
        BOTH,
        task("prefixed_generation", "generate_until", splits=SPLITS, fewshot_split="train", num_fewshot=2, **RIGHT)
        | {
            "doc_to_text": "Question: {{question}}\n",
            "gen_prefix": "The answer is",
            "generation_kwargs": {"until": ["\n"], **REDUCED},
            "filter_list": [
                {"name": "words", "filter": [{"function": "remove_whitespace"}, {"function": "take_first"}]}
            ],
            "metric_list": metrics("exact_match"),
        },
    ),
    Shape(
        "validated",
        "items from validation_split, examples from another, no metric_list, nulls",
        {"validation.jsonl": TEST, "train.jsonl": TRAIN},
        task("validated", splits=("validation", "train"), **CLOZE, **FIRST, num_fewshot=2)
        | {"test_split": None, "validation_split": "validation", "dataset_name": None, "process_docs": None},
    ),
    Shape(
        "kept_rows",
        "rows kept by the values of a field (`process_docs`, there), examples too",
        {"test.jsonl": _parted(ROWS[: 2 * ITEMS]), "train.jsonl": _parted(ROWS[2 * ITEMS : 2 * ITEMS + 40])},
        task("kept_rows", splits=SPLITS, **CLOZE, num_fewshot=3, fewshot_split="train")
        | {"filter_docs": {"part": ["a", "b"], "level": [1]}, "metric_list": metrics("acc", "acc_norm")},
        kept=KEPT,
    ),
    Shape(
        "votes",
        "generation up to the few-shot delimiter; majority vote, map, case",
        BOTH,
        task("votes", "generate_until", splits=SPLITS, **FIRST, num_fewshot=4, **RIGHT)
        | {
            "doc_to_text": "Question: {{question}}\nAnswer:",
            "generation_kwargs": {"until": ["\n"], **REDUCED},
            "filter_list": [
                {
                    "name": "vote",
                    "filter": [
                        {"function": "take_first_k", "k": 1},
                        {"function": "remove_whitespace"},
                        {"function": "majority_vote"},
                        {"function": "take_first"},
                    ],
                },
                {
                    "name": "mapped",
                    "filter": [
                        {"function": "remove_whitespace"},
                        {"function": "map", "mapping_dict": {"one": "two", "gas": "acid"}, "default_value": "acid"},
                        {"function": "take_first"},
                    ],
                },
                {
                    "name": "loud",
                    "filter": [{"function": "uppercase"}, {"function": "lowercase"}, {"function": "take_first"}],
                },
            ],
            "metric_list": metrics("exact_match", regexes_to_ignore=["^ "]),
        },
    ),
    Shape(
        "bbh_choices",
        "generation, a choice found by letter or text",
        BOTH,
        task("bbh_choices", "generate_until", splits=SPLITS, **FIRST, num_fewshot=3)
        | {
            "doc_to_text": "Question: {{question}}\nAnswer:",
            "doc_to_target": "{{['(A)', '(B)', '(C)', '(D)'][answer]}}",
            "fewshot_config": {"sampler": "first_n", "doc_to_target": "{{choices[answer]}}"},
            "generation_kwargs": {"until": ["\n\n"], **REDUCED},
            "filter_list": [
                {
                    "name": "letters",
                    "filter": [
                        {
                            "function": "multi_choice_regex",
                            "group_select": 0,
                            "ignore_case": True,
                            "ignore_punctuation": True,
                            "regex_pattern": "(\\([A-Z]\\))",
                        },
                        {"function": "take_first"},
                    ],
                }
            ],
            "metric_list": metrics("exact_match"),
        },
    ),
    Shape(
        "minerva",
        "examples listed in the task, in another format",
        {"test.jsonl": TEST},
        task("minerva", **CLOZE)
        | {
            "num_fewshot": 2,
            "fewshot_config": {
                "sampler": "first_n",
                "samples": [
                    {"q": "What is ice?", "a": "water"},
                    {"q": "What is steam?", "a": "gas"},
                    {"q": "x", "a": "y"},
                ],
                "doc_to_text": "Problem: {{q}}\nSolution:",
                "doc_to_choice": None,
                "doc_to_target": "{{a}}",
                "target_delimiter": "\n",
                "fewshot_delimiter": "\n##\n",
            },
            "metric_list": metrics("acc", "acc_norm"),
        },
    ),
    Shape(
        "wikitext",
        "loglikelihood_rolling in windows; three perplexities",
        {"test.jsonl": made(_page)},
        task(
            "wikitext",
            "loglikelihood_rolling",
            doc_to_text="",
            doc_to_target="{{page | regex_replace(' ([.,])', '\\\\1') | trim}}",
            metric_list=metrics("word_perplexity", "byte_perplexity", "bits_per_byte"),
        ),
    ),
    _group("by_size", True),
    _group("each_alike", False),
    _nested(),
]
