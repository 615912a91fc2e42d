"""Proof that our relay client sees what smee's own client forwards: the same bytes, the same signature.

Installs the npm package `smee-client` into a temporary folder, lets it and our reader listen to one channel of
the tests' relay, posts signed webhooks of the simulator's kind there, and compares. Needs node and npm.
"""

from __future__ import annotations

import asyncio
import hmac
import json
import subprocess
import tempfile
from pathlib import Path
from typing import Any

import aiohttp
from aiohttp import web

from bot.relay_stream import StreamReader, relayed
from tests.stories.relay_server import RelayServer

PACKAGE = "smee-client@5.0.0"
SECRET = b"the secret of this proof"
PAYLOADS: list[dict[str, Any]] = [
    {"action": "opened", "number": 7, "text": "plain"},
    {"text": 'quotes " back \\ slash / line\nend\ttab', "nothing": None, "yes": True, "many": [1, 2.5, -3]},
    {"text": "naïve 😀 \u2028 <script> & \u007f \u0001", "id": 9_007_199_254_740_991},
    {"text": "x" * 200_000},
]
SCRIPT = """
import * as smee from 'smee-client'
const Client = smee.default ?? smee.SmeeClient
const client = new Client({ source: process.argv[2], target: process.argv[3], logger: console })
await client.start()
"""


async def compare() -> int:
    """Return how many webhooks came the same by both ways. Raises AssertionError for one that did not."""
    forwarded: asyncio.Queue[tuple[bytes, str]] = asyncio.Queue()

    async def take(request: web.Request) -> web.Response:
        forwarded.put_nowait((await request.read(), request.headers["x-hub-signature-256"]))
        return web.Response()

    app = web.Application(client_max_size=64 * 1024**2)
    app.router.add_post("/webhooks", take)
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    target = f"http://127.0.0.1:{runner.addresses[0][1]}/webhooks"
    server = RelayServer()
    await server.start()
    with tempfile.TemporaryDirectory() as folder:
        install = ["npm", "install", "--silent", "--no-audit", "--no-fund", "--prefix", folder, PACKAGE]
        await asyncio.to_thread(subprocess.run, install, check=True, capture_output=True, timeout=120)
        script = Path(folder) / "listen.mjs"
        script.write_text(SCRIPT)
        client = await asyncio.create_subprocess_exec("node", str(script), server.url, target)
        try:
            async with asyncio.timeout(60):
                await server.is_listened_to()
                same = await _post_all(server, forwarded)
        finally:
            client.terminate()
            await client.wait()
    await server.stop()
    await runner.cleanup()
    return same


async def _post_all(server: RelayServer, forwarded: asyncio.Queue[tuple[bytes, str]]) -> int:
    headers = {"Accept": "text/event-stream"}
    async with aiohttp.ClientSession() as session, session.get(server.url, headers=headers) as stream:
        reader = StreamReader(1024**2)
        waiting = stream.content.iter_any()
        for payload in PAYLOADS:
            body = json.dumps(payload, separators=(",", ":"), ensure_ascii=False).encode()
            signature = "sha256=" + hmac.digest(SECRET, body, "sha256").hex()
            sent = {"Content-Type": "application/json", "X-Hub-Signature-256": signature}
            await session.post(server.url, data=body, headers=sent)
            theirs, their_signature = await forwarded.get()
            ours = None
            while ours is None:
                events = reader.feed(await anext(waiting))
                ours = next((relayed(event.data) for event in events if event.kind == "message"), None)
            assert theirs == body, f"smee's client forwarded something else: {theirs[:80]!r}"
            assert body in ours.bodies, f"we would have checked something else: {ours.bodies[0][:80]!r}"
            assert their_signature == ours.headers["x-hub-signature-256"] == signature
    return len(PAYLOADS)


if __name__ == "__main__":
    print(f"{asyncio.run(compare())} of {len(PAYLOADS)} webhooks: the same bytes and signature as {PACKAGE}")
