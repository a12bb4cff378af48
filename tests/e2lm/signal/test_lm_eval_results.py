"""Folders of lm_eval's results: which step, which task, which run; and what is refused."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from scipy.stats import pearsonr, spearmanr

from e2lm.signal import load_curves, signal_table
from e2lm_ingestion.errors import OrganizerError
from tests.e2lm.signal.results_files import ITEMS, PYTHIA_1B, RISING, curve_files, results_file


def notes(*sources: Path, **options: object) -> str:
    return "\n".join(load_curves(*sources, **options).attrs["notes"])  # type: ignore[arg-type]


def test_published_scores_give_the_signal_quality_of_the_published_formula(tmp_path: Path) -> None:
    curve_files(tmp_path, [right / ITEMS for right in PYTHIA_1B], task="mmlu_easy_cloze")
    row = signal_table(load_curves(tmp_path)).iloc[0]
    scores = np.asarray(PYTHIA_1B)
    lags = [abs(pearsonr(scores[lag:], scores[:-lag]).statistic) for lag in (1, 2, 3)]
    assert row["monotonicity"] == pytest.approx(spearmanr(range(16), scores).statistic)
    assert row["autocorrelation"] == pytest.approx(np.mean(lags))
    assert row["sq"] == pytest.approx(0.575543, abs=1e-6)
    assert (row["model"], row["benchmark"], row["metric"]) == ("EleutherAI/pythia-1b", "mmlu_easy_cloze", "acc")
    assert (row["checkpoints"], row["items"], row["z_from"]) == (16, ITEMS, "standard errors")


@pytest.mark.parametrize(
    ("model_args", "folder", "model", "step", "tokens"),
    [
        ("pretrained=EleutherAI/pythia-1b,revision=step3000", "", "EleutherAI/pythia-1b", 3000, None),
        ({"pretrained": "/data/dense-1b/iter_0004000", "dtype": "float"}, "", "dense-1b", 4000, None),
        ("pretrained=tiiuae/dense-1b-arch1,subfolder=iter_0004000", "", "tiiuae/dense-1b-arch1", 4000, None),
        ("pretrained=allenai/OLMo-2-1B,revision=stage1-step1000-tokens5B", "", "allenai/OLMo-2-1B", 1000, 5e9),
        ("pretrained=my-model", "checkpoint-500", "my-model", 500, None),
        ("pretrained=out/my-model/4000", "", "out/my-model", 4000, None),
        ("pretrained=/a/olmo-190M/step81352-unsharded-hf", "", "olmo-190M", 81352, None),
        ("pretrained=x/y,revision=step10k", "", "x/y", 10000, None),
        ("pretrained=x/y,revision=main", "200GT", "x/y", None, 200e9),
    ],
)
def test_the_step_is_read_from_the_arguments_of_the_model_or_from_a_folder(
    tmp_path: Path, model_args: str, folder: str, model: str, step: int | None, tokens: float | None
) -> None:
    results_file(tmp_path / folder, 1, {"arc": 0.3}, model_args=model_args)
    row = load_curves(tmp_path).astype({"step": object}).iloc[0]
    found = [None if pd.isna(row[key]) else row[key] for key in ("model", "step", "tokens")]
    assert found == [model, step, tokens]


def test_a_pattern_and_tokens_per_step_say_what_names_do_not(tmp_path: Path) -> None:
    for number in range(1, 10):
        results_file(tmp_path, number, {"arc": 0.3 + number / 100}, model_args=f"pretrained=m,revision=v{number}00")
    curves = load_curves(tmp_path, step=r"revision=v(\d+)", tokens_per_step=2e6)
    assert curves["step"].tolist() == [100 * number for number in range(1, 10)]
    assert curves["tokens"].tolist() == [2e8 * number for number in range(1, 10)]


def test_groups_metrics_and_filters_are_curves_of_their_own(tmp_path: Path) -> None:
    path = curve_files(tmp_path)
    for number in range(1, 11):
        results = {
            "mmlu": {"alias": "mmlu", "acc,none": 0.3, "acc_stderr,none": 0.01, "sample_count": {"acc,none": 2}},
            "mmlu_law": {"alias": " - law", " ": " ", "acc,none": 0.2, "acc_norm,none": 0.25, "acc_stderr,none": "N/A"},
            "gsm8k": {"exact_match,strict-match": 0.0, "exact_match,flexible-extract": 0.1, "sample_len": 5},
            "wiki": {"word_perplexity,none": 20.0 - number},
        }
        group = {"mmlu": ["mmlu_law"], "mmlu_law": [], "gsm8k": [], "wiki": []}
        results_file(path, 1000 * number, {}, results=results, group_subtasks=group)
    table = signal_table(load_curves(path))
    found = {(row["benchmark"], row["metric"]) for _, row in table.iterrows()}
    assert found == {
        ("mmlu", "acc"),
        ("mmlu_law", "acc"),
        ("mmlu_law", "acc_norm"),
        ("gsm8k", "exact_match,strict-match"),
        ("gsm8k", "exact_match,flexible-extract"),
        ("wiki", "word_perplexity"),
    }
    perplexity = table[table["benchmark"] == "wiki"].iloc[0]
    assert perplexity["sq"] == pytest.approx(1.0)  # it falls, and lower is better
    assert perplexity["first_score"] == 19.0


def test_of_repeated_runs_the_newest_counts_and_a_note_says_so(tmp_path: Path) -> None:
    curve_files(tmp_path / "a")
    results_file(tmp_path / "b", 3000, {"arc": 0.99}, date=2e9)
    results_file(tmp_path / "c", 3000, {"arc": 0.11}, date=1e9)
    curves = load_curves(tmp_path)
    assert curves.loc[curves["step"] == 3000, "score"].tolist() == [0.99]
    assert "EleutherAI/pythia-1b: measured more than once at step 3,000; the newest counts (arc)" in notes(tmp_path)


def test_missing_steps_are_named(tmp_path: Path) -> None:
    curve_files(tmp_path)
    for path in sorted(tmp_path.glob("*.json"))[3:5]:
        path.unlink()
    assert notes(tmp_path) == "EleutherAI/pythia-1b: missing at steps 4,000, 5,000 (arc)"


def test_few_shot_counts_and_limits_are_told_apart(tmp_path: Path) -> None:
    curve_files(tmp_path / "a", shots=0)
    curve_files(tmp_path / "b", shots=5)
    curve_files(tmp_path / "c", shots=5, limit=100.0)
    table = signal_table(load_curves(tmp_path))
    assert set(table["benchmark"]) == {"arc (0-shot, no limit)", "arc (5-shot, no limit)", "arc (5-shot, limit 100)"}
    assert table["checkpoints"].tolist() == [10, 10, 10]
    assert "arc was run with several few-shot counts or limits, each is a benchmark of its own" in notes(tmp_path)


def test_model_sizes_have_rows_of_their_own(tmp_path: Path) -> None:
    curve_files(tmp_path / "a")
    for number, score in enumerate(RISING, start=1):
        args = f"pretrained=EleutherAI/pythia-410m,revision=step{1000 * number}"
        results_file(tmp_path / "b", 1000 * number, {"arc": score - 0.05}, model_args=args)
    table = signal_table(load_curves(tmp_path))
    assert sorted(table["model"]) == ["EleutherAI/pythia-1b", "EleutherAI/pythia-410m"]
    assert table["decision_accuracy"].tolist() == [1.0, 1.0]
    assert (
        "2 models, each with rows of its own: EleutherAI/pythia-1b, EleutherAI/pythia-410m" in table.attrs["notes"][0]
    )


def refusal(*sources: Path, **options: object) -> str:
    with pytest.raises(OrganizerError) as caught:
        load_curves(*sources, **options)  # type: ignore[arg-type]
    message = str(caught.value)
    assert "\n" not in message
    return message


def test_a_number_too_large_for_a_step_is_refused(tmp_path: Path) -> None:
    results_file(tmp_path, 1, {"arc": 0.3}, model_args=f"pretrained=m,revision=step{9 * 10**20}")
    assert "step900000000000000000000 is not a training step" in refusal(tmp_path)


def test_groups_that_hold_each_other_do_not_go_on_forever(tmp_path: Path) -> None:
    results_file(tmp_path, 1000, {"a": 0.3}, group_subtasks={"a": ["b"], "b": ["a"]})
    assert load_curves(tmp_path)["score"].tolist() == [0.3]


def test_a_file_of_another_name_is_read_where_its_name_tells_the_step(tmp_path: Path) -> None:
    for number, score in enumerate(RISING, start=1):
        path = results_file(tmp_path, number, {"arc": score}, model_args="pretrained=EleutherAI/pythia-1b")
        path.rename(tmp_path / f"1b_step{1000 * number}.json")
    (tmp_path / "tokenizer.json").write_text("{")  # of the model, and none of our business
    assert load_curves(tmp_path)["step"].tolist() == [1000 * number for number in range(1, 11)]


def test_two_steps_in_one_place_are_refused_with_what_decides(tmp_path: Path) -> None:
    path = results_file(tmp_path / "step5", 1, {"arc": 0.3}, model_args="pretrained=m/iter_0004000")
    message = refusal(tmp_path)
    assert "iter_0004000 (step 4,000) and step5 (step 5) are both steps; give --step" in message
    assert message.startswith(str(path))
    assert load_curves(tmp_path, step=r"iter_(\d+)")["step"].tolist() == [4000]


def test_two_checkpoints_of_one_step_are_no_repeated_run(tmp_path: Path) -> None:
    for stage in (1, 2):
        args = f"pretrained=allenai/OLMo-2-1B,revision=stage{stage}-step1000"
        results_file(tmp_path / str(stage), 1000, {"arc": 0.3}, model_args=args)
    assert "are both step 1000; give --step" in refusal(tmp_path)


def test_a_step_that_cannot_be_read_is_refused(tmp_path: Path) -> None:
    results_file(tmp_path, 1, {"arc": 0.3}, model_args="pretrained=EleutherAI/pythia-1b,revision=main")
    message = refusal(tmp_path)
    assert "neither 'revision=main, pretrained=EleutherAI/pythia-1b' nor the path names a training step" in message
    assert "give --step" in message
    assert "needs one group" in refusal(tmp_path, step="revision")
    assert "finds nothing in" in refusal(tmp_path, step=r"v(\d+)")
    assert "not a regular expression" in refusal(tmp_path, step="(")


@pytest.mark.parametrize(("more", "both"), [({"version": 2.0}, "version 1.0"), ({"items": 380}, "613 items")])
def test_two_tasks_under_one_name_are_refused(tmp_path: Path, more: dict[str, float], both: str) -> None:
    results_file(tmp_path / "a", 1000, {"arc": 0.3})
    results_file(tmp_path / "b", 2000, {"arc": 0.3}, **more)  # type: ignore[arg-type]
    message = refusal(tmp_path)
    assert message.startswith(f"arc: two tasks under one name, {both} in ")


def test_another_prompt_under_one_name_is_another_task(tmp_path: Path) -> None:
    for number, text in enumerate(("{{question}}", "Question: {{question}}"), start=1):
        results_file(tmp_path / str(number), 1000 * number, {"arc": 0.3}, configs={"arc": {"doc_to_text": text}})
    assert "doc_to_text 'Question: {{question}}'" in refusal(tmp_path)


def test_damaged_files_are_named(tmp_path: Path) -> None:
    path = results_file(tmp_path, 1000, {"arc": 0.3})
    content = path.read_text()
    path.write_text(content[: len(content) // 2])
    assert refusal(tmp_path).startswith(f"{path}: not complete: the JSON in it ends too early")
    path.write_text("")
    assert refusal(tmp_path).startswith(f"{path}: empty")
    path.write_text(content.replace("0.3,", "NaN,"))
    assert refusal(tmp_path).startswith(f"{path}: arc: acc,none is nan, not a finite number")


def test_a_standard_error_that_is_no_number_is_not_known(tmp_path: Path) -> None:
    path = results_file(tmp_path, 1000, {"arc": 0.3}, items=1)
    content = json.loads(path.read_text())
    for error in (float("nan"), "N/A"):
        content["results"]["arc"]["acc_stderr,none"] = error
        path.write_text(json.dumps(content))
        assert load_curves(tmp_path)["stderr"].isna().all()


def test_folders_without_results_are_refused(tmp_path: Path) -> None:
    assert refusal(tmp_path).startswith(f"{tmp_path}: holds no results; give results_*.json of lm_eval")
    (tmp_path / "a.csv").write_text("step,arc\n1,0.3\n")
    assert "its 1 CSV or parquet files must be given by name" in refusal(tmp_path)
    assert "there is no such file or folder" in refusal(tmp_path / "none")
    (tmp_path / "results_empty.json").write_text("{}")
    assert "holds no results" in refusal(tmp_path)
    assert "not results that can be read" in refusal(tmp_path / "results_empty.json")


def test_fewer_than_eight_checkpoints_have_no_signal_quality_but_a_note(tmp_path: Path) -> None:
    curve_files(tmp_path)
    curve_files(tmp_path / "few", RISING[:5], task="few")
    table = signal_table(load_curves(tmp_path))
    assert table["benchmark"].tolist() == ["arc", "few"]
    assert np.isnan(table["sq"].iloc[1])
    assert table["note"].iloc[1] == "5 checkpoints, signal quality needs 8"


def test_a_grid_that_becomes_sparser_has_no_gaps(tmp_path: Path) -> None:
    for step in (*range(1000, 9000, 1000), 20_000, 40_000, 80_000):
        results_file(tmp_path, step, {"arc": 0.25 + step / 1e6})
    assert notes(tmp_path) == ""
