"""The example submissions: what is committed is what the generator writes, and the noise is noise."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml

from e2lm.suites.miniature.examples import examples, with_random_answers, write_examples
from e2lm.suites.miniature.worlds import CHOICES, Fact, science_world, web_world

COMMITTED = Path(__file__).parents[4] / "starting_kit/examples"
NAMES = ("science-cloze", "science-letters", "web-trivia", "noise")


@pytest.mark.parametrize("name", NAMES)
def test_the_committed_example_equals_what_the_generator_writes(name: str, tmp_path: Path) -> None:
    write_examples(tmp_path)
    written = {path.name: path.read_text(encoding="utf-8") for path in (tmp_path / name).iterdir()}
    committed = {path.name: path.read_text(encoding="utf-8") for path in (COMMITTED / name).iterdir()}
    assert committed == written


@pytest.mark.parametrize("name", NAMES)
def test_the_task_names_data_files_that_are_there(name: str) -> None:
    task = yaml.safe_load((COMMITTED / name / "task.yaml").read_text(encoding="utf-8"))
    assert task["task"] == name
    for file in task["dataset_kwargs"]["data_files"].values():
        assert (COMMITTED / name / file).is_file()


def test_the_answers_of_all_but_noise_are_the_facts_of_the_worlds() -> None:
    world = {f"What is the {fact.relation.noun} of {fact.subject}?": fact.value for fact in _all_facts()}
    for example in examples():
        right = [q.choices[q.answer] == world[q.question] for q in example.test]
        assert all(right) == (example.name != "noise")


def test_worked_examples_are_not_scored() -> None:
    for example in examples():
        assert not {q.question for q in example.dev} & {q.question for q in example.test}
        assert 100 <= len(example.test) <= 300


def test_random_answers_do_not_depend_on_the_truth() -> None:
    test = examples()[0].test
    drawn = with_random_answers(test, 7)
    truth_moved = [type(q)(q.question, q.choices, (q.answer + 1) % CHOICES) for q in test]
    assert with_random_answers(truth_moved, 7) == drawn
    agree = [a.answer == b.answer for a, b in zip(test, drawn, strict=True)]
    assert sum(agree) / len(agree) == pytest.approx(1 / CHOICES, abs=0.12)  # four standard errors


def _all_facts() -> list[Fact]:
    return [fact for world in (science_world(), web_world()) for about in world.facts for fact in about]
