"""Reads a table of questions, as people write them in Excel, LibreOffice or Google Sheets, into questions with choices.

Cells are named as a spreadsheet names them: B7 is the second column of the seventh row.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from e2lm.submissions.spreadsheet_cells import Cells, cell_name, column_letters, read_cells
from e2lm_ingestion.errors import SubmissionError

HEADER_ROWS = 20  # among which the header is looked for; those above it are titles
# What headers are called, in lower case and without punctuation; numbers at their end are left out.
QUESTION = (
    "question, questions, question text, question stem, prompt, stem, item, frage, fragen, texte de la question, \
pregunta, domanda, pergunta, vraag, spørsmål, fråga"
)
ANSWER = (
    "answer, right, right answer, right choice, correct, correct answer, correct option, correct choice, solution, \
key, answer key, gold, target, label, antwort, richtig, richtige antwort, lösung, réponse, reponse, bonne réponse, \
réponse correcte, respuesta, respuesta correcta, risposta, risposta corretta, resposta, antwoord"
)
WRONG = (
    "wrong, wrong answer, wrong answers, wrong choice, wrong choices, incorrect, incorrect answer, incorrect answers, \
incorrect option, incorrect options, false, false answer, false answers, distractor, distractors, falsch, \
falsche antwort, falsche antworten, mauvaise réponse, mauvaises réponses, respuesta incorrecta, respuestas incorrectas"
)
CHOICE = (
    "a, b, c, d, e, f, choice, choices, answer choices, option, options, answer options, possible answers, auswahl, \
antwortmöglichkeiten, choix, opción, opciones"
)
LETTERED = ("option", "choice", "answer", "antwort", "réponse")  # before a letter: a choice
_SEPARATORS = re.compile(r"\s*[;|\n]\s*")
_MARKED_LETTER = re.compile(r"\(?([A-Za-z])[).:]?")


@dataclass(frozen=True, slots=True)
class Columns:
    """Which columns hold what: headers or letters, as a user gives them; empty where they are to be recognised."""

    question: str = ""
    answer: str = ""
    wrong: tuple[str, ...] = ()
    choices: tuple[str, ...] = ()


_RECOGNISED = Columns()


@dataclass(frozen=True, slots=True)
class TableQuestion:
    """One row: a question, its choices in alphabetical order, and the number of the right one."""

    question: str
    choices: tuple[str, ...]
    answer: int


@dataclass(frozen=True, slots=True)
class QuestionTable:
    """The questions of a table, and how it was read, a line each."""

    questions: tuple[TableQuestion, ...]
    notes: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class _Layout:
    """Numbers of columns, from 0; the header's row, from 0."""

    header: int
    question: int
    answer: int
    wrong: tuple[int, ...]
    choices: tuple[int, ...]


def read_question_table(path: Path, columns: Columns = _RECOGNISED, sheet: str | None = None) -> QuestionTable:
    """Read .xlsx, .csv or .tsv. Raises SubmissionError that names the cell, or the columns that there are."""
    cells = read_cells(path, sheet)
    layout = _layout(cells, columns)
    rows = [row for row in range(layout.header + 1, len(cells.rows)) if any(cells.rows[row])]
    if not rows:
        raise SubmissionError(
            f"{cells.name}: no rows below the header in row {layout.header + 1}; write a question each"
        )
    used = {layout.question, layout.answer, *layout.wrong, *layout.choices}
    cells.refuse_doubtful(rows, used)
    _refuse_longer(cells, layout.header, rows)
    for row in rows:
        if not cells.at(row, layout.question):
            raise cells.error(row, layout.question, "no question, but other cells of the row are filled; fill it in")
        if not cells.at(row, layout.answer):
            raise cells.error(row, layout.answer, "no right answer; fill it in, or delete the row")
    if layout.wrong:
        questions, how = [_from_wrong(cells, layout, row) for row in rows], ""
    else:
        questions, how = _from_choices(cells, layout, rows)
    notes = [*cells.notes, _described(cells, layout) + how]
    unused = [
        cells.at(layout.header, column) or column_letters(column)
        for column in range(cells.width)
        if column not in used and any(cells.at(row, column) for row in rows)
    ]
    if unused:
        notes.append(f"columns that are not used: {', '.join(unused)}")
    return QuestionTable(tuple(questions), tuple(notes))


