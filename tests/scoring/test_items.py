"""Items: kinds, exact influence on SQ, pruning that shows its own overfitting, and the parquet file."""

from __future__ import annotations

import io

import numpy as np
import pyarrow.parquet as pq
import pytest

from e2lm_scoring.formulas.improvement_gate import improvement_z
from e2lm_scoring.formulas.signal_quality import signal_qualities, signal_quality
from e2lm_scoring.items import influences, item_table, items_parquet, prune, subset_rows, subsets_parquet

RISING, FALLING = [0.0] * 6 + [1.0] * 8, [1.0] * 6 + [0.0] * 8
WANDERING, NEVER, ALWAYS = [0.0, 1.0] * 7, [0.0] * 14, [1.0] * 14


def scores(*items: list[float], models: int = 3) -> np.ndarray:
    """The same items for every model: (models, checkpoints, items)."""
    return np.stack([np.asarray(items).T] * models)


def test_items_are_sorted_into_kinds() -> None:
    table = item_table(scores(RISING, FALLING, WANDERING, NEVER, ALWAYS))
    assert table.kind.tolist() == ["rising", "falling", "unclear", "floor", "ceiling"]
    assert table.rise.tolist() == pytest.approx([1.0, -1.0, 1 / 3, 0.0, 0.0])
    assert table.trend[0] == -table.trend[1] > 0.8


def test_items_that_never_move_of_a_task_that_never_moves_are_constant() -> None:
    assert set(item_table(scores(ALWAYS, ALWAYS)).kind) == {"constant"}
    assert item_table(scores([0.5] * 14, RISING)).kind.tolist() == ["constant", "rising"]


def test_lower_is_better_arrives_turned_around_and_keeps_its_kinds() -> None:
    loss = scores([-3.0 + 0.1 * step for step in range(14)], [-3.0] * 14, [-1.0] * 14)
    assert item_table(loss).kind.tolist() == ["rising", "floor", "ceiling"]


def test_one_model_and_one_item_are_enough() -> None:
    table = item_table(scores(RISING, models=1))
    assert table.influence.tolist() == [0.0]
    assert table.kind.tolist() == ["rising"]


def test_influence_is_the_change_of_sq_without_the_item() -> None:
    answers = (np.random.default_rng(0).random((2, 14, 9)) < 0.5).astype(float)
    whole = np.mean([signal_quality(model.mean(axis=1)).sq for model in answers])
    for item, influence in enumerate(influences(answers)):
        without = np.delete(answers, item, axis=2).sum(axis=2) / 8
        assert influence == pytest.approx(whole - np.mean([signal_quality(curve).sq for curve in without]), abs=1e-12)


def test_choosing_among_noise_gains_where_it_was_done_and_not_on_held_out_models() -> None:
    gains = []
    for seed in range(30):
        rng = np.random.default_rng(seed)
        noise = {name: (rng.random((14, 200)) < 0.25).astype(np.float32) for name in ("a", "b", "c", "d")}
        found = prune(noise, ("a", "b"))
        assert (found.dropped, found.chosen_on, found.held_out) == (20, ("a", "b"), ("c", "d"))
        gains.append((found.chosen_after - found.chosen_before, found.held_out_after - found.held_out_before))
    seen, unseen = np.mean(gains, axis=0)
    assert seen > 0.15
    assert abs(unseen) < 0.06


def test_without_other_models_every_second_signal_model_is_held_out() -> None:
    answers = scores(RISING, WANDERING)
    assert prune(dict(zip("abc", answers, strict=True)), "abc").held_out == ("b",)
    assert prune({"a": answers[0]}, "a").held_out == ()


def test_a_subset_is_judged_by_its_own_curves_and_by_what_is_left_without_it() -> None:
    answers = scores(RISING, RISING, FALLING)
    good, bad = subset_rows(answers, {"good": 2, "bad": 1}, np.ones(3))
    assert (good.name, good.items) == ("good", 2)
    assert good.weight == pytest.approx(2 / 3)
    assert good.sq == pytest.approx(np.mean(signal_qualities(answers[:, :, :2].mean(axis=2))))
    assert bad.sq == pytest.approx(np.mean(signal_qualities(answers[:, :, 2])))
    whole = np.mean(signal_qualities(answers.mean(axis=2)))
    assert bad.influence == pytest.approx(whole - good.sq)
    assert bad.rise == pytest.approx(-good.rise)
    alike = subset_rows(answers * [0.75, 0.75, 1.5], {"good": 2, "bad": 1}, np.asarray([0.75, 0.75, 1.5]))
    assert [row.weight for row in alike] == [0.5, 0.5]
    assert [row.rise for row in alike] == pytest.approx([good.rise, bad.rise])
    table = pq.read_table(io.BytesIO(subsets_parquet(alike)))
    assert table.column("name").to_pylist() == ["good", "bad"]
    assert table.column("weight").to_pylist() == [0.5, 0.5]
    assert table.column("contrast_z").to_pylist() == [None, None]


def test_a_subset_of_ten_items_has_a_contrast_of_its_own() -> None:
    answers = scores(*[RISING] * 9, *[FALLING] * 3)
    contrasts = answers * np.linspace(0.5, 1.5, 12)
    good, few = subset_rows(answers, {"good": 10, "few": 2}, np.ones(12), contrasts=contrasts)
    assert good.contrast_z == pytest.approx(improvement_z(contrasts[:, :, :10].mean(axis=0)))
    assert few.contrast_z is None
    (shared, _) = subset_rows(
        answers, {"good": 10, "few": 2}, np.ones(12), contrasts=contrasts, clusters=np.arange(12) // 5
    )
    assert shared.contrast_z != good.contrast_z


def test_weights_move_the_effect_of_an_item_and_not_its_mean() -> None:
    answers, weights = scores(RISING, FALLING, NEVER), np.asarray([0.5, 1.25, 1.25])
    plain, weighted = item_table(answers), item_table(answers * weights, (), weights)
    np.testing.assert_allclose(weighted.mean, plain.mean)
    assert weighted.kind.tolist() == plain.kind.tolist()
    assert abs(weighted.influence[0] - plain.influence[0]) > 1e-3


def test_the_parquet_file_has_one_numbered_row_an_item() -> None:
    answers = scores(RISING, FALLING, NEVER)
    table = pq.read_table(io.BytesIO(items_parquet(item_table(answers, ["x", "x", "y"]))))
    assert table.column("item").to_pylist() == [0, 1, 2]
    assert table.column("subset").to_pylist() == ["x", "x", "y"]
    assert table.column("kind").to_pylist() == ["rising", "falling", "floor"]
    assert "subset" not in pq.read_table(io.BytesIO(items_parquet(item_table(answers)))).column_names
