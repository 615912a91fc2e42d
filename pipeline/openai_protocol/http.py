"""What every server of ours does over HTTP: listen, ask for the key, and say errors in OpenAI's shape."""

from __future__ import annotations

import hmac
from collections.abc import Awaitable, Callable

from aiohttp import web
from aiohttp.typedefs import Middleware

from pipeline.openai_protocol.fields import RequestError
from pipeline.openai_protocol.shapes import error_body, refusal

JSON = "application/json"

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


def guard(api_key: str) -> Middleware:
    """Return the middleware that lets those through who have the key (all, where there is none)."""

    @web.middleware
    async def guarded(request: web.Request, handler: Handler) -> web.StreamResponse:
        if request.path.startswith("/v1/") and not _knows(request, api_key):
            return error(401, "The API key is missing or wrong.", "invalid_request_error", "invalid_api_key")
        try:
            return await handler(request)
        except RequestError as refused:
            return web.Response(body=refusal(refused), status=refused.status, content_type=JSON)
        except web.HTTPException as failed:
            said = f"{failed.reason}: {request.method} {request.path}"
            code = "unknown_url" if failed.status == 404 else None
            return error(failed.status, said, "invalid_request_error", code)

    return guarded


def _knows(request: web.Request, api_key: str) -> bool:
    said = request.headers.get("Authorization", "")
    return not api_key or hmac.compare_digest(said.encode(), f"Bearer {api_key}".encode())


def error(status: int, message: str, kind: str, code: str | None = None) -> web.Response:
    """Return an error as a response."""
    return web.Response(body=error_body(message, kind, code), status=status, content_type=JSON)


async def listen(app: web.Application, host: str, port: int) -> tuple[web.AppRunner, str]:
    """Serve an application; return what ends it, and its address up to /v1. Port 0 takes a free one."""
    runner = web.AppRunner(app, access_log=None, handler_cancellation=True, shutdown_timeout=0.5)
    await runner.setup()
    try:
        await web.TCPSite(runner, host, port, backlog=4096).start()
    except OSError:
        await runner.cleanup()
        raise
    bound, number = runner.addresses[0][:2]
    return runner, f"http://{f'[{bound}]' if ':' in bound else bound}:{number}/v1"
