"""Client for the part of Codabench's HTTP API that organizers need. Names from the server are never used as paths."""

from __future__ import annotations

import os
import re
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urljoin, urlsplit

import httpx2

from e2lm import http
from e2lm.http import FIRST_WAIT, check_address, send, shown
from e2lm_ingestion.errors import OrganizerError, naming

TOKEN_VARIABLE, USER_VARIABLE, PASSWORD_VARIABLE = "CODABENCH_TOKEN", "CODABENCH_USERNAME", "CODABENCH_PASSWORD"
# Files of a submission to download: the key of the URL in Codabench's answer, and the size limit in bytes.
SUBMISSION = ("data_file", 200_000_000)  # Codabench accepts up to 100 MB
RESULTS = ("prediction_result", 4_000_000_000)  # 15,000 items at 380 checkpoints are about 500 MB
MAX_PAGES = 1_000
TRIES = 3  # of a download
TIMEOUT = httpx2.Timeout(120.0, connect=15.0)


@dataclass(frozen=True, slots=True)
class Submitted:
    """A submission as Codabench lists it."""

    id: int
    owner: str
    status: str  # Finished, Failed, Running, ...
    created: str  # ISO 8601
    on_leaderboard: bool
    scores: Mapping[str, float]  # by column key
    answers: Mapping[str, str]  # of the fact sheet


class Codabench:
    """A signed-in client. The token is sent to the server alone, never to the storage of its files."""

    def __init__(self, url: str, *, first_wait: float = FIRST_WAIT) -> None:
        """Sign in with $CODABENCH_TOKEN, or $CODABENCH_USERNAME and $CODABENCH_PASSWORD. Raises OrganizerError."""
        check_address(url, secret=True)
        self._url = url.rstrip("/") + "/"
        self._first_wait = first_wait
        self._client = httpx2.Client(timeout=TIMEOUT)  # follows no redirect
        self._files = httpx2.Client(timeout=TIMEOUT, follow_redirects=True, max_redirects=5)
        self._headers: dict[str, str] = {}
        self._headers = {"Authorization": f"Token {self._token()}"}

    def close(self) -> None:
        """Close the connections."""
        self._client.close()
        self._files.close()

    def submissions(self, phase: int) -> list[Submitted]:
        """The phase's submissions, oldest first, without those that Codabench derives from another for one task."""
        found = {}
        for value in self._pages(f"api/submissions/?phase={phase}"):
            one = _submitted(value)
            if value.get("parent") is None:
                found[one.id] = one
        return [found[number] for number in sorted(found)]

    def rerun(self, submission: int) -> int:
        """Run a submission again, in its phase. Returns the new submission's number; it is never sent twice."""
        value = self._json("POST", f"api/submissions/{submission}/re_run_submission/", repeatable=False)
        if not isinstance(value, dict) or not isinstance(value.get("id"), int):
            raise OrganizerError(f"submission {submission}: Codabench did not say which new submission the rerun is")
        return int(value["id"])

    def download(self, submission: int, path: Path, what: tuple[str, int]) -> int:
        """Write a zip of a submission to `path`, atomically: a broken download leaves nothing. Returns its bytes.

        `what` is SUBMISSION, or RESULTS, the output of ingestion.
        """
        key, limit = what
        details = self._json("GET", f"api/submissions/{submission}/get_details/")
        address = details.get(key) if isinstance(details, dict) else None
        if not isinstance(address, str) or not address:
            raise OrganizerError(f"submission {submission}: Codabench has no {key} of it; it was deleted or never made")
        address = self._absolute(address)
        check_address(address, secret=False)
        part = path.with_name(path.name + ".part")
        try:
            for attempt in range(1, TRIES + 1):
                try:
                    self._stream(address, part, submission, limit)
                    break
                except (httpx2.HTTPError, httpx2.InvalidURL) as error:
                    if attempt == TRIES:
                        raise OrganizerError(f"submission {submission}: {shown(address)}: {_why(error)}") from None
                    time.sleep(min(self._first_wait * attempt, http.LONGEST_WAIT))
            os.replace(part, path)
        finally:
            part.unlink(missing_ok=True)
        return path.stat().st_size

    def _stream(self, address: str, part: Path, submission: int, limit: int) -> None:
        with naming(part), self._files.stream("GET", address) as response, part.open("wb") as file:
            response.raise_for_status()
            size = 0
            for chunk in response.iter_bytes():
                size += len(chunk)
                if size > limit:
                    raise OrganizerError(
                        f"submission {submission}: the file is larger than {limit / 1e6:,.0f} MB; look at it on "
                        "the site, and leave it out by naming the others"
                    )
                file.write(chunk)

    def _absolute(self, address: str) -> str:
        try:
            return urljoin(self._url, address)
        except ValueError:
            raise OrganizerError(f"{address[:60]!a}: the server's answer holds no address; check --url") from None

    def _token(self) -> str:
        if token := os.environ.get(TOKEN_VARIABLE, "").strip():
            return _plain(token, TOKEN_VARIABLE)
        user, password = os.environ.get(USER_VARIABLE), os.environ.get(PASSWORD_VARIABLE)
        if not user or not password:
            raise OrganizerError(f"set {TOKEN_VARIABLE} in the environment, or {USER_VARIABLE} and {PASSWORD_VARIABLE}")
        value = self._json("POST", "api/api-token-auth/", data={"username": user, "password": password})
        given = value.get("token") if isinstance(value, dict) else None
        if not isinstance(given, str):
            raise OrganizerError(f"{shown(self._url)}: no token in the answer to the sign-in; check --url")
        return _plain(given, "the server's token")

    def _pages(self, path: str) -> Iterator[dict[str, Any]]:
        """The objects of a listing: a plain list, or pages that name the next one."""
        seen: set[str] = set()
        while path:
            if path in seen or len(seen) == MAX_PAGES:
                raise OrganizerError(f"{shown(self._url)}: the pages of the listing have no end")
            seen.add(path)
            value = self._json("GET", path)
            rows, path = (value, "") if isinstance(value, list) else _page(value)
            for row in rows:
                if not isinstance(row, dict):
                    raise OrganizerError("Codabench's listing has entries that are not submissions; check --url")
                yield row

    def _json(self, method: str, path: str, *, repeatable: bool = True, data: dict[str, str] | None = None) -> Any:  # noqa: ANN401 (what JSON holds)
        address = self._absolute(path)
        if urlsplit(address)[:2] != urlsplit(self._url)[:2]:  # a next page on another server would receive the token
            raise OrganizerError(f"{shown(address)}: another server than {shown(self._url)}; check --url")
        wait = self._first_wait
        response = send(
            self._client, method, address, repeatable=repeatable, first_wait=wait, headers=self._headers, data=data
        )
        if response.status_code != 200:
            raise OrganizerError(f"{shown(address)}: {response.status_code}: {_explanation(response)}")
        try:
            return response.json()
        except ValueError:
            raise OrganizerError(f"{shown(address)}: the answer is not JSON; check --url") from None


