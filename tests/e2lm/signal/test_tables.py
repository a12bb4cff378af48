"""CSV and parquet files and data frames, long and wide, and W&B's exports."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import pytest

from e2lm.signal import load_curves, signal_table
from e2lm_ingestion.errors import OrganizerError

SCORES = (0.25, 0.26, 0.25, 0.27, 0.3, 0.29, 0.33, 0.36)
LONG = pd.DataFrame(
    {
        "model": "tiny",
        "step": range(1000, 9000, 1000),
        "benchmark": "arc",
        "metric": "acc",
        "score": SCORES,
        "stderr": 0.01,
        "items": 400,
    }
)
WIDE = pd.DataFrame({"step": range(1000, 9000, 1000), "arc/acc": SCORES, "arc/acc_stderr": 0.01, "eval/loss": SCORES})


def sq_of(*sources: Path | pd.DataFrame) -> dict[tuple[str, str, str], float]:
    table = signal_table(load_curves(*sources))
    rows = zip(table["model"], table["benchmark"], table["metric"], table["sq"], strict=True)
    return {(model, benchmark, metric): sq for model, benchmark, metric, sq in rows}


def test_long_and_wide_form_say_the_same(tmp_path: Path) -> None:
    LONG.to_csv(tmp_path / "long.csv", index=False)
    LONG.to_parquet(tmp_path / "long.parquet")
    WIDE.to_csv(tmp_path / "tiny.csv", index=False)
    expected = sq_of(LONG)
    assert expected.keys() == {("tiny", "arc", "acc")}
    assert sq_of(tmp_path / "long.csv") == sq_of(tmp_path / "long.parquet") == expected
    wide = sq_of(tmp_path / "tiny.csv")
    assert wide[("tiny", "arc", "acc")] == expected[("tiny", "arc", "acc")]
    assert wide[("tiny", "eval", "loss")] < 0.6  # a rising loss is a falling curve
    assert load_curves(tmp_path / "tiny.csv")["stderr"].dropna().unique().tolist() == [0.01]


def test_a_raw_frame_goes_into_the_table_and_a_metric_of_ones_own_comes_out() -> None:
    table = signal_table(LONG, measures={"gain": lambda scores: scores[-1] - scores[0]})
    assert table["gain"].tolist() == [pytest.approx(0.11)]


def test_tokens_stand_for_steps() -> None:
    frame = LONG.drop(columns="step").assign(tokens=[f"{number}B" for number in range(10, 90, 10)])
    curves = load_curves(frame)
    assert curves["tokens"].tolist() == [1e10 * number for number in range(1, 9)]
    assert signal_table(curves)["checkpoints"].tolist() == [8]


def test_exports_of_wandb_charts_are_read(tmp_path: Path) -> None:
    frame = pd.DataFrame({"Step": range(0, 800, 100)})
    for run, shift in (("fast-run-1", 0.1), ("slow-run-2", 0.0)):
        for suffix in ("", "__MIN", "__MAX"):
            frame[f"{run} - eval/arc{suffix}"] = [score + shift for score in SCORES]
            frame[f"{run} - _step{suffix}"] = range(0, 800, 100)
    frame.loc[3, [name for name in frame if str(name).startswith("slow-run-2")]] = None
    frame.to_csv(tmp_path / "wandb_export_2025.csv", index=False)
    curves = load_curves(tmp_path / "wandb_export_2025.csv")
    assert curves.groupby("model")["score"].size().to_dict() == {"fast-run-1": 8, "slow-run-2": 7}
    assert set(curves["benchmark"]) == {"eval"}
    assert curves.attrs["notes"] == ["slow-run-2: missing at step 300 (eval)"]


def test_the_history_of_a_wandb_run_is_read(tmp_path: Path) -> None:
    frame = WIDE.rename(columns={"step": "_step"}).assign(_runtime=1.0, _timestamp=2.0, comment="warm-up")
    frame.to_csv(tmp_path / "history.csv")  # with pandas' index
    curves = load_curves(tmp_path / "history.csv")
    assert set(curves["benchmark"]) == {"arc", "eval"}
    assert "columns without numbers are left out: comment" in curves.attrs["notes"][0]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("step;arc\n1000;0,25\n", "columns are separated by semicolons; save it with commas"),
        ("step\tarc\n1000\t0.25\n", "columns are separated by tabs"),
        ('step,arc\n1000,"0,25"\n', "'0,25' has a comma; write numbers with a decimal point"),
        ('step,benchmark,score\n1000,arc,"0,25"\n', "line 2: score: '0,25' has a comma"),
        ("step,arc\n1000,0.25\n2000,nan\n", "line 3: arc is nan, not a finite number"),
        ("step,benchmark,score\n1000,arc,NaN\n", "line 2: score is NaN, not a finite number"),
        ("step,benchmark,score\n1000,arc,\n", "line 2: score is empty"),
        ("step,benchmark,score\nlate,arc,0.3\n", "line 2: step: 'late' is not a number"),
        ("step,arc\n-5,0.3\n", "line 2: '-5' is not a step; steps are whole numbers from 0"),
        ("step,arc\n1e30,0.3\n", "line 2: '1e30' is not a step"),
        ("step,benchmark,score\n1,,0.3\n", "line 2: benchmark is empty"),
        ("epoch,arc\n1,0.3\n", "no column is named step or tokens (there are: epoch, arc)"),
        ("step,comment\n1,good\n", "no column holds scores (there are: step, comment, with cells such as 'good')"),
        ("step,arc\n1000,0.3\n2000,good\n", "line 3: arc: 'good' is not a number"),
        ("", "empty; it needs a line of column names"),
        ("step,arc\n1000,0.3,5,6\n2000,0.3\n", "line 2: 4 cells, but 2 columns are named"),
        ('step,arc\n1000,0.3\n\n2000,"0.3', "line 4: not CSV: unexpected end of data"),
        ("step,arc\n", "empty; it needs a line of column names and a line for each checkpoint"),
        ("step,arc\n1000,26%\n", "with cells such as '26%'"),
        ('step,arc\n"1,000",0.3\n', "line 2: step: '1,000' has a comma"),
        ("step,benchmark,score\n1,arc,0.3\n1,arc,0.4\n", "has two scores at step 1, 0.3 and 0.4; keep one"),
        ("step,benchmark,score,items\n1,arc,0.3,-5\n", "line 2: items are -5"),
        ("step,benchmark,score,stderr\n1,arc,0.3,-0.1\n", "line 2: stderr is -0.1"),
    ],
)
def test_a_table_that_cannot_be_read_is_refused_in_one_line(tmp_path: Path, content: str, message: str) -> None:
    path = tmp_path / "scores.csv"
    path.write_text(content)
    with pytest.raises(OrganizerError) as caught:
        load_curves(path)
    assert str(caught.value).startswith(str(path))
    assert message in str(caught.value)
    assert "\n" not in str(caught.value)


def test_binary_content_under_a_table_s_name_is_refused(tmp_path: Path) -> None:
    for name in ("scores.csv", "scores.parquet"):
        (tmp_path / name).write_bytes(b"\xff\xfe\x00step\x9c,\x00")
        with pytest.raises(OrganizerError, match=r"not UTF-8|not a parquet file|no column"):
            load_curves(tmp_path / name)


def test_a_step_that_is_missing_in_parquet_is_named(tmp_path: Path) -> None:
    steps = pd.array([*range(7), None], dtype="Int64")
    pd.DataFrame({"step": steps, "arc": 0.25}).to_parquet(tmp_path / "scores.parquet")
    with pytest.raises(OrganizerError, match="line 8: the step is empty"):
        load_curves(tmp_path / "scores.parquet")
