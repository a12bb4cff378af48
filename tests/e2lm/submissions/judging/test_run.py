"""Judging against recorded verdicts: what is asked, asked again, and never shown."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from e2lm.submissions.judging.endpoint import KEY_VARIABLE, Endpoint
from e2lm.submissions.judging.prompt import SCHEMA
from e2lm.submissions.judging.run import judge, questions_in
from e2lm.submissions.judging.verdicts import read_answers
from e2lm_ingestion.checks.questions import Question
from e2lm_ingestion.errors import OrganizerError
from e2lm_ingestion.submission.submission import open_submission
from tests.e2lm.command_line import EXAMPLES
from tests.e2lm.submissions.judging.recorded_judge import completion, verdict
from tests.e2lm.web_server import Request, Response, serving

NO_VERDICT = '{"verdict": "perhaps"}'


def questions(count: int) -> list[Question]:
    return [Question(i, "", f"question {i}?", ("a", "b"), (0,)) for i in range(count)]


def asked(request: Request) -> int:
    """The number of the item that a request is about."""
    return int(request.json["messages"][1]["content"].split("question ")[1].split("?")[0])


def run(url: str, out: Path, count: int = 6, concurrency: int = 1) -> list[str | None]:
    endpoint = Endpoint(f"{url}/v1", "m", SCHEMA, first_wait=0.01)
    try:
        return [answer.verdict for answer in judge(questions(count), endpoint, "m", out, concurrency)]
    finally:
        endpoint.close()


def test_what_is_answered_is_not_asked_again(tmp_path: Path) -> None:
    out, seen = tmp_path / "answers.jsonl", []

    def first(request: Request) -> Response:
        seen.append(asked(request))
        return completion(NO_VERDICT) if asked(request) in (1, 4) else verdict("accept")

    with serving(first) as url:
        assert run(url, out, concurrency=3) == ["accept", None, "accept", "accept", None, "accept"]
    assert sorted(seen) == list(range(6))
    assert [answer.raw for answer in read_answers(out) if answer.verdict is None] == [NO_VERDICT] * 2

    def second(request: Request) -> Response:
        seen.append(asked(request))
        return verdict("reject")

    with serving(second) as url:
        assert run(url, out, count=7) == ["accept", "reject", "accept", "accept", "reject", "accept", "reject"]
    assert sorted(seen[6:]) == [1, 4, 6]
    assert sorted(answer.item for answer in read_answers(out)) == list(range(7))


def test_busy_servers_and_broken_connections_are_tried_again(tmp_path: Path) -> None:
    troubles = iter([Response(503), Response(429, headers={"Retry-After": "0"}), Response(200, b"x" * 99, broken=True)])
    with serving(lambda request: next(troubles, verdict("accept"))) as url:
        assert run(url, tmp_path / "answers.jsonl", count=2) == ["accept", "accept"]


def test_an_answer_that_was_cut_off_is_no_answer(tmp_path: Path) -> None:
    with serving(lambda request: completion('<think>{"verdict": "accept"} but', "length")) as url:
        assert run(url, tmp_path / "answers.jsonl", count=1) == [None]


def refusing(*words: str) -> tuple[Callable[[Request], Response], list[dict[str, Any]]]:
    """An endpoint that does not know some keys, and the bodies that it was sent."""
    bodies: list[dict[str, Any]] = []

    def answer(request: Request) -> Response:
        bodies.append(request.json)
        for word in words:
            if word in request.body.decode():
                return Response(400, {"error": {"message": f"Unsupported: {word}. See response_format docs."}})
        if "max_tokens" in request.json:
            return Response(400, {"error": {"message": "Use 'max_completion_tokens' instead of 'max_tokens'."}})
        if "temperature" in request.json:
            return Response(400, {"error": {"message": "'temperature' does not support 0 with this model."}})
        return verdict("accept")

    return answer, bodies


@pytest.mark.parametrize(
    ("unknown", "structured"),
    [((), "schema"), (("maxLength",), "schema"), (("json_schema",), "json"), (("response_format",), "none")],
)
def test_an_endpoint_that_lacks_a_feature_is_asked_without_it(
    unknown: tuple[str, ...], structured: str, tmp_path: Path
) -> None:
    answer, bodies = refusing(*unknown)
    with serving(answer) as url:
        assert run(url, tmp_path / "answers.jsonl", concurrency=3) == ["accept"] * 6
    assert {answer.structured for answer in read_answers(tmp_path / "answers.jsonl")} == {structured}
    assert "max_completion_tokens" in bodies[-1]
    assert len(bodies) <= 6 + 3 * 5


def test_the_key_is_sent_and_never_shown(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(KEY_VARIABLE, "secret-key")
    sent = []

    def answer(request: Request) -> Response:
        sent.append(request.headers["authorization"])
        return Response(401, {"error": {"message": f"no such key: {request.headers['authorization']}"}})

    with serving(answer) as url, pytest.raises(OrganizerError, match=r"401: no such key: Bearer \*\*\*; check the key"):
        run(url, tmp_path / "answers.jsonl")
    assert set(sent) == {"Bearer secret-key"}
    with pytest.raises(OrganizerError, match="unencrypted"):
        Endpoint("http://example.org/v1", "m", SCHEMA)


def test_the_judge_reads_items_without_their_examples() -> None:
    with open_submission(EXAMPLES / "science-cloze") as submission:
        found = questions_in(submission)
    assert max(question.text.count("Answer:") for question in found) == 1
