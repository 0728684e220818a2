"""Metrics of a worker: what its jobs, its engine and its stores did."""

from pathlib import Path

import httpx2
import pytest

from renderq.contract import Status
from renderq_shared.errors import MetricsAddressUnavailable
from renderq_shared.settings import WorkerSettings
from renderq_worker.engine import Operation, Stage
from renderq_worker.engine.fallback_kind import FallbackKind
from renderq_worker.process.worker_metrics import WorkerMetrics
from tests.scrape import label_values, value
from tests.worker.worker_harness import MODEL, WorkerHarness


def test_a_rendered_job_is_counted_with_its_steps(redis_url: str, tmp_path: Path) -> None:
    with WorkerHarness(redis_url, tmp_path) as harness:
        harness.submit("job_1", n=2, steps=3)
        harness.wake()
        harness.wait_until_ended("job_1")
        harness.join_wakeups()
        page = harness.metrics.render().decode()
    assert value(page, "renderq_jobs_ended_total", model=MODEL, status="succeeded", error_code="") == 1
    assert value(page, "renderq_images_total", model=MODEL) == 2
    assert value(page, "renderq_steps_total", model=MODEL) == 6
    assert value(page, "renderq_batch_width_sum", model=MODEL) == 6
    assert value(page, "renderq_model_loads_total", model=MODEL) == 1
    assert value(page, "renderq_job_total_seconds_count", model=MODEL, task="txt2img") == 1
    assert {"claim", "finish"} <= label_values(page, "renderq_redis_call_seconds_count", "operation")
    assert value(page, "renderq_store_operation_seconds_count", operation="put") == 2
    assert value(page, "renderq_store_up") == 1


def test_a_job_that_fails_is_counted_with_its_code(redis_url: str, tmp_path: Path) -> None:
    with WorkerHarness(redis_url, tmp_path) as harness:
        harness.engine.failing_seeds = frozenset({5})
        harness.submit("job_1", seed=5)
        harness.wake()
        assert harness.wait_until_ended("job_1").status is Status.FAILED
        harness.join_wakeups()
        page = harness.metrics.render().decode()
    assert value(page, "renderq_jobs_ended_total", status="failed", error_code="nan_output") == 1


def test_a_job_that_is_handed_back_has_not_ended(redis_url: str, tmp_path: Path) -> None:
    with WorkerHarness(redis_url, tmp_path, step_s=0.05) as harness:
        harness.submit("job_1", steps=50)
        harness.wake()
        harness.wait_until_running("job_1")
        harness.worker.stop_claiming()
        harness.worker.release_jobs()
        page = harness.metrics.render().decode()
    assert value(page, "renderq_handbacks_total", model=MODEL) == 1
    assert value(page, "renderq_jobs_ended_total") == 0


def test_errors_of_the_object_store_are_counted(redis_url: str, tmp_path: Path) -> None:
    with WorkerHarness(redis_url, tmp_path) as harness:
        harness.objects.refusals = 1
        harness.submit("job_1")
        harness.wake()
        harness.wait_until_ended("job_1")
        harness.join_wakeups()
        page = harness.metrics.render().decode()
    assert value(page, "renderq_store_errors_total", operation="put") == 1
    assert value(page, "renderq_store_up") == 1


def test_a_worker_that_has_not_used_the_object_store_does_not_report_it_as_down() -> None:
    page = WorkerMetrics(WorkerSettings(), "w1", "cpu").render().decode()
    assert value(page, "renderq_store_up") == 1
    assert value(page, "renderq_store_errors_total", operation="put") == 0
    assert "put" in label_values(page, "renderq_store_errors_total", "operation")


def test_what_runs_out_of_memory_is_counted_with_its_fallback(redis_url: str, tmp_path: Path) -> None:
    with WorkerHarness(redis_url, tmp_path) as harness:
        for peak in (500, 300):
            harness.metrics.record_operation(
                Operation(
                    Stage.DENOISING,
                    MODEL,
                    images=0,
                    seconds=1.0,
                    ran_out_of_memory=True,
                    fallback=FallbackKind.EVICTION,
                    peak_bytes=peak,
                    evicted=("other",),
                )
            )
        page = harness.metrics.render().decode()
    assert value(page, "renderq_oom_total", device="simulated", kind="denoising") == 2
    assert value(page, "renderq_fallbacks_total", kind=FallbackKind.EVICTION.value) == 2
    assert value(page, "renderq_model_evictions_total", model="other") == 2
    assert value(page, "renderq_device_memory_peak_bytes") == 500
    assert value(page, "renderq_steps_total") == 0


def test_a_port_in_use_is_refused_with_advice(redis_url: str, tmp_path: Path) -> None:
    with WorkerHarness(redis_url, tmp_path, metrics_port=0) as harness:
        server = harness.metrics.serve()
        assert server is not None
        taken = harness.settings.model_copy(update={"metrics_port": server.port})
        with pytest.raises(MetricsAddressUnavailable, match="RENDERQ_METRICS_PORT"):
            WorkerMetrics(taken, "w2", "simulated").serve()
        page = httpx2.get(f"http://127.0.0.1:{server.port}/metrics", trust_env=False)
        assert value(page.text, "renderq_redis_up") == 0
        server.close()
