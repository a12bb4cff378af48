"""Scores of all items together: the mean of the item scores is the score, as the reference packages compute it."""

from __future__ import annotations

import importlib

import numpy as np
import pytest

from e2lm_ingestion.metrics import corpus

TEXTS = ["the cat sat on the mat", "a dog", "", "one two three four five", "the end of it all"] * 4
RIGHT = ["the cat is on the mat", "the dog ran", "empty", "one two three four six", "the end of it all"] * 4


@pytest.mark.usefixtures("lm_eval")  # sacrebleu and scikit-learn come with it
@pytest.mark.parametrize("name", corpus.OF_TEXTS)
def test_the_mean_of_text_scores_is_sacrebleus(name: str) -> None:
    sacrebleu = importlib.import_module("sacrebleu")
    call = {"bleu": sacrebleu.corpus_bleu, "chrf": sacrebleu.corpus_chrf, "ter": sacrebleu.corpus_ter}
    expected = (
        sacrebleu.corpus_chrf(TEXTS, [RIGHT], word_order=2) if name == "chrf++" else call[name](TEXTS, [RIGHT])
    ).score
    scores = corpus.text_scores(name, TEXTS, RIGHT)
    assert scores.mean() == pytest.approx(expected, rel=1e-9)
    assert scores.shape == (20,)
    assert (scores[4] > scores[1]) == (name != "ter")


@pytest.mark.usefixtures("lm_eval")
@pytest.mark.parametrize("name", list(corpus.OF_LABELS))
def test_the_mean_of_label_scores_is_scikit_learns(name: str) -> None:
    metrics = importlib.import_module("sklearn.metrics")
    random = np.random.default_rng(0)
    gold = random.integers(0, 4, 200)
    predicted = np.where(random.random(200) < 0.6, gold, random.integers(0, 4, 200))
    expected = {
        "mcc": metrics.matthews_corrcoef(gold, predicted),
        "macro_f1": metrics.f1_score(gold, predicted, average="macro"),
        "weighted_f1": metrics.f1_score(gold, predicted, average="weighted"),
    }
    scores = corpus.label_scores(name, gold, predicted)
    assert scores.mean() == pytest.approx(expected[name], rel=1e-12)
    assert scores[gold == predicted].mean() > scores[gold != predicted].mean()


def test_one_class_alone_has_no_correlation() -> None:
    same = np.zeros(5, dtype=np.int64)
    assert corpus.label_scores("mcc", same, same).tolist() == [0.0] * 5
    assert corpus.label_scores("weighted_f1", same, same).mean() == 1.0
    assert corpus.label_scores("macro_f1", same + 1, same + 1).mean() == 1.0
