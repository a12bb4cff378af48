"""Finds what the texts of a bundle state otherwise than the edition, and what an earlier edition left in them."""

from __future__ import annotations

import io
import re
import zipfile
from collections.abc import Collection, Iterator, Mapping

from e2lm.edition.schema import Edition, day_text
from e2lm.edition.values import HUB, Scored, parts_of
from e2lm_ingestion.errors import OrganizerError
from e2lm_ingestion.output_types.items import MAX_ITEMS, MIN_ITEMS
from e2lm_scoring.columns import BY_KEY, COMPONENTS

MONTHS = "January|February|March|April|May|June|July|August|September|October|November|December"
CURRENCIES = "USD|EUR|GBP|CHF|JPY|CNY|AED|CAD|AUD|SEK|INR|KRW"
TEXTS = (".md", ".yaml", ".yml", ".txt", ".json", ".ipynb", ".html", ".jinja", ".css", ".js", ".svg", ".jsonl", ".csv")
SHORTEST = 5  # characters of a name that is looked for: shorter ones are words by chance


def check_statements(
    entries: Mapping[str, bytes], scored: Scored, others: Edition | None = None, models: Collection[str] = ()
) -> None:
    """Raise OrganizerError, with the file and the line, for a figure or name that is not the edition's.

    Pages are compared with the edition wherever a figure's meaning is known: years, dates, amounts, weights,
    submissions a day, hours of a step, numbers of items, models on the Hub, phases. `others` is an edition whose names,
    addresses and year must be nowhere in the bundle, except in program code; `models` are its models' repositories.
    """
    foreign = set(models) - {model.source for model in scored.suite.models}
    for name, text in _texts(entries):
        for number, line in enumerate(text.splitlines(), 1):
            problems = [*_leftovers(line, scored.edition, others, foreign)] if others is not None else []
            if name.endswith(".md") and "/" not in name.removeprefix("pages/"):
                problems += _wrong(line, scored)
            if problems:
                raise OrganizerError(f"{name}: line {number}: {problems[0]}")
    _check_phases(entries, scored.edition)


def _texts(entries: Mapping[str, bytes], within: str = "") -> Iterator[tuple[str, str]]:
    """Every text of the bundle, also within the kit and its wheel, without program code."""
    for name, content in entries.items():
        if name.endswith((".zip", ".whl")):
            with zipfile.ZipFile(io.BytesIO(content)) as archive:
                inner = {one: archive.read(one) for one in archive.namelist()}
            yield from _texts(inner, f"{within}{name}/")
        elif name.endswith((*TEXTS, "METADATA")):
            yield f"{within}{name}", content.decode("utf-8", errors="replace")


def _leftovers(line: str, edition: Edition, others: Edition, models: set[str]) -> Iterator[str]:
    """What another edition has and this one has not: names, addresses, its suites and models, its year."""
    own = _names(edition)
    for found in sorted((_names(others) | models) - own):
        if len(found) >= SHORTEST and found.lower() in line.lower():
            yield f"{found!r} is of the edition {others.short_name} {others.year}; remove it"
    years = {edition.year, *edition.other_years}
    if others.year not in years and re.search(rf"(?<![\d.]){others.year}(?![\d.]\d|\d)", line):
        yield f"{others.year} is the year of another edition; write ${{year}}, or other_years: [{others.year}]"


def _names(edition: Edition) -> set[str]:
    return {
        edition.title,
        *edition.people,
        *edition.hosts,
        *edition.organizers,
        *edition.links.values(),
        edition.suite,
        *([edition.released_suite] if edition.released_suite else []),
    }


