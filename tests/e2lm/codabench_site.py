"""A miniature Codabench server with the endpoints that `e2lm codabench` uses."""

from __future__ import annotations

from typing import Any

from tests.e2lm.web_server import Request, Response

ZIP = b"PK\x05\x06" + bytes(18)


def submission(number: int, owner: str = "ada", **changed: object) -> dict[str, Any]:
    """A row as api/submissions/ gives it."""
    return {
        "id": number,
        "owner": owner,
        "status": "Finished",
        "parent": None,
        "created_when": "2025-10-21T08:00:00Z",
        "on_leaderboard": True,
        "filename": "../../../etc/cron.d/evil.zip",
        "scores": [{"column_key": "score", "score": "0.5835000000"}, {"column_key": "sq", "score": "0.9"}],
        "fact_sheet_answers": {"team": "Lovelace", "student_team": "Yes", "method": "cloze", "license": "MIT"},
    } | changed


class Site:
    """The server: sign-in, listings, files at another address, reruns."""

    def __init__(self, *rows: dict[str, Any]) -> None:
        self.rows = rows
        self.paths: list[str] = []
        self.trouble: dict[str, list[Response]] = {}  # failing answers of a path before it works
        self.storage = ""
        self.pages = 0  # rows per page; 0: a plain list, as Codabench answers today
        self.content = ZIP
        self.results = ZIP

    def answer(self, request: Request) -> Response:
        self.paths.append(f"{request.method} {request.path}")
        path = request.path.split("?")[0]
        if self.trouble.get(path):
            return self.trouble[path].pop(0)
        if path == "/api/api-token-auth/":
            good = request.body == b"username=ada&password=difference"
            return (
                Response(200, {"token": "abc"}) if good else Response(400, {"non_field_errors": ["Unable to log in"]})
            )
        if request.headers.get("authorization") != "Token abc":
            return Response(401, {"detail": "Invalid token."})
        if path == "/api/submissions/":
            return self.listing(request)
        if path.endswith("/get_details/"):
            files = {"data_file": "file", "prediction_result": "results"}
            return Response(200, {key: f"{self.storage}/{name}{path}?signature=secret" for key, name in files.items()})
        if path.endswith("/re_run_submission/"):
            return Response(200, {"id": 1000 + int(path.split("/")[3])})
        return Response(404, {"detail": "Not found."})

    def listing(self, request: Request) -> Response:
        if not self.pages:
            return Response(200, list(self.rows))
        page = int(request.path.partition("page=")[2] or 1)
        rows = self.rows[(page - 1) * self.pages : page * self.pages]
        more = page * self.pages < len(self.rows)
        following = f"http://{request.headers['host']}/api/submissions/?phase=3&page={page + 1}" if more else None
        return Response(200, {"results": rows, "next": following, "count": len(self.rows)})

    def file(self, request: Request) -> Response:
        """The storage of files, which must not receive the token."""
        assert "authorization" not in request.headers
        path = request.path.split("?")[0]
        if self.trouble.get(path):
            return self.trouble[path].pop(0)
        return Response(200, self.results if path.startswith("/results/") else self.content)
