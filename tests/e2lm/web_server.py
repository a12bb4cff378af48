"""A local web server with answers defined by a test."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any


@dataclass(frozen=True, slots=True)
class Request:
    """What a client sent."""

    method: str
    path: str  # with its query
    headers: dict[str, str]  # names in lower case
    body: bytes

    @property
    def json(self) -> Any:  # noqa: ANN401 (what JSON holds)
        """The body."""
        return json.loads(self.body)


@dataclass(frozen=True, slots=True)
class Response:
    """What the server answers: JSON, or bytes as they are."""

    status: int = 200
    body: Any = None
    headers: dict[str, str] = field(default_factory=dict)
    broken: bool = False  # the connection ends in the middle


Answering = Callable[[Request], Response]


@contextmanager
def serving(answer: Answering) -> Iterator[str]:
    """Yield the address of a server that answers every request with `answer`."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            headers = {name.lower(): value for name, value in self.headers.items()}
            body = self.rfile.read(int(headers.get("content-length", 0)))
            response = answer(Request(self.command, self.path, headers, body))
            content = response.body if isinstance(response.body, bytes) else json.dumps(response.body).encode()
            self.send_response(response.status)
            for name, value in {"Content-Length": str(len(content)), **response.headers}.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(content[: len(content) // 2] if response.broken else content)
            self.close_connection = response.broken

        do_POST = do_GET  # noqa: N815 (http.server's name)

        def log_message(self, format: str, *args: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        server.server_close()
