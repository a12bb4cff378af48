"""What known tasks score on a suite, to compare one's own with; docs/baselines.md says where they come from."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Reference:
    """One known task; None for a score that is not known."""

    task: str
    what: str
    score: float | None
    sq: float


_COMPETITION = (
    Reference("hellaswag", "commonsense endings, published", None, 0.992),
    Reference("mmlu", "57 subjects in cloze form, 5-shot, published", 0.717, 0.959),
    Reference("arc_challenge", "grade-school science, hard, published", None, 0.806),
    Reference("gsm8k", "word problems of arithmetic, published: too hard for small models", None, 0.734),
)
REFERENCES: dict[str, tuple[Reference, ...]] = {
    "miniature": (
        Reference("science-cloze", "the answer's text is scored: a good task", 0.584, 0.873),
        Reference("web-trivia", "web facts: rises, but science does not help", 0.476, 0.835),
        Reference(
            "science-letters", "the same questions with letters: too hard to read for small models", 0.235, 0.320
        ),
        Reference("noise", "labels at random: not eligible", 0.143, 0.152),
    ),
    "e2lm-2025": _COMPETITION,
    "e2lm-2025-full": _COMPETITION,
}
