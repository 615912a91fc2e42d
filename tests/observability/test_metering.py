"""Metrics are declared once, named as Prometheus wants it, and bounded whatever is thrown at them."""

from __future__ import annotations

import pytest

from bot.metrics.reading import BOOK as BOT
from bot.metrics.rules import judged
from pipeline.metering import Book, Declared, Kind, Label
from pipeline.worker.metrics import BOOK as WORKER
from pipeline.worker.metrics import stage_of
from tests.observability.scraping import OPENMETRICS, read

_ALL = [*BOT.declared.values(), *WORKER.declared.values()]
_UNITS = ("milliseconds", "minutes", "hours", "days", "kilobytes", "mib", "gib", "percent", "_ms", "_pct")


@pytest.mark.parametrize("metric", _ALL, ids=lambda metric: metric.name)
def test_names_follow_the_conventions(metric: Declared) -> None:
    "Counters end in _total and nothing else does; units are base units, at the end of the name."
    assert (metric.kind is Kind.COUNTER) == metric.name.endswith("_total")
    assert not [unit for unit in _UNITS if unit in metric.name]
    for unit in ("seconds", "bytes"):
        assert unit not in metric.name or metric.name.removesuffix("_total").endswith(unit)
    assert metric.kind is not Kind.HISTOGRAM or metric.name.endswith(("_seconds", "_bytes"))
    assert metric.meaning.endswith(".")
    assert not {"le", "quantile", "job", "instance"} & {label.name for label in metric.labels}


@pytest.mark.parametrize("metric", _ALL, ids=lambda metric: metric.name)
def test_no_metric_can_have_very_many_series(metric: Declared) -> None:
    "The most that all labels together can come to is what a small Prometheus bears."
    most = 1
    for label in metric.labels:
        most *= len(label.known) + 1 if label.known is not None else label.most + 1
    assert most <= 110_000
    if metric.kind is Kind.HISTOGRAM:
        assert most <= 110


@pytest.mark.parametrize(
    "hostile", ["", "x" * 81, 'a"b\n} 1', "\x00", "\u202e", *(f"made-up-{n}" for n in range(3))]
)
def test_a_label_with_known_values_has_no_others(hostile: str) -> None:
    "Whatever a stranger sends as an event, it is counted as other."
    book = Book("test_")
    count = book.count("things_total", "Things.", Label("event").of({"push"}))
    count.add(hostile)
    count.add("push")
    found = read(book.exposition("")[0].decode())
    assert found.values_of("event") == {"other", "push"}


def test_a_label_without_known_values_has_not_very_many() -> None:
    "After so many values, all further ones are one; those that are there go on being told apart."
    book = Book("test_")
    count = book.count("things_total", "Things.", Label("reason", most=10))
    for number in range(10_000):
        count.add(f"reason {number}")
    for bad in ("", "two\nlines", "long" * 100):
        count.add(bad)
    count.add("reason 3")
    found = read(book.exposition("")[0].decode())
    assert found.values_of("reason") == {"other", *(f"reason {number}" for number in range(10))}
    assert found.value("test_things_total", reason="reason 3") == 2
    assert found.value("test_things_total", reason="other") == 9_993


def test_what_may_be_counted_is_told_before_it_is() -> None:
    "As 0, where the values are known and not very many; one that turns up later can be expected, too."
    book = Book("test_")
    few, end = Label("kind").of({"a", "b"}), Label("end").of({"good", "bad"})
    book.count("things_total", "Things.", few, end)
    book.count("answers_total", "Answers.", few, Label("status").of(str(code) for code in range(500)))
    reasons = book.count("drops_total", "Drops.", Label("reason"))
    reasons.expect("too long")
    found = read(book.exposition("")[0].decode())
    things = [dict(labels) for name, labels in found.samples if name == "test_things_total"]
    assert sorted((each["kind"], each["end"]) for each in things) == [
        ("a", "bad"), ("a", "good"), ("b", "bad"), ("b", "good"),
    ]  # fmt: skip
    assert set(found.samples.values()) == {0}
    assert not found.has("test_answers_total")
    assert found.values_of("reason") == {"too long"}


def test_a_communitys_own_rule_is_known_once_it_has_run() -> None:
    "Its first crash is seen, though nobody knew of it when the bot started."
    judged({"our-own": 0.1}, [])
    found = read(BOT.exposition("")[0].decode())
    assert ("taxonomy_bot_rule_crashes_total", frozenset({("rule", "our-own")})) in found.samples


def test_a_name_is_declared_once() -> None:
    "Two areas that count under one name would add up apples and pears."
    book = Book("test_")
    book.count("things_total", "Things.")
    with pytest.raises(ValueError, match="declared twice"):
        book.shown("things_total", "Other things.")


@pytest.mark.parametrize("book", [BOT, WORKER], ids=["bot", "worker"])
@pytest.mark.parametrize("accept", ["text/plain", OPENMETRICS], ids=["text", "openmetrics"])
def test_the_exposition_is_read_by_prometheus_own_parser(book: Book, accept: str) -> None:
    "In both forms, and every declared metric is in it once it has a value."
    text, content_type = book.exposition(accept)
    found = read(text.decode(), is_openmetrics="openmetrics" in content_type)
    assert found.samples
    assert ("openmetrics" in content_type) == (accept == OPENMETRICS)
    assert text.decode().rstrip().endswith("# EOF") == (accept == OPENMETRICS)


@pytest.mark.parametrize(
    ("told", "stage"),
    [
        ("waiting for the judge", "waiting"),
        ("base and tuned model answer 12 questions", "answering"),
        ("the judge scores 24 answers", "judging"),
        ("training: step 3 of 20, loss 0.4183", "training"),
        ("3 of 7 leaves done", "generating"),
        ("fetching the models", "fetching"),
        ("something that nobody has thought of", ""),
    ],
)
def test_stages_have_few_names(told: str, stage: str) -> None:
    "What is told to people has numbers in it; what is counted has none."
    assert stage_of(told) == stage
