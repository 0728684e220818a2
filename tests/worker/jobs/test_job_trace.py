"""Spans of a job that a worker ended."""

import itertools
from pathlib import Path

from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from renderq_shared.tracing.otel import open_otel
from tests.worker.worker_harness import MODEL, WorkerHarness

PARENT = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"


def test_spans_follow_each_other_from_the_queue_to_the_upload(redis_url: str, tmp_path: Path) -> None:
    exporter = InMemorySpanExporter()
    tracing = open_otel("renderq-worker", exporter)
    with WorkerHarness(redis_url, tmp_path, tracing=tracing) as harness:
        harness.submit("job_1", traceparent=PARENT)
        harness.submit("job_2")
        harness.wake()
        for job_id in ("job_1", "job_2"):
            harness.wait_until_ended(job_id)
        harness.join_wakeups()
    tracing.close()
    spans = exporter.get_finished_spans()
    assert [span.name.removeprefix("renderq.") for span in spans] == [
        *("queued", "load", "encode", "denoise", "decode", "upload")
    ]
    assert {span.attributes["renderq.job_id"] for span in spans} == {"job_1"}, "job_2 has no trace"
    assert {f"{span.context.trace_id:032x}" for span in spans} == {PARENT.split("-")[1]}
    assert {f"{span.parent.span_id:016x}" for span in spans} == {PARENT.split("-")[2]}
    assert {span.attributes["renderq.model"] for span in spans} == {MODEL}
    for earlier, later in itertools.pairwise(spans[1:]):
        assert earlier.end_time == later.start_time


def test_an_error_is_that_of_the_last_stage(redis_url: str, tmp_path: Path) -> None:
    exporter = InMemorySpanExporter()
    tracing = open_otel("renderq-worker", exporter)
    with WorkerHarness(redis_url, tmp_path, tracing=tracing) as harness:
        harness.engine.failing_seeds = frozenset({5})
        harness.submit("job_1", traceparent=PARENT, seed=5)
        harness.wake()
        harness.wait_until_ended("job_1")
        harness.join_wakeups()
    tracing.close()
    errors = {span.name: span.status.description for span in exporter.get_finished_spans()}
    assert {name for name, error in errors.items() if error == "nan_output"} == {[*errors][-1]}
