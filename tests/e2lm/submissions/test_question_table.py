"""Tables of questions as people write them: each is read as it is meant, or refused in a line that names the cell."""

from __future__ import annotations

import datetime
import sys
from pathlib import Path
from typing import Any

import openpyxl
import pytest

from e2lm.submissions.question_table import Columns, QuestionTable, TableQuestion, read_question_table
from e2lm_ingestion.errors import SubmissionError

ANY = Columns()
MOON = TableQuestion("Which planet is nearest to the Sun?", ("Mars", "Mercury", "Venus"), 1)
CELL = TableQuestion("Which part of a cell makes ATP?", ("mitochondrion", "nucleus", "ribosome"), 0)
BOTH = (MOON, CELL)
QUESTIONS = [one.question for one in BOTH]


def text(folder: Path, content: str, name: str = "quiz.csv", encoding: str = "utf-8") -> Path:
    path = folder / name
    path.write_bytes(content.encode(encoding))
    return path


def excel(folder: Path, rows: list[list[Any]], merged: str = "", **other_sheets: list[list[Any]]) -> Path:
    workbook = openpyxl.Workbook()
    sheet = workbook.active
    for title, own in {"": rows, **other_sheets}.items():
        if title:
            sheet = workbook.create_sheet(title)
        for row in own:
            sheet.append(row)
        if merged and not title:
            sheet.merge_cells(merged)
    workbook.save(folder / "quiz.xlsx")
    return folder / "quiz.xlsx"


# How the same two questions are written, as text: content, encoding, name of the file.
WRITTEN = {
    "comma": "question,right answer,wrong answer 1,wrong answer 2\n"
    f"{QUESTIONS[0]},Mercury,Venus,Mars\n{QUESTIONS[1]},mitochondrion,ribosome,nucleus\n",
    "semicolons and a byte order mark, by a German Excel": "\ufeffFrage;Richtige Antwort;Falsche Antwort 1;Falsche "
    f"Antwort 2\r\n{QUESTIONS[0]};Mercury;Venus;Mars\r\n{QUESTIONS[1]};mitochondrion;ribosome;nucleus\r\n",
    "a line that tells Excel the separator": "sep=;\r\nQuestion;Answer;Distractor 1;Distractor 2\r\n"
    f"{QUESTIONS[0]};Mercury;Venus;Mars\r\n{QUESTIONS[1]};mitochondrion;ribosome;nucleus\r\n",
    "answers as letters": "Question,A,B,C,Answer\n"
    f"{QUESTIONS[0]},Venus,Mercury,Mars,B\n{QUESTIONS[1]},ribosome,nucleus,mitochondrion,c)\n",
    "answers as numbers from 1": "Question,Option 1,Option 2,Option 3,Correct option\n"
    f"{QUESTIONS[0]},Venus,Mercury,Mars,2\n{QUESTIONS[1]},ribosome,nucleus,mitochondrion,3\n",
    "answers as numbers from 0": "question,choice 1,choice 2,choice 3,label\n"
    f"{QUESTIONS[0]},Venus,Mercury,Mars,1\n{QUESTIONS[1]},mitochondrion,nucleus,ribosome,0\n",
    "answers as texts of choices, otherwise spelled": "Question,Choice A,Choice B,Choice C,Correct answer\n"
    f"{QUESTIONS[0]},Venus,Mercury,Mars,mercury\n{QUESTIONS[1]},ribosome,nucleus,mitochondrion,Mitochondrion.\n",
    "wrong answers in one cell": "Question,Answer,Wrong answers\n"
    f"{QUESTIONS[0]},Mercury,Venus; Mars\n{QUESTIONS[1]},mitochondrion,ribosome|nucleus\n",
    "wrong answers in lines of one cell": "Question,Answer,Wrong\n"
    f'{QUESTIONS[0]},Mercury,"Venus\nMars"\n{QUESTIONS[1]},mitochondrion,"ribosome\nnucleus"\n',
    "all choices in one cell": "Question,Options,Answer\n"
    f"{QUESTIONS[0]},Venus; Mercury; Mars,Mercury\n{QUESTIONS[1]},nucleus; ribosome; mitochondrion,mitochondrion\n",
    "empty rows and columns, blanks, a title": "Quiz of our course,,,\n,,,\n question ,answer,wrong 1,wrong 2\n,,,\n"
    f"{QUESTIONS[0]} ,Mercury,Venus,\u00a0Mars\n\n{QUESTIONS[1]},mitochondrion,ribosome,nucleus\n,,,\n,,,\n",
    "a header over several columns": f"Question,Correct,Wrong answers,\n{QUESTIONS[0]},Mercury,Venus,Mars\n"
    f"{QUESTIONS[1]},mitochondrion,ribosome,nucleus\n",
    "quizzes that call all choices answers": "Question,Answer 1,Answer 2,Answer 3,Correct answer\n"
    f"{QUESTIONS[0]},Venus,Mercury,Mars,2\n{QUESTIONS[1]},ribosome,nucleus,mitochondrion,3\n",
}


