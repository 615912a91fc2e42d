"""Stands in for a model server in the tests: notes how it was started, and misbehaves as its environment says."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path


class Handler(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        is_fine = self.path == "/health" and "NEVER_READY" not in os.environ
        self.send_response(200 if is_fine else 503)
        self.end_headers()

    def log_message(self, *_: object) -> None:
        "Say nothing."


def main() -> None:
    child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(300)"])
    start = {"arguments": sys.argv[1:], "environment": dict(os.environ), "processes": [os.getpid(), child.pid]}
    with Path(os.environ["NOTES"]).open("a") as notes:
        notes.write(json.dumps(start) + "\n")
    if "IGNORES_SIGTERM" in os.environ:
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
    print("loading \x1b[31mred\r\nweights", flush=True)
    if "COMPLAINS" in os.environ:
        print("(Worker pid=7) ERROR 11-21 [worker.py:9] torch.OutOfMemoryError: no room for 90 GiB")
        print('  File "launch.py", line 1\n' * 20 + "RuntimeError: see above", flush=True)
    if "BROKEN" in os.environ:
        sys.exit("no such model")
    if "FALLS" in os.environ:
        threading.Timer(float(os.environ["FALLS"]), os._exit, (3,)).start()
    port = next(int(word.removeprefix("--port=")) for word in sys.argv if word.startswith("--port="))
    ThreadingHTTPServer(("127.0.0.1", port), Handler).serve_forever()


if __name__ == "__main__":
    main()
