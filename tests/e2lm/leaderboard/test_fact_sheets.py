"""entries.yaml: teams and fact sheets."""

from __future__ import annotations

from pathlib import Path

import pytest

from e2lm.leaderboard.fact_sheets import FactSheet, load_fact_sheets
from e2lm_ingestion.errors import OrganizerError


def written(folder: Path, text: str, name: str = "entries.yaml") -> Path:
    path = folder / name
    path.write_text(text)
    return path


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("entries.yaml", "one: {team: Tëam, student: true, code_url: 'https://example.org/x'}\ntwo: {}\n"),
        ("entries.json", '{"one": {"team": "Tëam", "student": true, "code_url": "https://example.org/x"}, "two": {}}'),
    ],
)
def test_entries_are_read_from_yaml_and_json(tmp_path: Path, name: str, text: str) -> None:
    fact_sheets = load_fact_sheets(written(tmp_path, text, name))
    assert fact_sheets == {
        "one": FactSheet(team="Tëam", student=True, code_url="https://example.org/x"),
        "two": FactSheet(),
    }
    assert fact_sheets["one"].code_link == "https://example.org/x"


def test_of_the_fields_of_codabench_the_day_and_the_score_are_kept(tmp_path: Path) -> None:
    text = '{"7-ada": {"owner": "ada", "codabench_id": 7, "phase": 3, "status": "Finished", "created": "2025-10-21", '
    text += '"score": 0.5, "scores": {"sq": 0.5}, "data_sources": "MMLU"}}'
    assert load_fact_sheets(written(tmp_path, text, "entries.json")) == {
        "7-ada": FactSheet(owner="ada", data_sources="MMLU", created="2025-10-21", score=0.5)
    }


@pytest.mark.parametrize(
    "address",
    ["javascript:alert(1)", "data:text/html,x", "//example.org", "https://", "http://a b", "https://[", "soon"],
)
def test_an_address_that_is_not_of_the_web_is_no_link(address: str) -> None:
    assert FactSheet(code_url=address).code_link is None


def test_texts_are_cut_and_without_control_characters(tmp_path: Path) -> None:
    text = '{"one": {"team": "a\\u001b[31mb\\ud800\\u0000", "method": "' + "m" * 9000 + '"}}'
    fact_sheet = load_fact_sheets(written(tmp_path, text, "entries.json"))["one"]
    assert fact_sheet.team == "a [31mb"
    assert (len(fact_sheet.method), fact_sheet.method[-1]) == (5000, "…")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("one: {teem: x}\n", "one.teem"),
        ("one: {}\none: {}\n", "entries.yaml, line 2: the key `one` stands twice"),
        ("one: &a {team: x}\ntwo: *a\n", "entries.yaml, line 2: the alias *a is not read"),
        ("7: {}\n", "entries.yaml, line 1: the key `7` is not a text; put it in quotes"),
        ("one: {student: sometimes}\n", "one.student"),
        ("- 1\n", "entries.yaml: the file"),
        ("one: !!python/object:os.system {}\n", "entries.yaml"),
        ("? [1]\n: 2\n", "entries.yaml"),
        ("a: b: c\n", "entries.yaml"),
        ("a: \0", "entries.yaml"),
    ],
)
def test_a_mistake_is_one_line_that_names_the_location(tmp_path: Path, text: str, expected: str) -> None:
    with pytest.raises(OrganizerError) as error:
        load_fact_sheets(written(tmp_path, text))
    assert expected in str(error.value)
    assert "\n" not in str(error.value)


def test_a_key_that_stands_twice_is_named_in_json_too(tmp_path: Path) -> None:
    with pytest.raises(OrganizerError, match=r"entries\.json: 'one' stands twice; keep one"):
        load_fact_sheets(written(tmp_path, '{"one": {}, "one": {}}', "entries.json"))


def test_fact_sheets_of_many_teams_fit_into_a_file(tmp_path: Path) -> None:
    text = "".join(f"team-{number}: {{method: {'m' * 4000}}}\n" for number in range(100))
    assert len(load_fact_sheets(written(tmp_path, text))) == 100


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(OrganizerError, match=r"nowhere\.yaml: unreadable"):
        load_fact_sheets(tmp_path / "nowhere.yaml")


@pytest.mark.parametrize(
    "fields", ['"created": "soon"', '"created": null', '"score": "x"', '"score": NaN', '"score": true']
)
def test_a_day_or_a_score_that_is_none_is_left_out(tmp_path: Path, fields: str) -> None:
    assert load_fact_sheets(written(tmp_path, f'{{"a": {{{fields}}}}}', "entries.json")) == {"a": FactSheet()}
