"""Score reports as the scoring program makes them, in the shape of the 2025 suite and with made-up scores."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from e2lm_scoring.score_report import (
    Alignment,
    Curve,
    GroupRanking,
    Interval,
    ItemTable,
    ModelSignal,
    Pruning,
    ScoreReport,
    SubsetRow,
)

SIZES = ("0.5B", "1B", "3B")
EARLY_ITERATIONS = np.arange(4000, 57000, 4000)
LATE_ITERATIONS = np.arange(60000, 245000, 4000)
WEB = "dense-500m-web"


def grid() -> tuple[np.ndarray, np.ndarray]:
    """Tokens in GT, (checkpoints,), and whether each is early."""
    iterations = np.concatenate([EARLY_ITERATIONS, LATE_ITERATIONS])
    tokens = np.where(iterations <= 8000, 4.2 + (iterations - 4000) * 0.0015, 10.1 + (iterations - 8000) * 0.004194)
    return tokens, iterations <= 56000


def good(reveal: str = "organizer") -> ScoreReport:
    """Steady curves above chance, science ahead of web only."""
    return _score_report("science-cloze", rise=0.34, noise=0.006, reveal=reveal)


def noisy(reveal: str = "organizer") -> ScoreReport:
    """Curves that wander around chance and change order all the time."""
    return _score_report("trivia-guess", rise=0.006, noise=0.02, reveal=reveal, sq=0.2213, rc=0.4823, cs=0.0312)


def ineligible(reveal: str = "participant") -> ScoreReport:
    score_report = _score_report("tiny-drift", rise=0.0, noise=0.0, reveal=reveal, sq=1.0, rc=0.5, cs=0.0)
    reasons = (
        "The early curves rise by 0.4 standard errors; the competition asks for 3.",
        "The task has 40 items; the competition asks for 100.",
    )
    return replace(score_report, eligible=False, reasons=reasons, scores={**score_report.scores, "eligible": 0.0})


def _score_report(
    task: str, *, rise: float, noise: float, reveal: str, sq: float = 0.9641, rc: float = 0.8936, cs: float = 0.3127
) -> ScoreReport:
    rng = np.random.default_rng(7)
    tokens, early = grid()
    progress = np.log(tokens / tokens[0]) / np.log(tokens[-1] / tokens[0])
    curves = []
    for index, size in enumerate(SIZES):
        for architecture, edge in (("arch1", 0.016), ("arch2", 0.0)):
            level = 0.26 + rise * (0.6 + 0.25 * index + edge * 8) * progress**1.4 + edge * rise
            scores = level + noise * rng.standard_normal(len(tokens))
            name = f"dense-{size.lower().replace('0.5b', '500m')}-{architecture}"
            curves.append(_curve(name, size, architecture, "science", tokens, scores, early))
    web = 0.26 + 0.3 * rise * progress**1.4 + noise * rng.standard_normal(len(tokens))
    curves.append(_curve(WEB, "0.5B", "arch1", "web", tokens[early], web[early], early[early]))
    return ScoreReport(
        task=task,
        suite="e2lm-2025",
        metric="acc",
        items=1200,
        chance=0.25,
        scores=_scores(sq, rc, cs),
        weights={"signal_quality": 0.5, "ranking_consistency": 0.1, "domain_alignment": 0.4},
        eligible=True,
        reasons=(),
        curves=tuple(curves),
        signal=tuple(_signal(curve, sq) for curve in curves[:6:2]),
        ranking=tuple(_ranking(curves[index], curves[index + 1]) for index in (0, 2, 4)),
        alignment=_alignment(curves[0], curves[6], cs),
        reveal=reveal,
        provenance={
            "engine": "transformers 5.16.1",
            "dtype": "float32",
            "submission sha256": "5d41402abc4b2a76b9719d911017c5925d41402abc4b2a76b9719d911017c592",
            "suite version": "1",
        },
        intervals={
            key: Interval(max(0.0, value - 0.0312), min(1.0, value + 0.0212), 0.0131)
            for key, value in (("score", 0.5 * sq + 0.1 * rc + 0.4 * cs), ("sq", sq), ("rc", rc), ("cs", cs))
        },
        table=item_table_of(1200),
        pruning=Pruning(120, ("dense-1b-arch1",), sq, 0.9912, ("dense-1b-arch2",), 0.9511, 0.9498),
    )


def _curve(
    name: str, size: str, architecture: str, mixture: str, tokens: np.ndarray, scores: np.ndarray, early: np.ndarray
) -> Curve:
    wrong = (1 - scores) / 3  # of accuracy with four choices
    return Curve(name, size, architecture, mixture, tokens, scores, early, scores - 0.013, scores + 0.012, wrong)


def item_table_of(items: int, subsets: tuple[str, ...] = ("",)) -> ItemTable:
    """Made-up items, one kind after the other; the item with the lowest trend is the last but three."""
    kinds = np.resize(["rising", "unclear", "floor", "falling", "ceiling", "rising"], items)
    trend = np.select([kinds == "rising", kinds == "falling"], [0.6, -0.5], 0.0) - np.arange(items) / (10 * items)
    return ItemTable(
        subset=np.sort(np.resize(np.asarray(subsets), items)),
        mean=np.linspace(0, 1, items),
        rise=trend / 2,
        trend=trend,
        influence=trend / 1e5,
        kind=kinds,
    )


def subset_rows_of(table: ItemTable) -> tuple[SubsetRow, ...]:
    """Made-up rows for the subsets of a table."""
    names = list(dict.fromkeys(table.subset.tolist()))
    share = 1 / len(names)
    return tuple(
        SubsetRow(
            name, int(np.sum(table.subset == name)), share, 0.4, 0.1 * number, 0.9 - 0.3 * number, 0.02 - 0.03 * number
        )
        for number, name in enumerate(names)
    )


def _scores(sq: float, rc: float, cs: float) -> dict[str, float]:
    return {
        "score": 0.5 * sq + 0.1 * rc + 0.4 * cs,
        "sq": sq,
        "rc": rc,
        "cs": cs,
        "monotonicity": sq,
        "autocorrelation": sq,
        "snr": 7.3125,
        "tau_last": 0.8667,
        "items": 1200.0,
        "improvement_z": 11.8134,
        "contrast_z": 11.8134,
        "label_share": 1.0,
        "eligible": 1.0,
    }


def _signal(curve: Curve, sq: float) -> ModelSignal:
    scores = curve.scores[curve.early]
    ranks = np.argsort(np.argsort(scores, kind="stable"), kind="stable")
    monotonicity = max(0.0, float(np.corrcoef(np.arange(len(ranks)), ranks)[0, 1]))
    return ModelSignal(curve.model, monotonicity, min(1.0, 0.6 + 0.4 * monotonicity), sq, 11.8134, 11.8134)


def _ranking(first: Curve, second: Curve) -> GroupRanking:
    late = ~first.early
    means = np.array([first.scores[first.early].mean(), second.scores[second.early].mean()])
    tau = np.sign(means[0] - means[1]) * np.sign(first.scores[late] - second.scores[late])
    agreement = (tau + 1) / 2
    return GroupRanking((first.model, second.model), means, first.tokens[late], agreement, float(agreement.mean()))


def _alignment(science: Curve, web: Curve, cs: float) -> Alignment:
    early = science.early
    both = np.concatenate([science.scores[early], web.scores])
    span = float(both.max() - both.min()) or 1.0
    science_normalized = (science.scores[early] - both.min()) / span
    web_normalized = (web.scores - both.min()) / span
    return Alignment(science.model, web.model, science.tokens[early], science_normalized, web_normalized, cs)