def _why(error: Exception) -> str:
    """The reason of a failed download, without httpx2's message, which shows the signed address."""
    if isinstance(error, httpx2.HTTPStatusError):
        return f"the storage answers {error.response.status_code}"
    return f"the download broke ({type(error).__name__})"


def _page(value: Any) -> tuple[list[Any], str]:  # noqa: ANN401 (what JSON holds)
    if not isinstance(value, dict) or not isinstance(value.get("results"), list):
        raise OrganizerError("Codabench's answer is not a listing; check --url")
    following = value.get("next")
    return value["results"], following if isinstance(following, str) else ""


def _submitted(value: Mapping[str, Any]) -> Submitted:
    number = value.get("id")
    if not isinstance(number, int) or isinstance(number, bool) or number < 1:
        raise OrganizerError("Codabench's listing holds a submission without a number; check --url")
    scores = {}
    for score in value.get("scores") or []:
        try:
            scores[str(score["column_key"])] = float(score["score"])
        except (KeyError, TypeError, ValueError):
            continue
    sheet = value.get("fact_sheet_answers")
    answers = {str(k): _text(v) for k, v in sheet.items()} if isinstance(sheet, dict) else {}
    texts = {key: _text(value.get(key)) for key in ("owner", "status", "created_when")}
    shown_there = bool(value.get("on_leaderboard"))
    return Submitted(number, texts["owner"], texts["status"], texts["created_when"], shown_there, scores, answers)


def _text(value: Any) -> str:  # noqa: ANN401 (what JSON holds)
    """A value as text, without control characters of terminals."""
    text = "" if value is None else str(value)
    return "".join(c if c.isprintable() or c == "\n" else " " for c in text).strip()[:5000]


def _plain(token: str, name: str) -> str:
    if not re.fullmatch(r"[\x21-\x7e]+", token):
        raise OrganizerError(f"{name}: contains spaces or other characters that a token cannot have")
    return token


def _explanation(response: httpx2.Response) -> str:
    denied = "; the token is wrong, or its account is not an organizer of this competition"
    advice = {401: denied, 403: denied, 404: "; check the number and --url"}
    if response.is_redirect:
        return "the server redirects; give its own address as --url, with https://"
    try:
        text = str(response.json())
    except ValueError:
        text = response.reason_phrase
    return "".join(c for c in text if c.isprintable())[:200] + advice.get(response.status_code, "")
