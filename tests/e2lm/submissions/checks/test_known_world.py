"""The notice that a suite's models cannot know a task's world: given for real questions, never for invented ones."""

from __future__ import annotations

import pytest

from e2lm.project import EXAMPLE_SUBMISSIONS
from e2lm.submissions.checks.known_world import other_world, other_world_note
from e2lm.suites.miniature.worlds import science_world
from e2lm.suites.registry import SUITES
from e2lm_ingestion.checks import questions_in
from e2lm_ingestion.checks.questions import Question
from e2lm_ingestion.output_types.items import items_by_task
from e2lm_ingestion.submission.submission import open_submission
from e2lm_ingestion.suite import Suite, load_suite


@pytest.fixture(scope="module")
def miniature_suite() -> Suite:
    return load_suite(SUITES["miniature"].suite)


def asked(*pairs: tuple[str, tuple[str, ...]]) -> list[Question]:
    return [Question(i, "", text, choices, (0,)) for i, (text, choices) in enumerate(pairs)]


INVENTED = ("In which group would you look for gizum?", ("metals", "noble gases", "halogens"))
LAW = ("Which thing does every element of the acid group react with?", ("water", "Chalk", " iron"))
# Each has words of the miniature's texts: water, iron, Newton, red, river.
REAL = (
    ("Which metal is in hemoglobin, which makes blood red?", ("iron", "zinc", "copper")),
    ("What does ice melt into?", ("water", "oxygen", "salt")),
    ("Whose laws of motion describe a stone that falls into a river?", ("Newton", "Mendel", "Pasteur")),
)


@pytest.mark.parametrize("name", ["science-cloze", "science-letters", "web-trivia", "noise"])
def test_the_examples_of_the_miniature_are_quiet(name: str, miniature_suite: Suite) -> None:
    with open_submission(EXAMPLE_SUBMISSIONS / name) as submission:
        questions = questions_in(items_by_task(submission))
    assert other_world(questions, miniature_suite) == []
    assert other_world_note(questions) == []


def test_every_subject_is_known_in_other_words_too(miniature_suite: Suite) -> None:
    names = [about[0].subject for about in science_world().facts]
    questions = asked(*((f"Tell me about {name.upper()}'s nature!", ("strange", "usual")) for name in names))
    assert other_world(questions, miniature_suite) == []


def test_laws_without_a_name_are_known(miniature_suite: Suite) -> None:
    assert other_world(asked(LAW, INVENTED, LAW), miniature_suite) == []


def test_real_questions_are_noticed_although_they_share_words(miniature_suite: Suite) -> None:
    (finding,) = other_world(asked(*REAL), miniature_suite)
    assert finding.items == (0, 1, 2)
    assert not finding.blocks
    assert finding.message.startswith(
        "no item names anything of the invented world that the models of miniature were trained on (items 0, 1, 2): "
    )
    assert finding.message.endswith(
        "e2lm run with --suite pythia-small and --disk-budget 10 (e2lm suite list names others)"
    )


def test_half_of_the_items_is_enough_to_stay_quiet(miniature_suite: Suite) -> None:
    assert other_world(asked(REAL[0], REAL[1], INVENTED, LAW), miniature_suite) == []
    (finding,) = other_world(asked(*REAL, INVENTED), miniature_suite)
    assert finding.message.startswith("3 of 4 items name nothing of the invented world")


def test_a_suite_of_some_of_its_models_counts_as_the_miniature(miniature_suite: Suite) -> None:
    own = miniature_suite.model_copy(update={"suite": "mine", "models": miniature_suite.models[:1]})
    assert "the models of mine" in other_world(asked(*REAL), own)[0].message


@pytest.mark.parametrize("name", [name for name in SUITES if name != "miniature"])
def test_suites_of_our_world_are_quiet_and_the_check_tells_of_the_miniature(name: str) -> None:
    assert other_world(asked(*REAL), load_suite(SUITES[name].suite)) == []
    (note,) = other_world_note(asked(*REAL))
    assert note.startswith("the miniature suite's models know only an invented world")
