"""A small model server as a process of its own: it sleeps and wakes as vLLM does, slowly or not at all if told so.

`python sleepy_server.py PORT DIARY OPTIONS...`. The diary gets a line for each thing that happens to the GPU.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path


class Server(ThreadingHTTPServer):
    "Holds the GPU unless it sleeps."

    def __init__(self, options: argparse.Namespace) -> None:
        super().__init__(("127.0.0.1", options.port), Handler)
        self.options = options
        self.can_sleep = os.environ.get("VLLM_SERVER_DEV_MODE") == "1"
        self.is_asleep = False
        self.note("awake")

    def note(self, what: str) -> None:
        "Write down what happened."
        with Path(self.options.diary).open("a") as diary:
            diary.write(f"{what}\n")


class Handler(BaseHTTPRequestHandler):
    server: Server

    def do_GET(self) -> None:
        if self.path == "/health":
            self._answer(200)
        elif self.path == "/is_sleeping" and self.server.can_sleep:
            self._answer(200, {"is_sleeping": self.server.is_asleep})
        else:
            self._answer(404)

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers.get("Content-Length") or 0)) or b"{}")
        options = self.server.options
        if self.path == "/v1/chat/completions":
            self._complete(body)
        elif not self.server.can_sleep:
            self._answer(404)
        elif self.path == "/sleep?level=1":
            time.sleep(options.sleep_takes)
            self._turn(asleep=True, status=options.sleep_status)
        elif self.path == "/wake_up":
            time.sleep(options.wake_takes)
            self._turn(asleep=False, status=options.wake_status)
        else:
            self._answer(404)

    def _turn(self, *, asleep: bool, status: int) -> None:
        if status == 200 and not self.server.options.lies:
            self.server.is_asleep = asleep
            self.server.note("asleep" if asleep else "awake")
        self._answer(status)

    def _complete(self, body: dict[str, object]) -> None:
        if self.server.is_asleep:  # a real one breaks down for good
            self.server.note("asked while asleep")
            self._answer(500)
            return
        n = body.get("n") or 1
        message = {"role": "assistant", "content": "The kingfisher dives for fish."}
        choices = [
            {"index": i, "message": message, "finish_reason": "stop"} for i in range(n if isinstance(n, int) else 1)
        ]
        self._answer(200, {"id": "x", "object": "chat.completion", "model": "tiny", "choices": choices})

    def _answer(self, status: int, body: object = None) -> None:
        text = b"" if body is None else json.dumps(body).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(text)))
        self.end_headers()
        self.wfile.write(text)

    def log_message(self, *_: object) -> None:
        "Say nothing."


def main() -> None:
    "Load, then serve until killed."
    parser = argparse.ArgumentParser()
    parser.add_argument("port", type=int)
    parser.add_argument("diary")
    parser.add_argument("--load-takes", type=float, default=0.0)
    parser.add_argument("--sleep-takes", type=float, default=0.0)
    parser.add_argument("--wake-takes", type=float, default=0.0)
    parser.add_argument("--sleep-status", type=int, default=200)
    parser.add_argument("--wake-status", type=int, default=200)
    parser.add_argument("--lies", action="store_true")
    parser.add_argument("--dies-with", type=int, default=0)
    parser.add_argument("--helper", action="store_true")
    options = parser.parse_args()
    if options.helper:  # as the processes of a real one that hold the memory
        subprocess.Popen([sys.executable, "-c", "import time; time.sleep(300)"])
    time.sleep(options.load_takes)
    if options.dies_with:
        sys.exit(options.dies_with)
    server = Server(options)
    threading.Thread(target=server.serve_forever).start()


if __name__ == "__main__":
    main()
