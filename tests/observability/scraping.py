"""Asking as Prometheus does, and reading the answer with its own client's parser."""

from __future__ import annotations

import socket
from dataclasses import dataclass

import aiohttp
from prometheus_client.openmetrics.parser import text_string_to_metric_families as read_openmetrics
from prometheus_client.parser import text_string_to_metric_families as read_text

OPENMETRICS = "application/openmetrics-text; version=1.0.0"


def free_port() -> int:
    "A port that nobody listens at just now."
    with socket.create_server(("127.0.0.1", 0)) as held:
        return int(held.getsockname()[1])


@dataclass(frozen=True)
class Scrape:
    "What one scrape told."

    samples: dict[tuple[str, frozenset[tuple[str, str]]], float]

    def value(self, name: str, **labels: str) -> float:
        "The value of one series, 0 where it is not there."
        return self.samples.get((name, frozenset(labels.items())), 0.0)

    def has(self, name: str) -> bool:
        return any(known == name for known, _ in self.samples)

    def values_of(self, label: str) -> set[str]:
        "All values that a label has."
        return {value for _, labels in self.samples for name, value in labels if name == label}


def read(text: str, *, is_openmetrics: bool = False) -> Scrape:
    families = (read_openmetrics if is_openmetrics else read_text)(text)
    return Scrape({(s.name, frozenset(s.labels.items())): s.value for family in families for s in family.samples})


async def scraped(port: int, accept: str = "text/plain") -> Scrape:
    "Scrape a port of this machine."
    async with (
        aiohttp.ClientSession() as session,
        session.get(f"http://127.0.0.1:{port}/metrics", headers={"Accept": accept}) as answer,
    ):
        assert answer.status == 200
        return read(await answer.text(), is_openmetrics="openmetrics" in answer.content_type)
