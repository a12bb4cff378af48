"""A mistake in a file of the organizers is one line with the file, the key and the remedy."""

from __future__ import annotations

from pathlib import Path

import pytest
from pydantic import BaseModel, ConfigDict

from e2lm_ingestion.errors import OrganizerError
from e2lm_ingestion.organizer_yaml import Remedies, parse_model, read_model


class Part(BaseModel):
    model_config = ConfigDict(extra="forbid")

    size: int
    color: str = ""


class Whole(BaseModel):
    model_config = ConfigDict(extra="forbid")

    name: str
    parts: tuple[Part, ...] = ()
    named: dict[str, Part] = {}
    spare: Part | None = None


REMEDIES = Remedies(instead={"title": "write name"}, missing={"size": "give it in meters"})


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("name: a\nnam: b", "f: nam: not a key of this file; did you mean name?"),
        ("name: a\ntitle: b", "f: title: not a key of this file; write name"),
        ("name: a\nzzz: b", "f: zzz: not a key of this file; remove it; the keys there are name, parts, named, spare"),
        ("nome: a", "f: nome: not a key of this file; did you mean name?"),
        ("parts: []", "f: name: missing; add it"),
        ("name: a\nparts: [{size: 1}, {color: red}]", "f: parts.1.size: missing; give it in meters"),
        ("name: a\nparts: [{size: 1, colour: red}]", "f: parts.0.colour: not a key of this file; did you mean color?"),
        ("name: a\nnamed: {x: {sise: 1}}", "f: named.x.sise: not a key of this file; did you mean size?"),
        ("name: a\nspare: {sise: 1}", "f: spare.sise: not a key of this file; did you mean size?"),
        ("name: a\nname: b", "f: not YAML: line 2: the key `name` stands twice; keep one"),
        ("name: 2026-02-30", "f: not YAML: day is out of range for month; put a text that looks like a date in quotes"),
        ("", "f: holds no keys; it needs name"),
        (
            "name: 5",
            "f: name: Input should be a valid string, not 5; write a text, in quotes if it looks like a number",
        ),
        ("name: a\nparts: 5", "f: parts: Input should be a valid tuple, not 5; write a list in brackets: [one, two]"),
        (
            "name: a\nspare: {size: x}",
            "f: spare.size: Input should be a valid integer, unable to parse string as an integer, not 'x'; write a",
        ),
        ("[name]", "f: holds no keys; it needs name"),
    ],
)
def test_a_mistake_names_the_key_and_the_remedy(text: str, message: str) -> None:
    with pytest.raises(OrganizerError) as caught:
        parse_model(text, Whole, "f", REMEDIES)
    assert str(caught.value).startswith(message)


def test_a_file_that_is_missing_or_no_text_is_named(tmp_path: Path) -> None:
    path = tmp_path / "whole.yaml"
    with pytest.raises(OrganizerError, match=r"whole\.yaml: there is no such file; it describes a whole"):
        read_model(path, Whole, "it describes a whole")
    path.write_bytes(b"\xff\xfe\x00")
    with pytest.raises(OrganizerError, match=r"whole\.yaml: not a readable text file"):
        read_model(path, Whole, "it describes a whole")
    path.write_text("name: a\nparts: [{size: 1}]")
    assert read_model(path, Whole, "").parts[0].size == 1