def _wrong(line: str, scored: Scored) -> Iterator[str]:
    """Figures of a page that are not those of the edition."""
    edition, spans = scored.edition, scored.edition.spans
    years = {edition.year, *edition.other_years}
    for year in map(int, re.findall(r"(?<![\d.,/])(20\d\d)(?![\d/]|[.,]\d)", line)):
        if year not in years:
            yield f"{year} is not a year of this edition; write ${{year}}, or other_years: [{year}] in edition.yaml"
    days = {(day.day, f"{day:%B}") for _, day in edition.dated()} | {
        (s.last_day.day, f"{s.last_day:%B}") for s in spans
    }
    days |= {(int(day), month) for day, month in _days(edition.dates.workshop_text)}
    for day, month in _days(line):
        if (int(day), month) not in days:
            yield f"{day} {month} is not a date of edition.yaml; write one, such as ${{last_phase.last_day|day}}"
    amounts = {*edition.prizes.teams, *edition.prizes.students, edition.prizes.total}
    for amount, currency in re.findall(rf"\b(\d[\d,]*) ({CURRENCIES})\b", line):
        if int(amount.replace(",", "")) not in amounts or currency != edition.prizes.currency:
            yield f"{amount} {currency} is not a prize of edition.yaml; write ${{prize_total}} or the rows of prizes"
    yield from _wrong_weights(line, scored)
    yield from _wrong_limits(line, scored)
    sources = {model.source for model in scored.suite.models}
    for source in re.findall(rf"{re.escape(HUB)}([\w.-]+/[\w.-]+)", line):
        if source.removeprefix("datasets/") == source and source not in sources:
            yield f"{source} is not a model of the suite {scored.suite.suite}; write ${{model.link}} for each of models"


def _days(text: str) -> Iterator[tuple[str, str]]:
    """Day and month of every date in a text, also of `6 or 7 December` and `December 6`."""
    for days, month in re.findall(rf"\b(\d{{1,2}}(?: (?:or|and|to) \d{{1,2}})*) ({MONTHS})\b", text):
        yield from ((day, month) for day in re.findall(r"\d+", days))
    for month, day in re.findall(rf"\b({MONTHS}) (\d{{1,2}})\b(?! ({MONTHS}))", text):
        yield day, month


def _wrong_weights(line: str, scored: Scored) -> Iterator[str]:
    weights = {part.symbol: part.weight for part in parts_of(scored.scoring)}
    for key in COMPONENTS:
        symbol = BY_KEY[key].symbol
        for weight in re.findall(rf"\b(\d*\.?\d+) ?[*×·]? ?{symbol}\b", line):
            if f"{float(weight):g}" != weights.get(symbol, "0"):
                yield (
                    f"{weight} {symbol}: the weight is {weights.get(symbol, '0')} in the suite's scoring.yaml; "
                    "write ${formula}"
                )


def _wrong_limits(line: str, scored: Scored) -> Iterator[str]:
    spans = scored.edition.spans
    daily = {span.submissions_a_day for span in spans}
    for count in map(int, re.findall(r"\b(\d+) (?:submissions )?(?:a|per) day\b", line)):
        if count not in daily:
            yield f"{count} a day: the limits of edition.yaml say {min(daily)}; write ${{submissions_a_day}}"
    hours = {span.step_hours for span in spans}
    for count in map(int, re.findall(r"\b(\d+) hours\b", line)):
        if count not in hours:
            yield f"{count} hours: the limits of edition.yaml say {min(hours)}; write ${{step_hours}}"
    for low, high in re.findall(r"\b([\d,]+) to ([\d,]+) items\b", line):
        if (low.replace(",", ""), high.replace(",", "")) != (str(MIN_ITEMS), str(MAX_ITEMS)):
            yield f"{low} to {high} items: a submission has {MIN_ITEMS:,} to {MAX_ITEMS:,}"


def _check_phases(entries: Mapping[str, bytes], edition: Edition) -> None:
    """Raise OrganizerError for a phase or a date of the edition that no page names."""
    pages = "\n".join(text for name, text in _texts(entries) if name.endswith(".md") and not name.count(".zip"))
    if "pages/timeline.md" not in entries:
        return
    for span in edition.spans:
        for said, what in ((span.name, "name"), (day_text(span.first_day), "first day")):
            if said not in pages:
                raise OrganizerError(
                    f"pages: the phase {span.name} of edition.yaml is left out: no page has its {what}, {said}; write "
                    "a row for each of phases in pages/timeline.md"
                )