@pytest.mark.parametrize("how", WRITTEN)
def test_a_text_is_read_however_it_is_written(how: str, tmp_path: Path) -> None:
    assert read_question_table(text(tmp_path, WRITTEN[how])).questions == BOTH


@pytest.mark.parametrize(("encoding", "name"), [("utf-16", "quiz.txt"), ("cp1252", "quiz.tsv")])
def test_tabs_and_old_encodings(encoding: str, name: str, tmp_path: Path) -> None:
    content = "Question\tRéponse\tDistractor 1\tDistractor 2\nQuelle est l'unité?\tmètre\tlitre\tkelvin\n"
    table = read_question_table(text(tmp_path, content, name, encoding))
    assert table.questions == (TableQuestion("Quelle est l'unité?", ("kelvin", "litre", "mètre"), 2),)
    assert ("Windows-1252" in " ".join(table.notes)) == (encoding == "cp1252")


def test_headers_in_any_language_are_told(tmp_path: Path) -> None:
    header = "Kysymys,Aihe,Oikea vastaus,Väärä 1,Väärä 2\n"
    path = text(tmp_path, header + f"{QUESTIONS[0]},tähdet,Mercury,Venus,Mars\n")
    columns = Columns(question="kysymys", answer="C", wrong=("Väärä 1", "e"))
    table = read_question_table(path, columns)
    assert table.questions == (MOON,)
    assert table.notes == (
        "read from quiz.csv: questions in column A, right answers in C, wrong answers in D, E",
        "columns that are not used: Aihe",
    )


def test_excel_with_a_merged_header_numbers_and_a_second_sheet(tmp_path: Path) -> None:
    rows: list[list[Any]] = [["Physics quiz"], ["Question", "Correct answer", "Wrong answers", None, "Added"]]
    rows += [["At how many °C does water boil?", 100, 90, 80.5, datetime.date(2026, 3, 2)]]
    path = excel(tmp_path, rows, "C2:D2", notes=[["empty but for this"]])
    table = read_question_table(path)
    assert table.questions == (TableQuestion("At how many °C does water boil?", ("100", "80.5", "90"), 0),)
    assert table.notes[1] == "columns that are not used: Added"


def test_several_sheets_are_asked_for(tmp_path: Path) -> None:
    rows = [["Question", "Answer", "Wrong"], [QUESTIONS[0], "Mercury", "Venus"]]
    path = excel(tmp_path, rows, week2=[["Question", "Answer", "Wrong"], ["Two?", "a", "b"]])
    assert refused(path) == "quiz.xlsx: 2 sheets (Sheet, week2); say which with --sheet NAME"
    assert read_question_table(path, sheet="week2").questions[0].question == "Two?"
    with pytest.raises(SubmissionError, match="no sheet 'three'; there are: Sheet, week2"):
        read_question_table(path, sheet="three")


def test_without_openpyxl_the_way_to_csv_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = excel(tmp_path, [["Question", "Answer", "Wrong"]])
    monkeypatch.setitem(sys.modules, "openpyxl", None)
    assert refused(path) == (
        f"{path}: Excel files are read with openpyxl, which is not installed: pip install openpyxl; or without it: in "
        'the spreadsheet, choose "Save as" (or "Download") and the type "CSV UTF-8 (comma delimited)", and give that'
    )


def refused(path: Path, columns: Columns = ANY) -> str:
    with pytest.raises(SubmissionError) as caught:
        read_question_table(path, columns)
    return str(caught.value)


