"""Client of a chat model behind an OpenAI-compatible endpoint, such as `vllm serve`."""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import httpx2

from e2lm.http import FIRST_WAIT, check_address, send, shown
from e2lm_ingestion.errors import OrganizerError

KEY_VARIABLE = "E2LM_JUDGE_API_KEY"
MAX_TOKENS = 2048  # per answer; reasoning models need this many
TIMEOUT = httpx2.Timeout(180.0, connect=10.0)
STOPPED = frozenset({401, 402, 403, 404, 405})  # statuses that all items would get, so the run stops


@dataclass(frozen=True, slots=True)
class Reply:
    """The model's reply to one conversation."""

    text: str  # the text of the model
    problem: str  # the reason for a missing text, else empty
    structured: str  # the answer format that was requested


def answer_formats(schema: dict[str, Any]) -> list[tuple[str, dict[str, Any]]]:
    """Request settings for a JSON answer, from strict to none: some endpoints do not support the first ones."""
    unbounded = {**schema, "properties": {k: _unbounded(v) for k, v in schema["properties"].items()}}
    return [
        ("schema", _response_format(schema)),
        ("schema", _response_format(unbounded)),  # OpenAI's strict mode does not support maxLength
        ("json", {"response_format": {"type": "json_object"}}),
        ("none", {}),
    ]


def _response_format(schema: dict[str, Any]) -> dict[str, Any]:
    named = {"name": "verdict", "strict": True, "schema": schema}
    return {"response_format": {"type": "json_schema", "json_schema": named}}


def _unbounded(value: dict[str, Any]) -> dict[str, Any]:
    return {key: inner for key, inner in value.items() if key != "maxLength"}


class Endpoint:
    """One model behind an endpoint. Thread-safe; settings that the endpoint rejects are dropped for all threads."""

    def __init__(self, base_url: str, model: str, schema: dict[str, Any], *, first_wait: float = FIRST_WAIT) -> None:
        """`base_url` as other clients take it, with /v1. Raises OrganizerError if the key would be sent unencrypted."""
        self._key = os.environ.get(KEY_VARIABLE, "")
        check_address(base_url, secret=bool(self._key))
        headers = {"Authorization": f"Bearer {self._key}"} if self._key else {}
        self._client = httpx2.Client(headers=headers, timeout=TIMEOUT)
        self._url = base_url.rstrip("/") + "/chat/completions"
        self._formats = answer_formats(schema)
        self._settings: dict[str, Any] = {"model": model, "temperature": 0, "max_tokens": MAX_TOKENS}
        self._first_wait = first_wait
        self._learning = threading.Lock()

    def close(self) -> None:
        """Close the connections."""
        self._client.close()

    def ask(self, messages: list[dict[str, str]]) -> Reply:
        """The model's answer. Raises OrganizerError for an error that all items would get (key, address, model)."""
        while True:
            settings, formats = self._settings, self._formats
            kind, wanted = formats[0]
            body = {**settings, **wanted, "messages": messages}
            response = send(self._client, "POST", self._url, first_wait=self._first_wait, json=body)
            if response.status_code == 200:
                return _reply(response, kind)
            message = self._redacted(_message(response))
            if response.status_code in STOPPED:
                raise OrganizerError(f"{shown(self._url)}: {response.status_code}: {message}; {_advice(response)}")
            if response.status_code not in (400, 422, 501) or not self._learn(message, settings, formats):
                return Reply("", f"{response.status_code}: {message}", kind)

    def _learn(self, message: str, settings: dict[str, Any], formats: list[tuple[str, dict[str, Any]]]) -> bool:
        """Drop or replace a setting that the endpoint rejected; False if there is none."""
        with self._learning:
            if settings is not self._settings or formats is not self._formats:
                return True  # another thread has done so
            if "max_completion_tokens" in message and "max_tokens" in settings:  # the newer name of the same
                self._settings = {k: v for k, v in settings.items() if k != "max_tokens"}
                self._settings["max_completion_tokens"] = MAX_TOKENS
            elif "temperature" in message and "temperature" in settings:
                self._settings = {k: v for k, v in settings.items() if k != "temperature"}
            elif len(formats) > 1 and any(word in message for word in _ABOUT_FORMATS):
                self._formats = formats[1:]
            else:
                return False
            return True

    def _redacted(self, text: str) -> str:
        return text.replace(self._key, "***") if self._key else text


_ABOUT_FORMATS = ("response_format", "json_schema", "json_object", "schema", "maxLength", "structured", "guided")


def _reply(response: httpx2.Response, kind: str) -> Reply:
    try:
        choice = response.json()["choices"][0]
        text, finish = choice["message"]["content"], choice.get("finish_reason")
    except (ValueError, KeyError, IndexError, TypeError):
        return Reply("", "the endpoint's answer is not a chat completion", kind)
    if not isinstance(text, str) or not text.strip():
        return Reply("", f"an empty answer (finish_reason {finish})", kind)
    if finish == "length":
        return Reply(text, f"the answer was cut off after {MAX_TOKENS:,} tokens", kind)
    return Reply(text, "", kind)


def _message(response: httpx2.Response) -> str:
    """The server's error message, in one line."""
    try:
        texts = list(_messages(response.json()))
    except ValueError:
        texts = []
    return "".join(c for c in " ".join((texts or [response.text])[0].split()) if c.isprintable())[:300]


def _messages(value: Any) -> Iterator[str]:  # noqa: ANN401 (what JSON holds)
    if isinstance(value, dict):
        for key in ("message", "error", "detail"):
            if isinstance(value.get(key), str):
                yield value[key]
            elif key in value:
                yield from _messages(value[key])


def _advice(response: httpx2.Response) -> str:
    if response.status_code == 404:
        return "check --model, and that --base-url has the path that the endpoint needs, usually /v1"
    return f"check the key in {KEY_VARIABLE}"
