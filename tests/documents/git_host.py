"""A git host on loopback: `git http-backend` behind TLS, with an authority of its own, and ways to misbehave.

Its name, `git.birds.example`, exists in no name service: only who pins its address can reach it. Repositories are
real ones in a folder; a path can be given another answer (`host.answers`), which is how a test makes it slow or
endless, or has it send people elsewhere. `host.asked` holds the paths that were asked for.
"""

from __future__ import annotations

import asyncio
import os
import shutil
import subprocess
import threading
from collections.abc import Awaitable, Callable
from pathlib import Path

from aiohttp import web

from tests.certificates import certified

NAME = "git.birds.example"

Answer = Callable[[web.Request], Awaitable[web.StreamResponse]]


def git(folder: Path, *arguments: str, stdin: bytes = b"") -> str:
    "Run git as a contributor would, with none of this machine's configuration; return what it says."
    environment = {
        "PATH": os.environ["PATH"],
        "HOME": str(folder),
        "GIT_CONFIG_NOSYSTEM": "1",
        "GIT_AUTHOR_NAME": "Ana",
        "GIT_AUTHOR_EMAIL": "ana@birds.example",
        "GIT_COMMITTER_NAME": "Ana",
        "GIT_COMMITTER_EMAIL": "ana@birds.example",
        "GIT_AUTHOR_DATE": "2026-01-02T03:04:05Z",
        "GIT_COMMITTER_DATE": "2026-01-02T03:04:05Z",
    }
    done = subprocess.run(
        ["git", "-c", "init.defaultBranch=main", "-c", "protocol.file.allow=always", *arguments],
        cwd=folder,
        env=environment,
        input=stdin,
        capture_output=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr.decode()
    return done.stdout.decode().strip()


class Repository:
    """A working copy of somebody, and the bare repository on the host that it is pushed to."""

    def __init__(self, host: GitHost, name: str) -> None:
        self.host = host
        self.path = f"/{name}.git"
        self.bare = host.root / f"{name}.git"
        self.work = host.root.parent / "work" / name
        self.bare.mkdir(parents=True)
        self.work.mkdir(parents=True)
        git(self.bare, "init", "--quiet", "--bare")
        git(self.bare, "config", "uploadpack.allowFilter", "true")
        git(self.work, "init", "--quiet")

    @property
    def url(self) -> str:
        "The address to write into a leaf."
        return f"https://{NAME}:{self.host.port}{self.path}"

    def commit(self, files: dict[str, str | bytes | None], message: str = "More about birds") -> str:
        "Commit files (None removes one) on the current branch; return the commit's id."
        for path, content in files.items():
            place = self.work / path
            place.parent.mkdir(parents=True, exist_ok=True)
            if content is None:
                place.unlink()
            else:
                place.write_bytes(content if isinstance(content, bytes) else content.encode())
        return self.commit_all(message)

    def commit_all(self, message: str = "More about birds") -> str:
        "Commit what lies in the working copy."
        git(self.work, "add", "--all", "--force")
        git(
            self.work,
            "commit",
            "--quiet",
            "--allow-empty",
            "--cleanup=verbatim",
            "--file=-",
            stdin=message.encode(),
        )
        return git(self.work, "rev-parse", "HEAD")

    def push(self, where: str = "refs/heads/main", what: str = "HEAD") -> None:
        "Push to a ref on the host."
        git(self.work, "push", "--quiet", "--force", str(self.bare), f"{what}:{where}")


class GitHost:
    """The host; runs in a thread of its own, because fetching blocks."""

    def __init__(self, folder: Path) -> None:
        self.root = folder / "repositories"
        self.root.mkdir()
        self.ca_file = folder / "authority.pem"
        self.answers: dict[str, Answer] = {}
        self.asked: list[str] = []
        self.authorisations: list[str] = []
        self.port = 0
        self._path, self._git = os.environ["PATH"], shutil.which("git") or "git"
        self._context = certified(folder, self.ca_file, NAME)
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)
        self._runner: web.AppRunner | None = None

    def repository(self, name: str) -> Repository:
        "Make an empty repository."
        return Repository(self, name)

    def start(self) -> None:
        "Listen on loopback."
        self._thread.start()
        asyncio.run_coroutine_threadsafe(self._listen(), self._loop).result(10)

    def stop(self) -> None:
        "Stop listening, whoever is still being answered."
        asyncio.run_coroutine_threadsafe(self._close(), self._loop).result(10)
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(10)
        self._loop.close()

    async def _close(self) -> None:
        assert self._runner is not None
        await self._runner.cleanup()
        left = asyncio.all_tasks() - {asyncio.current_task()}
        for task in left:
            task.cancel()
        await asyncio.gather(*left, return_exceptions=True)

    async def _listen(self) -> None:
        app = web.Application(client_max_size=2**26)
        app.router.add_route("*", "/{path:.*}", self._answer)
        self._runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1)
        await self._runner.setup()
        await web.TCPSite(self._runner, "127.0.0.1", 0, ssl_context=self._context).start()
        self.port = self._runner.addresses[0][1]

    async def _answer(self, request: web.Request) -> web.StreamResponse:
        self.asked.append(request.path)
        self.authorisations += request.headers.getall("Authorization", [])
        for path, answer in self.answers.items():
            if request.path.startswith(path):
                return await answer(request)
        return await self.backend(request)

    async def backend(self, request: web.Request) -> web.Response:
        "Answer as git itself does."
        environment = {
            "PATH": self._path,
            "GIT_PROJECT_ROOT": str(self.root),
            "GIT_HTTP_EXPORT_ALL": "1",
            "GIT_CONFIG_NOSYSTEM": "1",
            "GIT_PROTOCOL": request.headers.get("Git-Protocol", ""),
            "PATH_INFO": request.path,
            "QUERY_STRING": request.query_string,
            "REQUEST_METHOD": request.method,
            "CONTENT_TYPE": request.headers.get("Content-Type", ""),
            "HTTP_CONTENT_ENCODING": "",
            "REMOTE_ADDR": "127.0.0.1",
        }
        program = await asyncio.create_subprocess_exec(
            self._git,
            "http-backend",
            env=environment,
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.DEVNULL,
        )
        out, _ = await program.communicate(await request.read())
        head, _, body = out.partition(b"\r\n\r\n")
        headers = dict(line.split(": ", 1) for line in head.decode().split("\r\n") if line)
        status = int(headers.pop("Status", "200 OK").split()[0])
        return web.Response(status=status, headers=headers, body=body)