HEADER = "Question,Answer,Wrong 1,Wrong 2\n"
# What is wrong, and the beginning of the message.
REFUSED = {
    HEADER + "One?,a,b,c\nTwo?,,b,c\n": "quiz.csv, B3: no right answer; fill it in, or delete the row",
    HEADER + ",a,b,c\n": "quiz.csv, A2: no question, but other cells of the row are filled; fill it in",
    HEADER + "One?,a,b,A.\n": "quiz.csv, D2: 'A.' stands in B2 too; change one",
    HEADER + "One?,a,b,b\n": "quiz.csv, D2: 'b' stands in C2 too; change one",
    HEADER + "One?,a,,\n": "quiz.csv, C2: no wrong answer; write at least one",
    HEADER: "quiz.csv: no rows below the header in row 1; write a question each",
    "Question,A,B,Answer\nOne?,x,y,A\nTwo?,x,y,B\nThree?,x,y,C\n": "quiz.csv, D4: 'C' is none of the row's 2 choices; "
    "the other answers are read as a letter, from A: write this one so too",
    "Question,A,B,C,Answer\nOne?,x,,z,A\n": "quiz.csv, C2: no text, but a later choice of the row has one; fill it in",
    "Question,A,B,C,Answer\nOne?,x,y,x,A\n": "quiz.csv, D2: 'x' stands in B2 too; change one",
    "Question,Options,Answer\nOne?,just one,just one\n": "quiz.csv, B2: 1 choice; write a choice, at least two with ; "
    "or | between them",
    "Kysymys,Vastaus\nYksi?,a\n": "quiz.csv: no column of the question is recognised in row 1; give its header or "
    "letter with --question; there are: A (Kysymys), B (Vastaus)",
    "Question,Prompt,Answer,Wrong\nOne?,1,a,b\n": "quiz.csv: columns A (Question) and B (Prompt) could both be meant; "
    "say which with --question",
    "Question,Answer\nOne?,a\n": "quiz.csv: no column of wrong answers, or of all choices is recognised in row 1; give "
    "its header or letter with --wrong or --choices; there are: A (Question), B (Answer)",
    "Question,A,B,Answer\nOne?,x,y,E\n": "quiz.csv, D2: 'E' is none of the row's 2 choices; write its text, letter or "
    "number",
    "Question,Answer,Wrong\nOne?,a,b\nIn a cell, two?,c,d\n": "quiz.csv, D3: the row has 4 cells and the header 3: put "
    "a text that contains a comma (or what else is between the cells) in double quotes, or give every column a header",
    'Question,Answer,Wrong\nOne?,a,b\n"Two?,c,d\nThree?,e,f\n': "quiz.csv, line 3: a quotation mark begins a cell and "
    "none ends it, so that all lines below are read as part of the cell; write the second one",
    "": "quiz.csv: empty; the first row names the columns, such as question, answer, wrong",
}


@pytest.mark.parametrize("content", REFUSED)
def test_what_cannot_be_meant_is_refused_with_its_cell(content: str, tmp_path: Path) -> None:
    assert refused(text(tmp_path, content)) == REFUSED[content]


def test_dates_and_errors_of_formulas_are_refused_with_their_cell(tmp_path: Path) -> None:
    header = ["Question", "Answer", "Wrong"]
    dated = excel(tmp_path, [header, ["Half?", datetime.datetime(2026, 2, 1), "3"]])
    assert refused(dated).startswith(
        "quiz.xlsx, B2: a date or time (2026-02-01 00:00:00), into which Excel turns texts"
    )
    assert refused(excel(tmp_path, [header, ["Half?", "1", "#REF!"]])) == (
        "quiz.xlsx, C2: #REF!, the error of a formula; write the text that is meant"
    )


def test_other_files_are_refused(tmp_path: Path) -> None:
    assert "not a table that is read" in refused(text(tmp_path, "x", "quiz.ods"))
    assert "not a readable Excel file" in refused(text(tmp_path, "x", "quiz.xlsx"))
    excel(tmp_path, [["a"]]).rename(tmp_path / "renamed.csv")
    assert "rename it to .xlsx" in refused(tmp_path / "renamed.csv")
    assert "there is no such file" in refused(tmp_path / "absent.csv")
    assert "no column 'Z9'" in refused(text(tmp_path, WRITTEN["comma"]), Columns(question="Z9"))


def test_element_symbols_are_texts_and_not_letters(tmp_path: Path) -> None:
    content = "Question,A,B,C,D,Answer\nSymbol of carbon?,N,O,C,H,C\nSymbol of nitrogen?,N,O,C,H,N\n"
    table = read_question_table(text(tmp_path, content))
    assert right_answers(table) == ["C", "N"]
    assert table.notes[0].endswith("; each right answer is the text of a choice")


def right_answers(table: QuestionTable) -> list[str]:
    return [one.choices[one.answer] for one in table.questions]
