"""A local server with the Hub's protocol: trees, files with ranges and digests, and injected failures."""

from __future__ import annotations

import hashlib
import json
import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import unquote, urlsplit


class Hub(ThreadingHTTPServer):
    """Repositories are folders: `repositories[(name, revision)]`."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.repositories: dict[tuple[str, str], Path] = {}
        self.cuts = 0  # number of answers with weights that end in the middle
        self.wrong = 0  # number of answers with weights that have a wrong byte
        self.sent: Counter[str] = Counter()  # bytes, by the file's name
        self.gated = False  # the tree is shown, files are refused

    @property
    def endpoint(self) -> str:
        return f"http://127.0.0.1:{self.server_port}"


class _Handler(BaseHTTPRequestHandler):
    server: Hub
    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        path = unquote(urlsplit(self.path).path)
        if path.startswith("/api/models/"):
            owner, name, *rest = path.removeprefix("/api/models/").split("/")
            if rest == ["refs"]:
                self._refs(f"{owner}/{name}")
                return
            what, revision = rest[:2] if rest else ("revision", "main")
            folder = self.server.repositories.get((f"{owner}/{name}", revision))
            self._answer_about(f"{owner}/{name}", folder, what)
            return
        if "/resolve/" not in path:
            self._answer(404, b"{}", {})
            return
        owner, name, _, revision, *inner = path.removeprefix("/").split("/")
        self._file(self.server.repositories[f"{owner}/{name}", revision] / "/".join(inner))

    def _answer_about(self, repository: str, folder: Path | None, what: str) -> None:
        """Of a revision: that it is there, or its `tree`, whichever part is asked for."""
        if folder is None:
            self._answer(404, b"{}", {"X-Error-Code": "RepoNotFound"})
            return
        if what == "revision":
            self._answer(200, json.dumps({"id": repository}).encode(), {"Content-Type": "application/json"})
            return
        files = [path for path in sorted(folder.rglob("*")) if path.is_file()]
        rows = [_row(path, str(path.relative_to(folder))) for path in files]
        self._answer(200, json.dumps(rows).encode(), {"Content-Type": "application/json"})

    def _refs(self, repository: str) -> None:
        """The revisions of a repository, as branches."""
        names = [revision for named, revision in self.server.repositories if named == repository]
        branches = [{"name": name, "ref": f"refs/heads/{name}", "targetCommit": "0" * 40} for name in names]
        if not names:
            self._answer(404, b"{}", {"X-Error-Code": "RepoNotFound"})
            return
        answer = {"branches": branches, "converts": [], "tags": []}
        self._answer(200, json.dumps(answer).encode(), {"Content-Type": "application/json"})

    def _file(self, path: Path) -> None:
        content, status, headers = path.read_bytes(), 200, {"ETag": f'"{_row(path, "")["oid"]}"'}
        total = len(content)
        if self.server.gated:
            self._answer(403, b"{}", {"X-Error-Code": "GatedRepo"})
            return
        if given := self.headers.get("Range"):
            start, end = (int(number) for number in given.removeprefix("bytes=").split("-"))
            content, status = content[start : end + 1], 206
            headers["Content-Range"] = f"bytes {start}-{start + len(content) - 1}/{total}"
        cut = False
        if path.suffix == ".safetensors":
            if self.server.wrong:
                self.server.wrong -= 1
                content = content[:-1] + bytes([content[-1] ^ 1])
            elif self.server.cuts:
                self.server.cuts -= 1
                cut = True
        self.server.sent[path.name] += len(content)
        self._answer(status, content, headers, cut=cut)

    def _answer(self, status: int, content: bytes, headers: dict[str, str], *, cut: bool = False) -> None:
        self.send_response(status)
        for key, value in {**headers, "Content-Length": str(len(content))}.items():
            self.send_header(key, value)
        self.end_headers()
        self.wfile.write(content[: len(content) // 2] if cut else content)
        self.close_connection = cut

    def log_message(self, format: str, *args: object) -> None:
        """Say nothing."""


def _row(path: Path, name: str) -> dict[str, object]:
    content = path.read_bytes()
    row: dict[str, object] = {"type": "file", "path": name, "size": len(content)}
    row["oid"] = hashlib.sha1(b"blob %d\0" % len(content) + content).hexdigest()
    if path.suffix == ".safetensors":
        row["lfs"] = {"oid": hashlib.sha256(content).hexdigest(), "size": len(content), "pointerSize": 134}
    return row


@contextmanager
def running_hub() -> Iterator[Hub]:
    """A hub on a free port."""
    hub = Hub()
    thread = threading.Thread(target=hub.serve_forever, kwargs={"poll_interval": 0.05})
    thread.start()
    try:
        yield hub
    finally:
        hub.shutdown()
        hub.server_close()
        thread.join()
