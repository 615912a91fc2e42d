"""Traces: what one delivery led to, from the webhook to the GPU, under one id. Off unless somebody starts them.

Needs the extra `traces`. Without it, or while nothing is started, every function here returns at once. Spans carry
names, numbers and states, never what people wrote and never who they are.

An order and the jobs that it leads to find each other without a word between them: the ids of both are worked out
from where the order was given. So they meet in one trace, whichever replica sends the job, and after a restart.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from contextvars import ContextVar
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from opentelemetry.sdk.trace import TracerProvider
    from opentelemetry.sdk.trace.export import SpanExporter
    from opentelemetry.trace import Tracer

HEADER = "traceparent"  # of a job's message, as W3C's Trace Context has it; workers that do not know it ignore it

_PARENT = re.compile(r"00-(?!0{32})([0-9a-f]{32})-(?!0{16})([0-9a-f]{16})-[0-9a-f]{2}")
_ENDS_WITHIN_MS = 3_000
_NOTHING: AbstractContextManager[None] = nullcontext()

Attribute = str | int | float | bool


class TracingError(Exception):
    """Traces were asked for and cannot be had; the text says why, and what to do."""


class _Running:
    """What is there while traces are on."""

    def __init__(self, tracer: Tracer, provider: TracerProvider) -> None:
        self.tracer = tracer
        self.provider = provider


_running: _Running | None = None
_next_ids: ContextVar[tuple[int, int] | None] = ContextVar("next_ids", default=None)


def start(service: str, version: str, url: str = "", exporter: SpanExporter | None = None) -> None:
    """Begin to send spans to an OpenTelemetry collector by OTLP over HTTP; without address and exporter do nothing.

    Raises TracingError where the extra is not installed.
    """
    global _running
    if not url and exporter is None:
        return
    try:
        from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
        from opentelemetry.sdk.resources import Resource
        from opentelemetry.sdk.trace import TracerProvider
        from opentelemetry.sdk.trace.export import BatchSpanProcessor
        from opentelemetry.sdk.trace.id_generator import RandomIdGenerator
    except ImportError:
        raise TracingError(
            'For traces the extra has to be installed: pip install "taxonomy-bot[traces]"; '
            "or leave TRACES_URL empty."
        ) from None

    class Ids(RandomIdGenerator):
        """Random ids, but for the first span of an order."""

        def generate_trace_id(self) -> int:
            fixed = _next_ids.get()
            return fixed[0] if fixed else super().generate_trace_id()

        def generate_span_id(self) -> int:
            fixed = _next_ids.get()
            _next_ids.set(None)
            return fixed[1] if fixed else super().generate_span_id()

    stop()
    resource = Resource.create({"service.name": service, "service.version": version})
    provider = TracerProvider(resource=resource, id_generator=Ids(), shutdown_on_exit=False)
    sender = exporter or OTLPSpanExporter(endpoint=url, timeout=5)
    provider.add_span_processor(BatchSpanProcessor(sender, schedule_delay_millis=1_000))
    _running = _Running(provider.get_tracer("taxonomy"), provider)


def stop() -> None:
    """Send what is left, and stop; a collector that does not answer is not waited for."""
    global _running
    if _running is not None:
        _running.provider.force_flush(_ENDS_WITHIN_MS)
        _running.provider.shutdown()
        _running = None


def is_on() -> bool:
    """True while spans are sent."""
    return _running is not None


def span(name: str, *, order: str = "", parent: str = "", **attributes: Attribute) -> AbstractContextManager[None]:
    """Return what times the work done inside it.

    It belongs to the span around it. With `order`, a text of `order_at`, it begins the trace of that order.
    `parent` is a traceparent from another process; one that is malformed counts for nothing.
    """
    return _NOTHING if _running is None else _spanned(_running.tracer, name, order, parent, attributes)


def note(**attributes: Attribute) -> None:
    """Say something more of the span that the work is in."""
    if _running is not None:
        from opentelemetry.trace import get_current_span

        get_current_span().set_attributes(attributes)


def trace_id() -> str:
    """Return the id of the trace that the work belongs to, as 32 hex digits; empty for none."""
    if _running is None:
        return ""
    from opentelemetry.trace import get_current_span

    context = get_current_span().get_span_context()
    return f"{context.trace_id:032x}" if context.is_valid else ""


def order_at(repository_id: int, source: str) -> str:
    """Return what names an order: where it was given, without the line: a comment is one order."""
    root = source if source.startswith("label:") else ":".join(source.split(":")[:2])
    return f"{repository_id}:{root}"


def traceparent_of(order: str) -> str:
    """Return the traceparent of whatever an order leads to; empty while traces are off."""
    if _running is None:
        return ""
    trace, first = _ids_of(order)
    return f"00-{trace:032x}-{first:016x}-01"


def trace_id_in(parent: str) -> str:
    """Return the id of the trace that a traceparent names; empty for a malformed one."""
    found = _PARENT.fullmatch(parent)
    return found[1] if found else ""


@contextmanager
def _spanned(tracer: Tracer, name: str, order: str, parent: str, attributes: dict[str, Any]) -> Iterator[None]:
    from opentelemetry.context import Context
    from opentelemetry.trace import Status, StatusCode

    context = Context() if order else _context_of(parent)
    if order:
        _next_ids.set(_ids_of(order))
    # of an exception its kind alone: its text may hold what people wrote
    with tracer.start_as_current_span(
        name, context, attributes=attributes, record_exception=False, set_status_on_exception=False
    ) as current:
        try:
            yield
        except Exception as error:
            current.set_status(Status(StatusCode.ERROR, type(error).__name__))
            raise


def _context_of(parent: str) -> Any:
    """Return the context that a traceparent describes; None, which is the current one, where there is none."""
    from opentelemetry.trace import NonRecordingSpan, SpanContext, TraceFlags, set_span_in_context

    found = _PARENT.fullmatch(parent)
    if found is None:
        return None
    above = SpanContext(int(found[1], 16), int(found[2], 16), is_remote=True, trace_flags=TraceFlags(1))
    return set_span_in_context(NonRecordingSpan(above))


def _ids_of(order: str) -> tuple[int, int]:
    """Return the ids of an order's trace and of its first span; neither is ever zero."""
    digest = hashlib.sha256(b"taxonomy trace\0" + order.encode()).digest()
    return int.from_bytes(digest[:16], "big") | 1, int.from_bytes(digest[16:24], "big") | 1
