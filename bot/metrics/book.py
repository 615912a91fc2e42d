"""The bot's book of metrics, and labels that several areas share."""

from __future__ import annotations

from prometheus_client import PlatformCollector, ProcessCollector

from bot.jobs import JobKind
from pipeline.contract import Queue
from pipeline.metering import Book, Label

BOOK = Book("taxonomy_bot_")

QUEUE = Label("queue", "where jobs wait").of(queue.value for queue in Queue)
JOB_KIND = Label("kind", "of the job").of(kind.value for kind in JobKind)
REPOSITORY = Label("repository", "numeric id of a served repository", most=200)

# how long something takes that people wait for, in seconds
WAITS_S = (0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 300.0, 1800.0)
LONG_WAITS_S = (1.0, 10.0, 60.0, 300.0, 900.0, 3600.0, 7200.0, 14400.0, 28800.0, 86400.0)

ProcessCollector(registry=BOOK.registry)
PlatformCollector(registry=BOOK.registry)
