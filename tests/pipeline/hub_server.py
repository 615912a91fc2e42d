"""A model hub on loopback, as far as its client asks: repositories, preupload, large files, commits and tags."""

from __future__ import annotations

import asyncio
import base64
import hashlib
import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from aiohttp import web

TOKEN = "hub-token-of-the-tests"


@dataclass
class HubRepository:
    "What is in a repository now; `commits` are the messages."

    is_private: bool
    files: dict[str, bytes] = field(default_factory=dict)
    commits: list[str] = field(default_factory=list)
    tags: dict[str, str] = field(default_factory=dict)

    @property
    def oid(self) -> str:
        return hashlib.sha1(json.dumps(self.commits).encode()).hexdigest()


@dataclass
class FakeHub:
    "The hub's state. `fails_at` names a step at which it answers 500 so many times, such as lfs."

    repositories: dict[str, HubRepository] = field(default_factory=dict)
    blobs: dict[str, bytes] = field(default_factory=dict)
    asked: list[str] = field(default_factory=list)
    fails_at: str = ""
    url: str = ""

    def app(self) -> web.Application:
        app = web.Application(client_max_size=2**30, middlewares=[self._guard])
        app.router.add_post("/api/repos/create", self._create)
        app.router.add_post("/api/validate-yaml", self._validate)
        app.router.add_get("/api/models/{owner}/{name}", self._info)
        app.router.add_get("/api/models/{owner}/{name}/revision/{revision}", self._info)
        app.router.add_get("/api/models/{owner}/{name}/tree/{revision}", self._tree)
        app.router.add_post("/api/models/{owner}/{name}/preupload/{revision}", self._preupload)
        app.router.add_post("/api/models/{owner}/{name}/commit/{revision}", self._commit)
        app.router.add_post("/api/models/{owner}/{name}/tag/{revision}", self._tag)
        app.router.add_post("/{owner}/{name}.git/info/lfs/objects/batch", self._batch)
        app.router.add_put("/large/{oid}", self._large)
        app.router.add_post("/verify", self._verify)
        return app

    @web.middleware
    async def _guard(self, request: web.Request, handler: Any) -> web.StreamResponse:
        self.asked.append(f"{request.method} {request.path}")
        if not request.path.startswith("/large/") and request.headers.get("Authorization") != f"Bearer {TOKEN}":
            return web.json_response({"error": "Invalid username or password."}, status=401)
        if self.fails_at and self.fails_at in request.path:
            return web.json_response({"error": "disk full"}, status=507)
        response: web.StreamResponse = await handler(request)
        return response

    def _of(self, request: web.Request) -> HubRepository:
        key = f"{request.match_info['owner']}/{request.match_info['name']}"
        if key not in self.repositories:
            raise web.HTTPNotFound(headers={"X-Error-Code": "RepoNotFound"})
        return self.repositories[key]

    async def _create(self, request: web.Request) -> web.Response:
        said = await request.json()
        key = f"{said['organization']}/{said['name']}"
        if key in self.repositories:
            return web.json_response({"error": "exists", "url": f"{self.url}/{key}"}, status=409)
        is_private = said.get("private") is True or said.get("visibility") == "private"
        self.repositories[key] = HubRepository(is_private)
        return web.json_response({"url": f"{self.url}/{key}"})

    async def _validate(self, request: web.Request) -> web.Response:
        content = (await request.json())["content"]
        errors = [] if content.startswith("---\n") else [{"message": "no metadata"}]
        return web.json_response({"errors": errors, "warnings": []}, status=400 if errors else 200)

    async def _info(self, request: web.Request) -> web.Response:
        repository = self._of(request)
        siblings = [{"rfilename": name} for name in repository.files]
        key = f"{request.match_info['owner']}/{request.match_info['name']}"
        said = {
            "id": key,
            "sha": repository.oid,
            "siblings": siblings,
            "private": repository.is_private,
            "tags": [],
        }
        return web.json_response(said)

    async def _tree(self, request: web.Request) -> web.Response:
        files = self._of(request).files
        return web.json_response(
            [
                {"type": "file", "path": name, "size": len(data), "oid": blob_oid(data)}
                for name, data in files.items()
            ]
        )

    async def _preupload(self, request: web.Request) -> web.Response:
        files = self._of(request).files
        answers = []
        for file in (await request.json())["files"]:
            path = file["path"]
            mode = "lfs" if path.endswith(".safetensors") else "regular"
            there = files.get(path)
            oid = None if there is None else hashlib.sha256(there).hexdigest() if mode == "lfs" else blob_oid(there)
            answers.append({"path": path, "uploadMode": mode, "shouldIgnore": False, "oid": oid})
        return web.json_response({"files": answers})

    async def _batch(self, request: web.Request) -> web.Response:
        objects: list[dict[str, Any]] = []
        for each in (await request.json())["objects"]:
            said = {"oid": each["oid"], "size": each["size"]}
            if each["oid"] not in self.blobs:
                said["actions"] = {
                    "upload": {"href": f"{self.url}/large/{each['oid']}"},
                    "verify": {"href": f"{self.url}/verify"},
                }
            objects.append(said)
        return web.json_response({"transfer": "basic", "objects": objects})

    async def _large(self, request: web.Request) -> web.Response:
        data = await request.read()
        if hashlib.sha256(data).hexdigest() != request.match_info["oid"]:
            return web.Response(status=400)
        self.blobs[request.match_info["oid"]] = data
        return web.Response()

    async def _verify(self, request: web.Request) -> web.Response:
        said = await request.json()
        is_whole = len(self.blobs.get(said["oid"], b"")) == said["size"]
        return web.json_response({}, status=200 if is_whole else 404)

    async def _commit(self, request: web.Request) -> web.Response:
        repository = self._of(request)
        files, message = dict(repository.files), ""
        for line in (await request.text()).splitlines():
            said = json.loads(line)
            value = said["value"]
            if said["key"] == "header":
                message = value["summary"]
            elif said["key"] == "file":
                files[value["path"]] = base64.b64decode(value["content"])
            elif said["key"] == "lfsFile":
                files[value["path"]] = self.blobs[value["oid"]]
            elif said["key"] == "deletedFile":
                del files[value["path"]]
        repository.files = files
        repository.commits.append(message)
        key = f"{request.match_info['owner']}/{request.match_info['name']}"
        return web.json_response(
            {"commitOid": repository.oid, "commitUrl": f"{self.url}/{key}/commit/{repository.oid}"}
        )

    async def _tag(self, request: web.Request) -> web.Response:
        tag, repository = (await request.json())["tag"], self._of(request)
        if tag in repository.tags:
            return web.json_response({"error": "exists"}, status=409)
        repository.tags[tag] = request.match_info["revision"]
        return web.json_response({})


def blob_oid(data: bytes) -> str:
    return hashlib.sha1(b"blob %d\0" % len(data) + data).hexdigest()


@contextmanager
def serving(hub: FakeHub) -> Iterator[FakeHub]:
    "Serve it from a thread: the hub's client knows no event loop."
    loop, ready = asyncio.new_event_loop(), threading.Event()

    async def start() -> web.AppRunner:
        runner = web.AppRunner(hub.app())
        await runner.setup()
        site = web.TCPSite(runner, "127.0.0.1", 0)
        await site.start()
        hub.url = f"http://127.0.0.1:{runner.addresses[0][1]}"
        ready.set()
        return runner

    runners: list[web.AppRunner] = []

    def run() -> None:
        runners.append(loop.run_until_complete(start()))
        loop.run_forever()
        loop.run_until_complete(runners[0].cleanup())
        loop.close()

    thread = threading.Thread(target=run)
    thread.start()
    ready.wait(10)
    try:
        yield hub
    finally:
        loop.call_soon_threadsafe(loop.stop)
        thread.join(10)
