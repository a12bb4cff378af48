"""The columns of scores.json in words."""

from __future__ import annotations

from dataclasses import dataclass

from e2lm_scoring.report.scales import score_text


@dataclass(frozen=True, slots=True)
class ScoreRow:
    key: str
    name: str
    value: str
    meaning: str


WORDS = {
    "score": ("Score", "The weighted sum of SQ, RC and CS; the leaderboard ranks it."),
    "sq": ("Signal quality, SQ", "Mean over the signal models of (monotonicity + autocorrelation) / 2."),
    "rc": ("Ranking consistency, RC", "How much of the early ranking still holds at the late checkpoints."),
    "rc_each": ("RC, each late checkpoint", "Ranking consistency where every late checkpoint votes."),
    "rc_final": ("RC, last checkpoint", "Ranking consistency where only the last checkpoint votes."),
    "cs": ("Domain alignment, CS", "Mean lead of the science mixture over web only, on a common scale."),
    "sq_published": ("SQ as published", "SQ with tied scores ranked in order of appearance, as the starting kit does."),
    "monotonicity": ("Monotonicity", "Rank correlation of score and tokens, never below 0; mean over models."),
    "autocorrelation": ("Autocorrelation", "Mean absolute correlation of a curve with itself some checkpoints later."),
    "robust_signal": ("Robust signal", "Like SQ, but a falling curve gets 0 and noise nearly 0."),
    "snr": ("Signal to noise", "Largest gap between models over the wobble of the last five early checkpoints."),
    "tau_1t": ("Kendall's tau at 1T", "Agreement of the early ranking of all models with the last one, from −1 to 1."),
    "decision_accuracy": ("Decision accuracy", "Share of model pairs whose early order is their order at the end."),
    "spearman": ("Mean Spearman", "Rank correlation of score and tokens, negative when the curve falls; 0.5 is good."),
    "ordering_consistency": ("Ordering consistency", "Agreement of the rankings of consecutive early checkpoints."),
    "non_randomness": ("Non-randomness", "Distance of the best last score from chance, in units of noise; 3 is good."),
    "improvement_z": ("Improvement", "Rise over the early window, in standard errors over items; median over models."),
    "items": ("Items", "Questions that were scored."),
    "minutes": ("Minutes", "What the models computed, summed over the checkpoints."),
    "eligible": ("Eligible", "Whether the submission takes part in the ranking."),
}


def score_rows(scores: dict[str, float]) -> list[ScoreRow]:
    """One row a column, in the order of scores.json; a column without words here shows its key."""
    rows = []
    for key, value in scores.items():
        name, meaning = WORDS.get(key, (key, ""))
        rows.append(ScoreRow(key, name, _value_text(key, value), meaning))
    return rows


def _value_text(key: str, value: float) -> str:
    if key == "eligible":
        return "yes" if value else "no"
    if key == "items":
        return f"{value:,.0f}"
    if key == "minutes":
        return f"{value:,.1f}"
    return score_text(float(value))
