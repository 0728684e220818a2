"""Counter that something else keeps, read for each scrape."""

from collections.abc import Callable, Iterator

from prometheus_client.core import CounterMetricFamily
from prometheus_client.registry import Collector


class CallbackCounter(Collector):
    """One counter without labels."""

    def __init__(self, name: str, documentation: str, value: Callable[[], float]) -> None:
        """`name`: without `_total`. `value` is called on any thread, and only grows."""
        self._name = name
        self._documentation = documentation
        self._value = value

    def collect(self) -> Iterator[CounterMetricFamily]:
        yield CounterMetricFamily(self._name, self._documentation, value=self._value())
