"""Values of metrics, as Prometheus' own parser reads them."""

from collections.abc import Iterable

from prometheus_client import Metric
from prometheus_client.parser import text_string_to_metric_families


def families(page: str) -> dict[str, Metric]:
    """Return the metrics of a page by name."""
    return {family.name: family for family in text_string_to_metric_families(page)}


def value(page: str, name: str, **labels: str) -> float:
    """Return the sum of the samples of this name with these labels; 0 without one."""
    return sum(
        sample.value
        for family in families(page).values()
        for sample in family.samples
        if sample.name == name and labels.items() <= sample.labels.items()
    )


def label_values(page: str, name: str, label: str) -> set[str]:
    """Return the values of a label of the samples of this name."""
    samples: Iterable = (sample for family in families(page).values() for sample in family.samples)
    return {sample.labels[label] for sample in samples if sample.name == name}
