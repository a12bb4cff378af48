"""A checkpoint whose tokenizer cannot be loaded is one line for the organizers."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from e2lm_ingestion.errors import OrganizerError
from e2lm_ingestion.execution.engine_session import EngineSession, WorkerInit
from e2lm_ingestion.suite import Checkpoint


@pytest.mark.parametrize(
    ("configuration", "reason"),
    [
        (
            {"auto_map": {"AutoTokenizer": ["tokenization_mine.Mine", None]}, "tokenizer_class": "Mine"},
            "the tokenizer needs code of its own (auto_map in tokenizer_config.json), which is never run",
        ),
        ({"tokenizer_class": "NobodyHasWrittenThis"}, "the tokenizer cannot be loaded: "),
    ],
)
def test_a_tokenizer_with_code_is_an_error_in_one_line(
    tmp_path: Path, configuration: dict[str, object], reason: str
) -> None:
    (tmp_path / "config.json").write_text(json.dumps({"model_type": "mine", "auto_map": {"AutoConfig": "mine.Mine"}}))
    (tmp_path / "tokenizer_config.json").write_text(json.dumps(configuration))
    (tmp_path / "tokenization_mine.py").write_text("open('ran', 'w')\n")
    session = EngineSession(WorkerInit([], 128, lambda: None))  # type: ignore[arg-type, return-value]
    checkpoint = Checkpoint("mine", 1000, 10**9, tmp_path)
    with pytest.raises(OrganizerError) as caught:
        session._tokenizer_of(checkpoint)
    assert str(caught.value).startswith(f"{tmp_path}: {reason}")
    assert "\n" not in str(caught.value)
