"""One table says which columns there are; scores.json has those that the suite and the task allow."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml

from e2lm_scoring.columns import BY_KEY, COLUMNS, TOTAL_AND_COMPONENTS, columns_of, ranked_by
from e2lm_scoring.inputs.configuration import Configuration
from e2lm_scoring.scores import evaluate
from tests.scoring.tiny_results import SCORING

OF_LATE = ("tau_last", "decision_accuracy", "tokens_to_decide", "late_retention", "prediction_error")
OF_OTHER_TASKS = {"sq_1000", "unguessed_z", "subsets_without_contrast"}  # of 1,000 items; of guessers; of a group
LATE, WEB = ("late", "ranking_groups"), ("alignment",)


@pytest.mark.parametrize(
    ("without", "lost"),
    [
        ((), set()),
        (
            LATE,
            {
                "score",
                "rc",
                "rc_each",
                "rc_final",
                "ordering_consistency",
                "sq_held_out",
                "contrast_z_held_out",
                *OF_LATE,
            },
        ),
        (WEB, {"score", "cs", "cs_gain"}),
    ],
)
def test_a_score_report_has_exactly_the_columns_that_its_suite_allows(
    worker: Path, without: tuple[str, ...], lost: set[str]
) -> None:
    scoring = {key: value for key, value in SCORING.items() if key not in without}
    (worker / "input/ref/scoring.yaml").write_text(yaml.safe_dump(scoring))
    found = list(evaluate(worker / "input/res", worker / "input/ref/scoring.yaml").scores)
    allowed = [column.key for column in columns_of(Configuration.model_validate(scoring))]
    assert found == [key for key in allowed if key not in OF_OTHER_TASKS]
    assert allowed == [column.key for column in COLUMNS if column.key not in lost]


def test_what_results_do_not_say_is_left_out(worker: Path) -> None:
    results = worker / "input/res"
    (results / "progress.jsonl").unlink()
    text = (results / "results.json").read_text()
    (results / "results.json").write_text(text.replace('"chance": 0.25', '"chance": null'))
    found = evaluate(results, worker / "input/ref/scoring.yaml").scores
    assert set(BY_KEY) - set(found) == {"minutes", "non_randomness"} | OF_OTHER_TASKS


def test_participants_do_not_read_how_far_scores_move_late(worker: Path) -> None:
    (worker / "input/ref/scoring.yaml").write_text(yaml.safe_dump({**SCORING, "reveal": "participant"}))
    found = evaluate(worker / "input/res", worker / "input/ref/scoring.yaml").scores
    assert not {"late_retention", "prediction_error"} & set(found)
    assert "decision_accuracy" in found


def test_codabench_takes_every_title_and_key() -> None:
    assert all(len(column.title) <= 36 and len(column.key) <= 36 for column in COLUMNS)
    assert len(BY_KEY) == len(COLUMNS)


def test_the_components_have_the_weights_of_the_configuration() -> None:
    weights = Configuration.model_validate(SCORING).weights.model_dump()
    assert [BY_KEY[key].weight for key in TOTAL_AND_COMPONENTS[1:]] == list(weights)


def test_a_suite_without_a_total_ranks_by_signal_quality() -> None:
    assert (ranked_by({"score", "sq"}), ranked_by({"sq"})) == ("score", "sq")
