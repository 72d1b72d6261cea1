"""A language model's server on loopback: OpenAI-shaped or Anthropic-shaped, with every way to answer badly."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable, Iterable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Self

TOLD, ANSWERED = 1_200, 150  # tokens that it says it used
Answer = tuple[int, str, bytes]  # status, content type, body


def plan(*steps: dict[str, Any], question: str = "") -> dict[str, Any]:
    """A plan in the form that a model is asked for."""
    full = [{"id": f"a{at}", "input": {}, "reason": "because", **step} for at, step in enumerate(steps)]
    return {"steps": full, "why": ["it fits"], "question": question}


def says(said: Any, *, counts: bool = True, as_tool: bool = True, arguments: str = "") -> Answer:
    """An answer, as a call of the tool that gives the form, or as text."""
    text = arguments or json.dumps(said)
    call = {"id": "c1", "type": "function", "function": {"name": "final_result", "arguments": text}}
    message = {"role": "assistant", "content": None if as_tool else text, **({"tool_calls": [call]} if as_tool else {})}
    body: dict[str, Any] = {
        "id": "x", "object": "chat.completion", "created": 1, "model": "m",
        "choices": [{"index": 0, "finish_reason": "tool_calls" if as_tool else "stop", "message": message}],
    }  # fmt: skip
    if counts:
        body["usage"] = {"prompt_tokens": TOLD, "completion_tokens": ANSWERED, "total_tokens": TOLD + ANSWERED}
    return 200, "application/json", json.dumps(body).encode()


def says_as_anthropic(said: Any) -> Answer:
    """The same in the other shape."""
    body = {
        "id": "x", "type": "message", "role": "assistant", "model": "m", "stop_reason": "tool_use",
        "stop_sequence": None,
        "content": [{"type": "tool_use", "id": "t1", "name": "final_result", "input": said}],
        "usage": {"input_tokens": TOLD, "output_tokens": ANSWERED},
    }  # fmt: skip
    return 200, "application/json", json.dumps(body).encode()


def refuses(status: int, **_: Any) -> Answer:
    """An error of the provider."""
    return status, "application/json", json.dumps({"error": {"message": f"no ({status})"}}).encode()


def page(status: int = 200) -> Answer:
    """A page of something that stands in between."""
    return status, "text/html", b"<html><body>Bad gateway</body></html>"


class FakeModel:
    """Answers one after the other; the last one for ever. `asked` holds the requests."""

    def __init__(
        self, *answers: Answer | Callable[[dict[str, Any]], Answer], stall_s: float = 0, drip_s: float = 0
    ) -> None:
        self.answers = list(answers)
        self.asked: list[dict[str, Any]] = []
        self.keys: list[str] = []
        self.stall_s, self.drip_s = stall_s, drip_s
        fake = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                request = json.loads(self.rfile.read(int(self.headers["content-length"])))
                fake.asked.append(request)
                fake.keys.append(self.headers.get("authorization") or self.headers.get("x-api-key") or "")
                answer = fake.answers.pop(0) if len(fake.answers) > 1 else fake.answers[0]
                status, kind, body = answer(request) if callable(answer) else answer
                time.sleep(fake.stall_s)
                try:
                    self.send_response(status)
                    self.send_header("content-type", kind)
                    self.send_header("content-length", str(len(body)))
                    self.end_headers()
                    for piece in _pieces(body, 1 if fake.drip_s else len(body) or 1):
                        self.wfile.write(piece)
                        self.wfile.flush()
                        time.sleep(fake.drip_s)
                except OSError:
                    pass  # whoever asked has given up

            def log_message(self, *_: Any) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self.port = self._server.server_address[1]
        self.host = f"127.0.0.1:{self.port}"

    def __enter__(self) -> Self:
        threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()

    def section(self, **more: Any) -> str:
        """The `model:` line of a registry that names it."""
        said = {"provider": "openai", "name": "m", "base_url": f"http://{self.host}/v1", "deadline": "20s", **more}
        return f"model: {json.dumps(said)}\n"


def _pieces(body: bytes, size: int) -> Iterable[bytes]:
    return (body[at : at + size] for at in range(0, len(body), size))
