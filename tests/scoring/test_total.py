"""The total: a part of weight 0 needs no models, every other part does."""

from __future__ import annotations

import numpy as np
import pytest

from e2lm_scoring.columns import columns_of
from e2lm_scoring.total import total_and_components
from tests.contract.simulated import CONFIGURATION


@pytest.mark.parametrize(
    ("weights", "missing", "expected"),
    [
        ((0.7, 0.3, 0), ("alignment",), {"score", "sq", "rc"}),
        ((0.6, 0, 0.4), ("late", "ranking_groups"), {"score", "sq", "cs"}),
        ((1, 0, 0), ("late", "ranking_groups", "alignment"), {"score", "sq"}),
        ((0.7, 0.3, 0), (), {"score", "sq", "rc", "cs"}),
        ((0.6, 0, 0.4), ("alignment",), {"sq", "rc"}),
    ],
)
def test_the_total_needs_the_parts_whose_weight_is_above_0(
    weights: tuple[float, float, float], missing: tuple[str, ...], expected: set[str]
) -> None:
    content = CONFIGURATION.model_dump(exclude=set(missing))
    keys = ("signal_quality", "ranking_consistency", "domain_alignment")
    configuration = type(CONFIGURATION).model_validate(content | {"weights": dict(zip(keys, weights, strict=True))})
    rng = np.random.default_rng(0)
    curves = {key: np.asarray(rng.random()) for key in configuration.needed}
    found = total_and_components(curves, configuration)
    assert set(found) == expected
    assert expected == {"score", "sq", "rc", "cs"} & {column.key for column in columns_of(configuration)}
    if "score" in found:
        parts = zip(("sq", "rc", "cs"), weights, strict=True)
        assert found["score"] == pytest.approx(sum(weight * found.get(key, 0) for key, weight in parts))