def _layout(cells: Cells, given: Columns) -> _Layout:
    """Find the header's row and the columns, those that are given first."""
    if not cells.rows:
        raise SubmissionError(f"{cells.name}: empty; the first row names the columns, such as question, answer, wrong")
    header = _header(cells, given)
    kinds = _kinds(cells, header)

    def chosen(names: Sequence[str], kind: str) -> tuple[int, ...]:
        if any(names):
            return tuple(_column(cells, header, name) for name in names if name)
        return tuple(column for column, own in enumerate(kinds) if own == kind)

    question, answer = chosen([given.question], "question"), chosen([given.answer], "answer")
    wrong, choices = chosen(given.wrong, "wrong"), chosen(given.choices, "choice")
    if any(given.choices):
        wrong = ()
    elif len(answer) > 1 and not (wrong or choices):  # "answer 1", "answer 2", ... and the right one
        choices = tuple(column for column in answer if re.search(r"\d\s*$", cells.at(header, column)))
        answer = tuple(column for column in answer if column not in choices)
    for found, what, option in (
        (question, "the question", "--question"),
        (answer, "the right answer", "--answer"),
        (wrong or choices, "wrong answers, or of all choices", "--wrong or --choices"),
    ):
        if not found:
            raise _unrecognised(cells, header, f"no column of {what}", option)
    if len(answer) > 1 or len(question) > 1:
        several, option = (answer, "--answer") if len(answer) > 1 else (question, "--question")
        names = " and ".join(f"{column_letters(one)} ({cells.at(header, one)})" for one in several)
        raise SubmissionError(f"{cells.name}: columns {names} could both be meant; say which with {option}")
    used = {question[0], answer[0]}
    return _Layout(header, question[0], answer[0], _others(wrong, used), () if wrong else _others(choices, used))


def _refuse_longer(cells: Cells, header: int, rows: Sequence[int]) -> None:
    """Refuse a row of more cells than the header, as of a text that is split at its comma."""
    width = len(cells.rows[header])
    for row in rows:
        if any(cells.rows[row][width:]):
            raise cells.error(
                row,
                width,
                f"the row has {len(cells.rows[row])} cells and the header {width}: put a text that contains a "
                "comma (or what else is between the cells) in double quotes, or give every column a header",
            )


def _header(cells: Cells, given: Columns) -> int:
    """The row with most of the headers that are known or given; else the first that is no title of a single cell."""
    asked = {_plain(name) for name in (given.question, given.answer, *given.wrong, *given.choices) if name}

    def known(row: int) -> int:
        titles = [title for title in cells.rows[row] if title]
        return len({_kind(title) for title in titles} - {""}) + len(asked & set(map(_plain, titles)))

    first = range(min(HEADER_ROWS, len(cells.rows)))
    best = max(first, key=known)
    if known(best) > 1 or cells.width < 2:
        return best
    return next((row for row in first if sum(map(bool, cells.rows[row])) > 1), 0)


def _others(columns: Sequence[int], used: set[int]) -> tuple[int, ...]:
    return tuple(dict.fromkeys(column for column in columns if column not in used))


def _unrecognised(cells: Cells, header: int, what: str, option: str) -> SubmissionError:
    names = ", ".join(
        f"{column_letters(column)} ({cells.at(header, column)[:30]})"
        for column in range(cells.width)
        if cells.at(header, column)
    )
    return SubmissionError(
        f"{cells.name}: {what} is recognised in row {header + 1}; give its header or letter with {option}; there are: "
        f"{names or 'none'}"
    )


def _plain(header: str) -> str:
    return " ".join(re.findall(r"[^\W_]+", header.casefold()))


def _kind(header: str) -> str:
    """What a header announces: question, answer, wrong, choice, or nothing that is known."""
    plain = _plain(header)
    bare = re.sub(r"\s*\d+$", "", plain)
    if re.fullmatch(rf"({'|'.join(LETTERED)}) [a-f]", plain):
        return "choice"
    for kind, names in (("question", QUESTION), ("wrong", WRONG), ("choice", CHOICE), ("answer", ANSWER)):
        if bare in names.split(", "):
            return kind
    return ""


def _kinds(cells: Cells, header: int) -> list[str]:
    """The kind of each column; a header over several columns counts for those without one that follow it."""
    kinds: list[str] = []
    for column in range(cells.width):
        title = cells.at(header, column)
        filled = any(cells.at(row, column) for row in range(header + 1, len(cells.rows)))
        goes_on = not title and filled and bool(kinds) and kinds[-1] in ("wrong", "choice")
        kinds.append(kinds[-1] if goes_on else _kind(title))
    return kinds


def _column(cells: Cells, header: int, name: str) -> int:
    """The number of a column by its header, or else by its letter."""
    titles = [_plain(cells.at(header, column)) for column in range(cells.width)]
    if _plain(name) in titles and _plain(name):
        return titles.index(_plain(name))
    letters = [column_letters(column) for column in range(cells.width)]
    if name.strip().upper() in letters:
        return letters.index(name.strip().upper())
    raise _unrecognised(cells, header, f"no column {name!r}", "the option again")


