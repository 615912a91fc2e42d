"""An OpenTelemetry collector on loopback: takes OTLP over HTTP, and is searched by the id of a trace."""

from __future__ import annotations

import asyncio
import gzip
from dataclasses import dataclass
from types import TracebackType
from typing import Any, Self

from aiohttp import web
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest


@dataclass(frozen=True)
class Seen:
    "One span as the collector has it."

    service: str
    name: str
    trace: str
    id: str
    parent: str
    attributes: dict[str, Any]
    failure: str  # what is said of its end, empty where it went well


class Collector:
    "Use it as an async context manager."

    def __init__(self) -> None:
        self.spans: list[Seen] = []
        self.bodies: list[bytes] = []  # as they came
        self.url = ""
        self._runner: web.AppRunner | None = None

    async def __aenter__(self) -> Self:
        app = web.Application()
        app.router.add_post("/v1/traces", self._take)
        self._runner = web.AppRunner(app, access_log=None)
        await self._runner.setup()
        await web.TCPSite(self._runner, "127.0.0.1", 0).start()
        self.url = f"http://127.0.0.1:{self._runner.addresses[0][1]}/v1/traces"
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        assert self._runner is not None
        await self._runner.cleanup()

    def of(self, trace: str) -> dict[str, Seen]:
        "The spans of one trace by service and name; of several with one name the last."
        return {f"{span.service}: {span.name}": span for span in self.spans if span.trace == trace}

    async def has(self, trace: str, *names: str, within_s: float = 20.0) -> dict[str, Seen]:
        "Wait until a trace has these spans."
        async with asyncio.timeout(within_s):
            while not set(names) <= self.of(trace).keys():
                await asyncio.sleep(0.05)
        return self.of(trace)

    async def _take(self, request: web.Request) -> web.Response:
        body = await request.read()
        if request.headers.get("Content-Encoding") == "gzip" and body[:2] == b"\x1f\x8b":
            body = gzip.decompress(body)
        self.bodies.append(body)
        told = ExportTraceServiceRequest.FromString(body)
        for resource in told.resource_spans:
            about = {each.key: each.value.string_value for each in resource.resource.attributes}
            for scope in resource.scope_spans:
                self.spans += [
                    Seen(
                        about["service.name"],
                        span.name,
                        span.trace_id.hex(),
                        span.span_id.hex(),
                        span.parent_span_id.hex(),
                        {a.key: getattr(a.value, a.value.WhichOneof("value")) for a in span.attributes},
                        span.status.message,
                    )
                    for span in scope.spans
                ]
        return web.Response(body=b"", content_type="application/x-protobuf")
