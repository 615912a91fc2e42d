"""This process: whether it leads, whether it keeps up, and what it has of the database."""

from __future__ import annotations

from bot.metrics.book import BOOK
from pipeline.metering import Label

_PART = Label("part", "what could not be looked up").of(("backlog", "builds"))

INFO = BOOK.level("info", "1, with the version that runs.", Label("version", "of this program", most=3))
LEADS = BOOK.shown("leader", "1 on the replica that does what only one does at a time.")
REPLICAS = BOOK.shown("replicas", "Replicas that this one takes for alive, itself included.")
LAG_S = BOOK.spread(
    "event_loop_lag_seconds",
    "How much too late the event loop woke up something that slept for half a second.",
    buckets=(0.001, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 5.0),
)
CONNECTIONS = BOOK.shown("database_connections_in_use", "Connections to the database that are in use.")
MOST_CONNECTIONS = BOOK.shown("database_connections_most", "Connections to the database that there may be.")
NOT_READ = BOOK.count("scrape_failures_total", "Scrapes at which the database did not answer in time.", _PART)
SCRAPE_S = BOOK.spread(
    "scrape_seconds",
    "How long a scrape took.",
    buckets=(0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 5.0),
)
