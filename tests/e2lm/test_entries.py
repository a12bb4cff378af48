"""entries.yaml: teams and fact sheets."""

from __future__ import annotations

from pathlib import Path

import pytest

from e2lm.entries import Entry, load_entries
from e2lm_ingestion.errors import OrganizerError


def written(folder: Path, text: str, name: str = "entries.yaml") -> Path:
    path = folder / name
    path.write_text(text)
    return path


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("entries.yaml", "entries:\n  one: {team: Tëam, student: true, code: 'https://example.org/x'}\n  two: {}\n"),
        (
            "e.json",
            '{"entries": {"one": {"team": "Tëam", "student": true, "code": "https://example.org/x"}, "two": {}}}',
        ),
    ],
)
def test_entries_are_read_from_yaml_and_json(tmp_path: Path, name: str, text: str) -> None:
    entries = load_entries(written(tmp_path, text, name))
    assert entries == {"one": Entry(team="Tëam", student=True, code="https://example.org/x"), "two": Entry()}


@pytest.mark.parametrize(
    "address",
    ["javascript:alert(1)", "data:text/html,x", "//example.org", "https://", "http://a b", "https://[", "HTTPS:x"],
)
def test_an_address_that_is_not_of_the_web_is_refused(tmp_path: Path, address: str) -> None:
    with pytest.raises(OrganizerError, match=r"entries.yaml: entries\.one\.code: .*is no web address"):
        load_entries(written(tmp_path, f"entries:\n  one: {{code: '{address}'}}\n"))


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("entries:\n  one: {teem: x}\n", "entries.one.teem"),
        ("entries:\n  one: {}\n  one: {}\n", "'one' stands twice"),
        ("entries:\n  one: {student: sometimes}\n", "entries.one.student"),
        ("- 1\n", "entries.yaml: the file"),
        ("entries: {one: !!python/object:os.system {}}\n", "entries.yaml"),
        ("entries: {[1]: 2}\n", "entries.yaml"),
        ("a: b: c\n", "entries.yaml"),
        ("a: \0", "entries.yaml"),
    ],
)
def test_a_mistake_is_one_line_that_names_the_place(tmp_path: Path, text: str, said: str) -> None:
    with pytest.raises(OrganizerError) as error:
        load_entries(written(tmp_path, text))
    assert said in str(error.value)
    assert "\n" not in str(error.value)


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(OrganizerError, match=r"nowhere\.yaml: unreadable"):
        load_entries(tmp_path / "nowhere.yaml")
