"""The page about metrics lists what processes report, and nothing else."""

import re
from pathlib import Path

import httpx2

from renderq_shared.settings import WorkerSettings
from renderq_worker.metrics import WorkerGauges
from renderq_worker.process.worker_metrics import WorkerMetrics
from tests.scrape import families

PAGE = Path(__file__).parents[3] / "docs" / "reference" / "metrics.md"
ROW = re.compile(r"\| `(renderq_\w+)` \| (\w+) \| ([\w, ]*?) ?\| (.+) \|")


def rows(heading: str) -> dict[str, tuple[str, str]]:
    """Return the table below a heading: name of the samples → type and meaning."""
    [section] = [part for part in PAGE.read_text(encoding="utf-8").split("\n## ") if part.startswith(heading)]
    return {name: (kind, meaning) for name, kind, _, meaning in ROW.findall(section)}


def reported(page: str) -> dict[str, tuple[str, str]]:
    return {
        f"{name}_total" if metric.type == "counter" else name: (metric.type, metric.documentation)
        for name, metric in families(page).items()
    }


def test_the_api_reports_what_its_table_lists(http: httpx2.Client) -> None:
    assert reported(http.get("/metrics").text) == rows("API")


def test_a_worker_reports_what_its_table_lists() -> None:
    metrics = WorkerMetrics(WorkerSettings(), "w1", "cpu")
    metrics.add_state(lambda: WorkerGauges(0, False, (), None, None), lambda: 0)
    assert reported(metrics.render().decode()) == rows("Worker")
