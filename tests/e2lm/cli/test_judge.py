"""`e2lm judge`: against a real `vllm serve` for the protocol, against recorded verdicts for the rest."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import httpx2
import pytest

from e2lm.cli.main import main
from e2lm.submissions.judging.verdicts import read_answers
from tests.e2lm.command_line import EXAMPLES
from tests.e2lm.submissions.judging.recorded_judge import verdict
from tests.e2lm.web_server import Request, Response, serving


def test_the_command_prints_the_outcome_and_its_exit_code_says_it(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "answers.jsonl"
    arguments = ["judge", str(EXAMPLES / "science-cloze"), "--model", "m", "--out", str(out), "--items", "40"]
    seen: list[str] = []

    def answer(request: Request) -> Response:
        seen.append(request.json["messages"][1]["content"])
        return verdict("reject" if len(seen) <= 4 else "accept")

    with serving(answer) as url:
        assert main([*arguments, "--base-url", f"{url}/v1"]) == 0
    printed = capsys.readouterr().out
    assert "passed: 90% accepted, 95 % interval 77% to 96%; 50% are needed" in printed
    assert printed.count("reject: because reject") == 4
    with serving(lambda request: Response(500)) as url:  # all is answered, so nothing is asked
        assert main([*arguments, "--base-url", f"{url}/v1", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["accepted"] == 36
    assert main([*arguments, "--base-url", "localhost:8000"]) == 2
    assert "'localhost:8000': not an address" in capsys.readouterr().err


@pytest.fixture(scope="session")
def vllm_server(vllm: None, miniature: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The base URL of a real vLLM server with a model of 150 thousand parameters, which writes nonsense."""
    folder = tmp_path_factory.mktemp("vllm")
    template = folder / "chat.jinja"
    template.write_text("{{ messages[-1]['content'][-1000:] }}")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    # fmt: off
    command = [
        sys.executable, "-m", "vllm.entrypoints.openai.api_server",  # what `vllm serve` runs
        "--model", max((miniature / "miniature/mini-150k-arch1").glob("iter_*")), "--served-model-name", "tiny",
        "--host", "127.0.0.1", "--port", port, "--enforce-eager", "--dtype", "float32", "--chat-template", template,
        "--max-num-seqs", "4", "--max-model-len", "4096", "--distributed-executor-backend", "uni",
    ]
    # fmt: on
    settings = {
        "HF_HUB_OFFLINE": "1",
        "VLLM_NO_USAGE_STATS": "1",
        "VLLM_CPU_KVCACHE_SPACE": "1",
        "VLLM_ALLOW_LONG_MAX_MODEL_LEN": "1",
    }
    with (folder / "log").open("w") as log:
        server = subprocess.Popen(
            [str(part) for part in command], stdout=log, stderr=log, cwd=folder, env={**os.environ, **settings}
        )
    try:
        deadline = time.monotonic() + 400
        with httpx2.Client(
            base_url=f"http://127.0.0.1:{port}", timeout=2
        ) as client:  # a new one each time takes seconds
            while not _is_up(client):
                assert server.poll() is None, (folder / "log").read_text()[-3000:]
                assert time.monotonic() < deadline, (folder / "log").read_text()[-3000:]
                time.sleep(0.3)
        yield f"http://127.0.0.1:{port}/v1"
    finally:
        server.terminate()
        try:
            server.wait(20)
        except subprocess.TimeoutExpired:
            server.kill()


def _is_up(client: httpx2.Client) -> bool:
    try:
        return client.get("/health").status_code == 200
    except httpx2.TransportError:
        return False


def test_a_real_server_holds_even_a_tiny_model_to_the_schema(
    vllm_server: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "answers.jsonl"
    arguments = ["judge", str(EXAMPLES / "science-cloze"), "--base-url", vllm_server, "--out", str(out), "--items", "8"]
    code = main([*arguments, "--model", "tiny", "--json"])
    outcome = json.loads(capsys.readouterr().out)
    assert outcome["unanswered"] == 0
    assert code == (0 if outcome["decision"] == "passed" else 1)
    for answer in read_answers(out):
        value = json.loads(answer.raw)
        assert value.keys() == {"reason", "verdict", "marked"}
        assert value["verdict"] == answer.verdict
        assert len(value["reason"]) <= 300
        assert answer.structured == "schema"
    assert main([*arguments, "--model", "absent"]) == 2
    assert "check --model" in capsys.readouterr().err
