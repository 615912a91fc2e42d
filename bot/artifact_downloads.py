"""Handing out artifacts: only by a signed link, only what is verified, and never as something a browser runs."""

from __future__ import annotations

import asyncio
import tempfile
from http import HTTPStatus
from typing import BinaryIO

import structlog
from aiohttp import web

from bot.artifact_links import ArtifactLinks, ExpiredLinkError, ForgedLinkError
from bot.clock import Clock
from bot.store.artifacts import ArtifactRows
from pipeline.artifacts import ArtifactCorruptError, ArtifactMissingError, ArtifactStore, ArtifactStoreError
from pipeline.contract import Artifact

log = structlog.get_logger()

ROUTE = "/artifacts/{sha256}/{name}"

_CHUNK_BYTES = 256 * 1024
_READ_AT_ONCE = 4
_KNOWN_MEDIA_TYPES = frozenset(
    {
        "application/gzip",
        "application/json",
        "application/x-ndjson",
        "application/zip",
        "text/csv",
        "text/markdown",
        "text/plain",
    }
)
SAFE = {
    "X-Content-Type-Options": "nosniff",
    "Content-Security-Policy": "sandbox",
    "Referrer-Policy": "no-referrer",
    "Cache-Control": "private, no-store",
}
_FORGED = (
    "This link is not complete, or was not made by this bot.\n\n"
    "Copy it again from where you found it, up to its last character. If it still does not open, ask the people "
    "who run the bot for a fresh one."
)
_EXPIRED = (
    "This link has expired: links to files last only for some days.\n\n"
    "Write `/status` on the pull request: the answer holds fresh links. The people who run the bot get some with "
    "`taxonomy-bot artifacts list`, too."
)
GONE = (
    "This file is no longer kept.\n\n"
    "Files of pull requests are cleaned up after some time. If you still need it, ask for the job that made it to "
    "be run again."
)
_CORRUPT = (
    "This file was damaged where it is kept, so it is not handed out.\n\n"
    "That is our fault, and the people who run the bot find it in its log. Ask for the job that made the file "
    "to be run again."
)
_UNREACHABLE = (
    "The place where files are kept cannot be reached just now.\n\n"
    "That is our fault. Try again in some minutes; your link is fine."
)


class ArtifactDownloads:
    """Answers requests for artifacts."""

    def __init__(self, links: ArtifactLinks, rows: ArtifactRows, store: ArtifactStore, clock: Clock) -> None:
        self._links = links
        self._rows = rows
        self._store = store
        self._clock = clock
        self._reading = asyncio.Semaphore(_READ_AT_ONCE)

    async def handle(self, request: web.Request) -> web.StreamResponse:
        """Return the file, or a page that says in plain words why not, and what to do."""
        sha256, name = request.match_info["sha256"], request.match_info["name"]
        if (closed := door_closed(request, self._links, sha256, name, self._clock)) is not None:
            return closed
        return await self.send(request, sha256, name)

    async def send(self, request: web.Request, sha256: str, name: str) -> web.StreamResponse:
        """Return the file as an attachment, or a page that says why not; the caller knows that it may be read."""
        artifact = await self._rows.find(sha256, name)
        if artifact is None:
            return page(HTTPStatus.NOT_FOUND, GONE)
        return await handed_out(request, artifact, self._store, self._reading)


async def handed_out(
    request: web.Request, artifact: Artifact, store: ArtifactStore, reading: asyncio.Semaphore
) -> web.StreamResponse:
    """Return a file to whoever may have it, or a page that says why that cannot be."""
    # an answer cannot be taken back once its first bytes are sent, so the whole file is verified before
    with tempfile.TemporaryFile() as file:
        try:
            async with reading:
                await asyncio.to_thread(store.write_to, artifact, file)
        except ArtifactMissingError:
            log.error("artifact.missing", sha256=artifact.sha256, name=artifact.name)
            return page(HTTPStatus.NOT_FOUND, GONE)
        except ArtifactCorruptError:
            log.error("artifact.corrupt", sha256=artifact.sha256, name=artifact.name)
            return page(HTTPStatus.INTERNAL_SERVER_ERROR, _CORRUPT)
        except ArtifactStoreError as error:
            log.error("artifact.store_unusable", error=str(error))
            return page(HTTPStatus.SERVICE_UNAVAILABLE, _UNREACHABLE)
        return await _sent(request, artifact, file)


async def _sent(request: web.Request, artifact: Artifact, file: BinaryIO) -> web.StreamResponse:
    is_known = artifact.media_type in _KNOWN_MEDIA_TYPES
    response = web.StreamResponse(
        headers={
            **SAFE,
            "Content-Type": artifact.media_type if is_known else "application/octet-stream",
            "Content-Disposition": f'attachment; filename="{artifact.name}"',
        }
    )
    response.content_length = artifact.size
    await response.prepare(request)
    file.seek(0)
    while request.method != "HEAD" and (chunk := await asyncio.to_thread(file.read, _CHUNK_BYTES)):
        await response.write(chunk)
    await response.write_eof()
    return response


def door_closed(
    request: web.Request, links: ArtifactLinks, thing: str, name: str, clock: Clock
) -> web.Response | None:
    """Return the page that says why a link opens nothing; None when it may be followed."""
    expires, signature = request.query.get("expires", ""), request.query.get("signature", "")
    try:
        links.check(thing, name, expires, signature, clock.now())
    except ForgedLinkError:
        return page(HTTPStatus.FORBIDDEN, _FORGED)
    except ExpiredLinkError:
        return page(HTTPStatus.FORBIDDEN, _EXPIRED)
    return None


def page(status: HTTPStatus, text: str) -> web.Response:
    """Return a page of plain words."""
    return web.Response(status=status, text=text + "\n", headers=SAFE)
