"""Metrics as they are declared, once each: name, meaning and labels. What is not declared cannot be counted.

Every label is bounded, whatever is thrown at it: by the values it knows, or by how many it may have. What does not
fit is counted as "other". So nobody outside can make us remember more and more.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from itertools import product
from math import prod

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, disable_created_metrics
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.exposition import choose_encoder
from prometheus_client.registry import Collector

OTHER = "other"
_LONGEST = 80
_MOST = 50  # values of a label that does not know its values
_MOST_AT_ZERO = 120  # series of a counter that are there from the start

disable_created_metrics()  # type: ignore[no-untyped-call]


class Kind(StrEnum):
    """How a metric behaves."""

    COUNTER = "counter"
    GAUGE = "gauge"
    HISTOGRAM = "histogram"


@dataclass(frozen=True, slots=True)
class Label:
    """One label: the values it `known`-ly has, else at most so many. `meaning` is for the reference."""

    name: str
    meaning: str = ""
    known: frozenset[str] | None = None
    most: int = _MOST

    def of(self, known: Iterable[str]) -> Label:
        """Return the same label with these values, and no others."""
        return Label(self.name, self.meaning, frozenset(known), self.most)


@dataclass(frozen=True, slots=True)
class Declared:
    """One metric as the reference and the tests see it."""

    name: str
    kind: Kind
    meaning: str
    labels: tuple[Label, ...] = ()

    @property
    def series(self) -> frozenset[str]:
        """The names under which a query finds it."""
        if self.kind is Kind.HISTOGRAM:
            return frozenset({f"{self.name}_bucket", f"{self.name}_sum", f"{self.name}_count"})
        return frozenset({self.name})


@dataclass(slots=True)
class _Bounds:
    """What values of each label have been seen, so that there are never too many."""

    labels: tuple[Label, ...]
    seen: dict[str, set[str]] = field(default_factory=dict)

    def fit(self, values: Sequence[str]) -> tuple[str, ...]:
        """Return the values, each replaced by "other" where it does not fit."""
        if len(values) != len(self.labels):
            raise ValueError(f"{len(values)} values for the labels {[label.name for label in self.labels]}")
        return tuple(self._fit(label, value) for label, value in zip(self.labels, values, strict=True))

    def _fit(self, label: Label, value: str) -> str:
        if label.known is not None:
            return value if value in label.known else OTHER
        seen = self.seen.setdefault(label.name, set())
        if value in seen:
            return value
        if not value or len(value) > _LONGEST or not value.isprintable() or len(seen) >= label.most:
            return OTHER
        seen.add(value)
        return value


class Count:
    """A counter. Series that are known beforehand are told from the start, where they are few.

    One that appeared with its first count would begin at 1, and to Prometheus that is no increase.
    """

    def __init__(self, declared: Declared, registry: CollectorRegistry) -> None:
        names = [label.name for label in declared.labels]
        self._metric = Counter(declared.name, declared.meaning, names, registry=registry)
        self._bounds = _Bounds(declared.labels)
        known = [sorted(label.known) for label in declared.labels if label.known is not None]
        if known and len(known) == len(names) and prod(map(len, known)) <= _MOST_AT_ZERO:
            for values in product(*known):
                self.expect(*values)

    def expect(self, *values: str) -> None:
        """Tell the series of these values from now on, before anything is counted there."""
        self._metric.labels(*self._bounds.fit(values))

    def add(self, *values: str, by: float = 1.0) -> None:
        """Count, under these values of its labels."""
        (self._metric.labels(*self._bounds.fit(values)) if values else self._metric).inc(max(0.0, by))


class Spread:
    """A histogram."""

    def __init__(self, declared: Declared, registry: CollectorRegistry, buckets: Sequence[float]) -> None:
        names = [label.name for label in declared.labels]
        self._metric = Histogram(declared.name, declared.meaning, names, registry=registry, buckets=buckets)
        self._bounds = _Bounds(declared.labels)

    def note(self, amount: float, *values: str) -> None:
        """Take one measurement, under these values of its labels."""
        (self._metric.labels(*self._bounds.fit(values)) if values else self._metric).observe(amount)


class Level:
    """A gauge that is set where it changes."""

    def __init__(self, declared: Declared, registry: CollectorRegistry) -> None:
        names = [label.name for label in declared.labels]
        self._metric = Gauge(declared.name, declared.meaning, names, registry=registry)
        self._bounds = _Bounds(declared.labels)

    def set(self, amount: float, *values: str) -> None:
        """Set it, under these values of its labels."""
        (self._metric.labels(*self._bounds.fit(values)) if values else self._metric).set(amount)


class Shown(Collector):
    """A gauge whose values are all replaced whenever somebody looks; one that nobody knows is not told."""

    def __init__(self, declared: Declared, registry: CollectorRegistry) -> None:
        self._declared = declared
        self._values: dict[tuple[str, ...], float] = {}
        self._look: Callable[[], Mapping[tuple[str, ...], float]] | None = None
        registry.register(self)

    def show(self, values: Mapping[tuple[str, ...], float]) -> None:
        """Replace all values. What does not fit into the labels is added up."""
        bounds, found = _Bounds(self._declared.labels), dict[tuple[str, ...], float]()
        for labels, value in values.items():
            fitting = bounds.fit(labels)
            found[fitting] = found.get(fitting, 0.0) + value
        self._values = found

    def collect(self) -> Iterator[GaugeMetricFamily]:
        """Yield the values for a scrape."""
        if self._look is not None:
            self.show(self._look())
        names = [label.name for label in self._declared.labels]
        family = GaugeMetricFamily(self._declared.name, self._declared.meaning, labels=names)
        for labels, value in self._values.items():
            family.add_metric(labels, value)
        yield family

    def ask(self, look: Callable[[], Mapping[tuple[str, ...], float]]) -> None:
        """Have somebody asked for the values at each scrape, in the thread that answers it."""
        self._look = look

    def describe(self) -> Iterator[GaugeMetricFamily]:
        """Yield the name alone, so that no two metrics share one."""
        yield GaugeMetricFamily(self._declared.name, self._declared.meaning)


class Book:
    """All metrics of one program. Its methods declare one each; a name that is taken is refused."""

    def __init__(self, prefix: str) -> None:
        self.prefix = prefix
        self.registry = CollectorRegistry(auto_describe=False)
        self.declared: dict[str, Declared] = {}

    def count(self, name: str, meaning: str, *labels: Label) -> Count:
        """Declare a counter; its name ends in _total."""
        return Count(self._declare(name, Kind.COUNTER, meaning, labels), self.registry)

    def spread(self, name: str, meaning: str, *labels: Label, buckets: Sequence[float]) -> Spread:
        """Declare a histogram; `buckets` are upper bounds in the unit that its name ends in."""
        return Spread(self._declare(name, Kind.HISTOGRAM, meaning, labels), self.registry, buckets)

    def level(self, name: str, meaning: str, *labels: Label) -> Level:
        """Declare a gauge that is set where it changes."""
        return Level(self._declare(name, Kind.GAUGE, meaning, labels), self.registry)

    def shown(self, name: str, meaning: str, *labels: Label) -> Shown:
        """Declare a gauge that is looked up for each scrape."""
        return Shown(self._declare(name, Kind.GAUGE, meaning, labels), self.registry)

    def exposition(self, accept: str) -> tuple[bytes, str]:
        """Return all values as a scraper wants them, OpenMetrics or plain text, and their content type."""
        encode, content_type = choose_encoder(accept)
        return encode(self.registry), content_type

    def _declare(self, name: str, kind: Kind, meaning: str, labels: tuple[Label, ...]) -> Declared:
        full = self.prefix + name
        if full in self.declared:
            raise ValueError(f"{full} is declared twice")
        self.declared[full] = found = Declared(full, kind, meaning, labels)
        return found
