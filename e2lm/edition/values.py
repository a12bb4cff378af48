"""The values of templates, from the edition, its suite and its scoring."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from e2lm.edition.schema import USUAL_COLUMNS, Edition, day_text
from e2lm_ingestion.forecast.hardware import machine
from e2lm_ingestion.output_types.items import MAX_ITEMS, MIN_ITEMS
from e2lm_ingestion.suite import Model, Suite
from e2lm_scoring.columns import BY_KEY, COMPONENTS, Column, columns_of
from e2lm_scoring.inputs.configuration import Configuration

HUB = "https://huggingface.co/"


@dataclass(frozen=True, slots=True)
class Scored:
    """An edition with the suite on which its uploads are scored, and the part of it that participants can run."""

    edition: Edition
    suite: Suite
    scoring: Configuration
    released: Suite | None = None


@dataclass(frozen=True, slots=True)
class Part:
    """A component of the total."""

    key: str  # sq, rc or cs
    title: str
    symbol: str
    weight: str
    question: str


@dataclass(frozen=True, slots=True)
class ShownModel:
    """A model as pages show it."""

    id: str
    size: str
    architecture: str
    mixture: str
    link: str  # Markdown
    is_released: bool


def parts_of(scoring: Configuration) -> tuple[Part, ...]:
    """The components whose weight is above 0, as the total adds them up."""
    weights = scoring.weights.model_dump()
    return tuple(
        Part(column.key, column.title, column.symbol, f"{weights[column.weight]:g}", column.question)
        for column in (BY_KEY[key] for key in COMPONENTS)
        if weights[column.weight] > 0
    )


def formula(scoring: Configuration) -> str:
    """The total in symbols, such as `0.5 SQ + 0.1 RC + 0.4 CS`."""
    return " + ".join(f"{part.weight} {part.symbol}" for part in parts_of(scoring))


def shown_columns(edition: Edition, scoring: Configuration) -> tuple[list[Column], list[Column]]:
    """The columns of the leaderboard, and those of the edition that its suite cannot fill."""
    wanted = [BY_KEY[key] for key in edition.columns or USUAL_COLUMNS]
    filled = columns_of(scoring)
    return [column for column in wanted if column in filled], [column for column in wanted if column not in filled]


def tokens_text(tokens: float) -> str:
    """A number of tokens in words, with three digits at most.

    >>> tokens_text(205.99e9), tokens_text(4.19e9), tokens_text(0.995e12), tokens_text(2.1e12), tokens_text(5.2e6)
    ('206 billion', '4.19 billion', '995 billion', '2.1 trillion', '5.2 million')
    """
    for unit, name in ((1e12, "trillion"), (1e9, "billion"), (1e6, "million")):
        if tokens >= unit:
            return f"{tokens / unit:.3g} {name}"
    return f"{tokens:,.0f}"


def values(scored: Scored) -> dict[str, Any]:
    """Every name that a template may use."""
    edition, suite, scoring = scored.edition, scored.suite, scored.scoring
    return {
        **_of_edition(edition),
        **_of_suite(scored),
        **_of_scoring(scoring),
        "columns": shown_columns(edition, scoring)[0],
        "last_tokens": tokens_text(_tokens(suite, (*scoring.early.iterations, *scoring.late_iterations)[-1])),
        "min_items": f"{MIN_ITEMS:,}",
        "max_items": f"{MAX_ITEMS:,}",
    }


def _of_edition(edition: Edition) -> dict[str, Any]:
    dates, prizes, spans = edition.dates, edition.prizes, edition.spans
    migrating = [span for span in spans if span.migrate]
    return {
        "edition": edition,
        "title": edition.title,
        "short_name": edition.short_name,
        "full_title": edition.full_title,
        "motto": edition.motto,
        "year": edition.year,
        "conference": edition.conference,
        "hosts": _listed(edition.hosts),
        "organizers": "; ".join(f"{_listed(names)} ({home})" for home, names in edition.organizers.items()),
        "links": edition.links,
        "models_text": edition.models.strip(),
        "evaluation_note": edition.evaluation_note.strip(),
        "image": edition.image,
        "queue": edition.queue,
        "phases": spans,
        "first_phase": spans[0],
        "last_phase": spans[-1],
        "migrating": migrating,
        "results_day": day_text(dates.results),
        "fact_sheets_day": day_text(dates.fact_sheets) if dates.fact_sheets else "",
        "workshop": dates.workshop_text,
        "submissions_a_day": _range([span.submissions_a_day for span in spans]),
        "step_hours": _range([span.step_hours for span in spans]),
        "sweep_minutes": edition.sweep_minutes,
        "worker": machine(edition.worker.gpu, edition.worker.gpus).label,
        "currency": prizes.currency,
        "prize_total": f"{prizes.total:,} {prizes.currency}" if prizes.total else "",
        "prizes": _prize_rows(edition),
        "student_prizes": len(prizes.students),
    }


def _prize_rows(edition: Edition) -> list[tuple[str, str]]:
    prizes = edition.prizes
    rows = [(f"{rank}", amount) for rank, amount in enumerate(prizes.teams, 1)]
    rows += [(f"student award {rank}", amount) for rank, amount in enumerate(prizes.students, 1)]
    return [(name, f"{amount:,} {prizes.currency}") for name, amount in rows]


def _of_suite(scored: Scored) -> dict[str, Any]:
    suite, scoring = scored.suite, scored.scoring
    held = {scoring.alignment.web} if scoring.alignment is not None else set()
    public = {model.id for model in scored.released.models} if scored.released else set()
    models = [_shown(model, is_released=model.id in public) for model in suite.models if model.id not in held]
    early, late = scoring.early.iterations, scoring.late_iterations
    step = early[1] - early[0] if len(early) > 1 else early[0]
    return {
        "suite": suite.suite,
        "released_suite": scored.released.suite if scored.released else "",
        "released_checkpoints": sum(len(model.iterations) for model in scored.released.models)
        if scored.released
        else 0,
        "released_gigabytes": _gigabytes(scored.released),
        "released_tokens": _released_tokens(scored.released),
        "models": models,
        "sizes": _listed([size.removesuffix("B") for size in dict.fromkeys(model.size for model in models)]),
        "model_count": _number(len(models)),
        "sequence_length": f"{suite.tokens.sequence_length:,}",
        "context_length": f"{suite.context_length:,}",
        "early_count": len(early),
        "early_step": f"{step:,}",
        "early_first": tokens_text(_tokens(suite, early[0])),
        "early_tokens": tokens_text(_tokens(suite, early[-1])),
        "late_count": len(late),
        "late_first": tokens_text(_tokens(suite, late[0])) if late else "",
        "late_tokens": tokens_text(_tokens(suite, late[-1])) if late else "",
        "examples": [(f"{one:,}", tokens_text(_tokens(suite, one))) for one in _samples(early)],
    }


def _of_scoring(scoring: Configuration) -> dict[str, Any]:
    weights = scoring.weights
    return {
        "scoring": scoring,
        "parts": parts_of(scoring),
        "formula": formula(scoring),
        "has_ranking": scoring.late is not None and weights.ranking_consistency > 0,
        "has_alignment": scoring.alignment is not None and weights.domain_alignment > 0,
        "signal_models": _listed(scoring.signal_models),
        "groups": [_listed(group) for group in scoring.ranking_groups],
        "science_model": scoring.alignment.science if scoring.alignment else "",
        "min_improvement_z": f"{scoring.min_improvement_z:g}",
        "min_effective_items": f"{scoring.min_effective_items:g}",
        "min_label_share": f"{scoring.min_label_share:.0%}".replace("%", " %"),
        "min_accept_rate": f"{scoring.min_accept_rate:.0%}".replace("%", " %"),
    }


def _tokens(suite: Suite, iteration: int) -> int:
    return suite.tokens.tokens_at(iteration)


def _released_tokens(released: Suite | None) -> str:
    if released is None:
        return ""
    return tokens_text(max(_tokens(released, model.iterations[-1]) for model in released.models))


def _gigabytes(released: Suite | None) -> str:
    """The size of the released weights in bfloat16, to two digits; "" where a size is not a number of billions."""
    models = released.models if released is not None else ()
    try:
        sizes = [float(model.size.removesuffix("B")) * 2 * len(model.iterations) for model in models]
    except ValueError:
        return ""
    return f"{float(f'{sum(sizes):.2g}'):,.0f}"


def _shown(model: Model, *, is_released: bool) -> ShownModel:
    link = f"[{model.source}]({HUB}{model.source})" if is_released and model.source.count("/") == 1 else model.id
    return ShownModel(model.id, model.size, model.architecture, model.mixture, link, is_released)


def _samples(iterations: Sequence[int]) -> list[int]:
    chosen = {0, 1, len(iterations) // 2, len(iterations) - 1}
    return [iterations[index] for index in sorted(chosen) if index < len(iterations)]


def _listed(names: Sequence[str]) -> str:
    """Names as text.

    >>> _listed(["a"]), _listed(["a", "b", "c"])
    ('a', 'a, b and c')
    """
    return ", ".join(names[:-1]) + " and " + names[-1] if len(names) > 1 else "".join(names)


def _number(count: int) -> str:
    words = ["no", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten", "eleven", "twelve"]
    return words[count] if count < len(words) else f"{count}"


def _range(numbers: Sequence[int]) -> str:
    low, high = min(numbers), max(numbers)
    return f"{low}" if low == high else f"{low} to {high}"
