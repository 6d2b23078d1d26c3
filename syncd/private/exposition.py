"""From numbers to Prometheus' text: one registry for each composed daemon, filled anew for each scrape."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from time import CLOCK_BOOTTIME, clock_gettime
from typing import Any

from prometheus_client import CollectorRegistry, PlatformCollector, ProcessCollector, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily
from prometheus_client.metrics_core import Metric as Family
from prometheus_client.registry import Collector

from syncd.observability.meters import Histogram
from syncd.private import catalogue
from syncd.private.catalogue import Metric

MAKERS: Mapping[str, Any] = {
    "gauge": GaugeMetricFamily,
    "counter": CounterMetricFamily,
    "histogram": HistogramMetricFamily,
}


class Samples:
    """The numbers of one scrape."""

    def __init__(self) -> None:
        self._families: dict[str, Any] = {}

    def add(self, metric: Metric, value: float | bool | None, *labels: str) -> None:
        """A number; None is left out, as nobody knows it."""
        if value is not None:
            self._family(metric).add_metric(labels, float(value))

    def add_times(self, metric: Metric, times: Histogram, *labels: str) -> None:
        """A histogram."""
        self._family(metric).add_metric(labels, buckets=times.buckets(), sum_value=times.total_seconds)

    def one_of(self, metric: Metric, value: str, choices: tuple[str, ...], *labels: str) -> None:
        """1 for what is, 0 for what could be."""
        for choice in choices:
            self.add(metric, choice == value, *labels, choice)

    def families(self) -> Iterator[Family]:
        """In the order of the catalogue."""
        return (self._families[metric.name] for metric in catalogue.METRICS if metric.name in self._families)

    def _family(self, metric: Metric) -> Any:
        if metric.name not in self._families:
            self._families[metric.name] = MAKERS[metric.kind](metric.name, metric.meaning, labels=metric.labels)
        return self._families[metric.name]


class _Process(ProcessCollector):
    """CPU, memory, files. The unit's ProcSubset=pid hides /proc/stat; without its boot time the library tells nothing at all."""

    def __init__(self, wall_seconds: Callable[[], float], registry: CollectorRegistry) -> None:
        self._wall_seconds = wall_seconds
        super().__init__(registry=registry)

    def _boot_time(self) -> float | None:
        try:
            boot_time: float | None = super()._boot_time()  # type: ignore[no-untyped-call]
        except OSError:
            return self._wall_seconds() - clock_gettime(CLOCK_BOOTTIME)
        return boot_time


class Exposition(Collector):
    """The registry and what is in it."""

    def __init__(self, wall_seconds: Callable[[], float]) -> None:
        self._samples = Samples()
        self._registry = CollectorRegistry(auto_describe=False)
        self._registry.register(self)
        _Process(wall_seconds, self._registry)
        PlatformCollector(registry=self._registry)

    def collect(self) -> Iterator[Family]:
        """What the registry asks for."""
        return self._samples.families()

    def show(self, samples: Samples) -> bytes:
        """Prometheus' text."""
        self._samples = samples
        return generate_latest(self._registry)