def _from_wrong(cells: Cells, layout: _Layout, row: int) -> TableQuestion:
    """A question of a row that has the right answer's text and wrong ones, perhaps several in one cell."""
    right = cells.at(row, layout.answer)
    seen = {_plain(right) or right: layout.answer}
    choices = [right]
    for column in layout.wrong:
        cell = cells.at(row, column)
        for text in _parts(cell) if len(layout.wrong) == 1 else [cell] if cell else []:
            key = _plain(text) or text
            if key in seen:
                raise cells.error(row, column, f"{text[:40]!r} stands in {cell_name(row, seen[key])} too; change one")
            seen[key] = column
            choices.append(text)
    if len(choices) < 2:
        raise cells.error(row, layout.wrong[0], "no wrong answer; write at least one")
    return _question(cells.at(row, layout.question), choices, 0)


def _parts(cell: str) -> list[str]:
    """The texts of a cell that are separated by ; or | or a new line."""
    return [part for part in _SEPARATORS.split(cell) if part]


def _question(text: str, choices: Sequence[str], answer: int) -> TableQuestion:
    ordered = sorted(choices, key=lambda choice: (choice.casefold(), choice))
    return TableQuestion(text, tuple(ordered), ordered.index(choices[answer]))


# How a column of right answers may be meant: the number of the choice that an answer means, or None.
_Reading = Callable[[str, Sequence[str]], int | None]


def _as_text(answer: str, choices: Sequence[str]) -> int | None:
    plain = [_plain(choice) or choice for choice in choices]
    key = _plain(answer) or answer
    return choices.index(answer) if answer in choices else plain.index(key) if key in plain else None


def _as_letter(answer: str, choices: Sequence[str]) -> int | None:
    match = _MARKED_LETTER.fullmatch(answer)
    number = ord(match[1].upper()) - ord("A") if match else -1
    return number if 0 <= number < len(choices) else None


def _as_number(first: int) -> _Reading:
    def reading(answer: str, choices: Sequence[str]) -> int | None:
        number = int(answer) - first if answer.isdecimal() and len(answer) < 4 else -1
        return number if 0 <= number < len(choices) else None

    return reading


def _from_choices(cells: Cells, layout: _Layout, rows: Sequence[int]) -> tuple[list[TableQuestion], str]:
    """Questions of rows with all choices, and how the column of right answers is read.

    It is read in the way that fits most rows; a row that it does not fit is an error.
    """
    choices_of = [_choices(cells, layout, row) for row in rows]
    answers = [cells.at(row, layout.answer) for row in rows]
    first = 0 if "0" in answers else 1
    readings: list[tuple[str, _Reading]] = [
        ("the text of a choice", _as_text),
        ("a letter, from A", _as_letter),
        (f"a number, counted from {first}", _as_number(first)),
    ]
    given = list(zip(answers, choices_of, strict=True))
    how, reading = max(readings, key=lambda one: sum(one[1](*pair) is not None for pair in given))
    questions = []
    for row, (answer, choices) in zip(rows, given, strict=True):
        number = reading(answer, choices)
        if number is None:
            others = f"the other answers are read as {how}: write this one so too"
            raise cells.error(
                row,
                layout.answer,
                f"{answer[:40]!r} is none of the row's {len(choices)} choices; "
                + (others if any(reading(*pair) is not None for pair in given) else "write its text, letter or number"),
            )
        questions.append(_question(cells.at(row, layout.question), choices, number))
    return questions, f"; each right answer is {how}"


def _choices(cells: Cells, layout: _Layout, row: int) -> list[str]:
    """The choices of a row in their order: a cell each, or all in one cell."""
    if len(layout.choices) == 1:
        found = [(text, layout.choices[0]) for text in _parts(cells.at(row, layout.choices[0]))]
    else:
        found = [(cells.at(row, column), column) for column in layout.choices]
        while found and not found[-1][0]:
            found.pop()
    seen: dict[str, int] = {}
    for text, column in found:
        key = _plain(text) or text
        if not text:
            raise cells.error(row, column, "no text, but a later choice of the row has one; fill it in")
        if key in seen:
            raise cells.error(row, column, f"{text[:40]!r} stands in {cell_name(row, seen[key])} too; change one")
        seen[key] = column
    if len(found) < 2:
        what = "a choice, at least two with ; or | between them" if len(layout.choices) == 1 else "at least two choices"
        raise cells.error(row, layout.choices[0], f"{len(found)} choice{'s' * (len(found) != 1)}; write {what}")
    return [text for text, _ in found]


def _described(cells: Cells, layout: _Layout) -> str:
    def named(columns: Sequence[int]) -> str:
        return ", ".join(column_letters(one) for one in columns)

    others = f"wrong answers in {named(layout.wrong)}" if layout.wrong else f"choices in {named(layout.choices)}"
    return (
        f"read from {cells.name}: questions in column {named([layout.question])}, right answers in "
        f"{named([layout.answer])}, {others}"
    )
