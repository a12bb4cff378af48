"""A group's tasks are scored in one call of the engine, each as if it were alone."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
from transformers import PreTrainedTokenizerFast

from e2lm_ingestion.engines import LogLikelihoods
from e2lm_ingestion.engines.requests import Requests
from e2lm_ingestion.engines.transformers import TransformersEngine
from e2lm_ingestion.output_types.choices import ChoiceItemSet
from e2lm_ingestion.output_types.group import GroupItemSet
from e2lm_ingestion.output_types.item_sets import item_set_of
from e2lm_ingestion.submission.submission import open_submission
from tests.ingestion.submissions import MakeSubmission
from tests.llamas import make_llama


class CountingEngine(TransformersEngine):
    """Counts its calls."""

    calls = 0

    def loglikelihoods(self, requests: Requests) -> LogLikelihoods:
        """Score the requests."""
        self.calls += 1
        return super().loglikelihoods(requests)


@pytest.mark.slow
@pytest.mark.parametrize("metric", ["acc", "acc_mutual_info"])
def test_the_tasks_of_a_group_are_scored_in_one_call_as_they_are_alone(
    make_submission: MakeSubmission,
    tokenizer: PreTrainedTokenizerFast,
    tmp_path_factory: pytest.TempPathFactory,
    metric: str,
) -> None:
    with open_submission(make_submission({"metric_list": [{"metric": metric}]})) as submission:
        alone = item_set_of(submission)
    assert isinstance(alone, ChoiceItemSet)
    parts = tuple(dataclasses.replace(alone, items=alone.items[begin : begin + 40]) for begin in (0, 40, 60))
    group = GroupItemSet(parts, weight_by_size=True)
    engine = CountingEngine("float32")
    engine.load(make_llama(tmp_path_factory.mktemp("group") / "m/iter_1", 1))
    encoded = group.encode(tokenizer, 200)
    arrays = group.arrays(group.score(engine, encoded))
    assert engine.calls == 1
    expected = [part.arrays(part.score(engine, part.encode(tokenizer, 200))) for part in parts]
    for name, values in arrays.items():
        joined = np.concatenate([own[name] for own in expected])
        np.testing.assert_allclose(values, joined, rtol=1e-5, atol=1e-4, err_msg=name)
