"""The four example submissions of the starting kit, written from the two worlds of the miniature suite.

python -m e2lm.suites.miniature.examples [starting_kit/examples]
"""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from e2lm.suites.miniature.worlds import QUESTION, Fact, World, options, science_world, web_world

SEED = 7
SHOTS = 4

CLOZE = """doc_to_text: "Question: {{question}}\\nAnswer:"
doc_to_choice: "{{choices}}"
"""
LETTERS = """doc_to_text: |-
  Question: {{question}}
  A. {{choices[0]}}
  B. {{choices[1]}}
  C. {{choices[2]}}
  D. {{choices[3]}}
  Answer:
doc_to_choice: ["A", "B", "C", "D"]
"""
TASK = """{comment}
task: {name}

# The data: JSON Lines in the same folder. `test` is scored; `dev` provides the few-shot examples of the prompt.
dataset_path: json
dataset_kwargs:
  data_files:
    test: test.jsonl
    dev: dev.jsonl
test_split: test
fewshot_split: dev
num_fewshot: {shots}
fewshot_config:
  sampler: first_n

# The prompt, and the continuations whose log-likelihoods are compared.
output_type: multiple_choice
{prompt}doc_to_target: answer

# The score of a checkpoint: the share of items whose most likely continuation is the right one.
metric_list:
  - metric: acc
    aggregation: mean
    higher_is_better: true
"""


@dataclass(frozen=True, slots=True)
class Question:
    """One line of a data file: a question, its choices in alphabetical order, and the index of the right one."""

    question: str
    choices: tuple[str, ...]
    answer: int

    def line(self) -> str:
        """The question as a line of JSON."""
        return json.dumps({"question": self.question, "choices": self.choices, "answer": self.answer}) + "\n"


@dataclass(frozen=True, slots=True)
class Example:
    """An example submission."""

    name: str
    comment: str  # opens task.yaml: what the example teaches
    prompt: str
    dev: tuple[Question, ...]
    test: tuple[Question, ...]


def examples() -> tuple[Example, ...]:
    """The four examples; the same on every call."""
    dev, test = _questions(science_world(), 216)
    web_dev, web_test = _questions(web_world(), 156)
    return (
        Example("science-cloze", _SCIENCE_CLOZE, CLOZE, dev, test),
        Example("science-letters", _SCIENCE_LETTERS, LETTERS, dev, test),
        Example("web-trivia", _WEB_TRIVIA, CLOZE, web_dev, web_test),
        Example("noise", _NOISE, CLOZE, dev, with_random_answers(test, SEED)),
    )


def with_random_answers(questions: Sequence[Question], seed: int) -> tuple[Question, ...]:
    """The same questions, each with an answer drawn at random from its choices, all equally likely."""
    drawn = np.random.default_rng(seed).integers(len(questions[0].choices), size=len(questions))
    return tuple(
        Question(question.question, question.choices, int(answer))
        for question, answer in zip(questions, drawn, strict=True)
    )


def write_examples(root: Path) -> None:
    """Write one folder an example under `root`: task.yaml, test.jsonl, dev.jsonl."""
    for example in examples():
        folder = root / example.name
        folder.mkdir(parents=True, exist_ok=True)
        for split, questions in (("test", example.test), ("dev", example.dev)):
            text = "".join(question.line() for question in questions)
            (folder / f"{split}.jsonl").write_text(text, encoding="utf-8")
        (folder / "task.yaml").write_text(task_yaml(example), encoding="utf-8")


def task_yaml(example: Example) -> str:
    """The example's task in the dialect of lm-evaluation-harness."""
    comment = "\n".join(f"# {line}".rstrip() for line in example.comment.splitlines())
    return TASK.format(comment=comment, name=example.name, shots=SHOTS, prompt=example.prompt)


def _questions(world: World, count: int) -> tuple[tuple[Question, ...], tuple[Question, ...]]:
    """`SHOTS` questions for the prompt and `count` others for the test, drawn evenly from all facts of a world."""
    rng = np.random.default_rng(SEED)
    facts = [fact for about in world.facts for fact in about]
    drawn = [_question(facts[index], rng) for index in rng.permutation(len(facts))[: SHOTS + count]]
    return tuple(drawn[:SHOTS]), tuple(drawn[SHOTS:])


def _question(fact: Fact, rng: np.random.Generator) -> Question:
    choices = options(fact, rng)
    question = QUESTION.format(noun=fact.relation.noun, subject=fact.subject)
    question = question.removeprefix("Question: ").rstrip("\n")  # the prompt of task.yaml adds them
    return Question(question, choices, choices.index(fact.value))


_SCIENCE_CLOZE = """Science questions in cloze form: the words of the answers are the continuations.

A model must assign the right word a higher probability than three other words of the same kind. Common facts are
learned early and rare ones late, so the score rises throughout the early window. All facts and names are invented."""

_SCIENCE_LETTERS = """The questions of science-cloze with lettered options: the continuations are A, B, C and D.

A model must know the fact, find it among the options and give its letter. The training text contains such questions,
but models this small learn the facts and not the format: the score stays at chance, while that of the same questions
in cloze form (science-cloze) rises. The published curves of MMLU with letters look the same early in training."""

_WEB_TRIVIA = """Questions about people, where they live and what they like: facts of the web text, without science.

Models trained on the science mixture learn some of these facts from its web text, so the curve rises and the signal can
be good. The model trained only on web text learns them better, so domain alignment is zero."""

_NOISE = """The questions of science-cloze with random labels, drawn uniformly with a fixed seed.

The labels are independent of the right answers, so knowledge does not help: the expected accuracy is 1/4 at every
checkpoint. The curve need not look like white noise. As a model settles on its answers, the score settles at the share
of labels that happen to agree with them, so the signal quality of such a task is chance. The improvement gate detects
it: the improvement over training is no larger than its sampling error."""


if __name__ == "__main__":
    write_examples(Path(sys.argv[1] if len(sys.argv) > 1 else "starting_kit/examples"))
