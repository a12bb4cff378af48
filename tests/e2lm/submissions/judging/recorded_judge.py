"""Answers of a language model that judges, as its endpoint sends them."""

from __future__ import annotations

import json

from tests.e2lm.web_server import Response


def completion(text: str, finish: str = "stop") -> Response:
    return Response(body={"choices": [{"message": {"content": text}, "finish_reason": finish}]})


def verdict(word: str) -> Response:
    return completion(json.dumps({"reason": f"because {word}", "verdict": word}))
