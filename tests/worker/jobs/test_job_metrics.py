"""What a job says of its images."""

from typing import Any

import pytest

from renderq.contract import Exactness
from renderq_worker.engine import RenderStats
from renderq_worker.jobs.job_metrics import ImageTiming, job_runtime


def timing(exactness: Exactness) -> ImageTiming:
    stats: dict[str, Any] = {"load_ms": 0, "inference_ms": 9, "batch_width_mean": 1.0, "peak_memory_bytes": None}
    return ImageTiming(
        RenderStats(**stats, device="cpu", dtype="float32", exactness=exactness, model_revision="r"), 1, 1
    )


@pytest.mark.parametrize(
    ("images", "job"),
    [
        (("stock", "stock"), "stock"),
        (("stock", "loose", "stock"), "loose"),
        (("fixed", "stock"), "fixed"),
        (("loose", "fixed"), "loose"),
    ],
)
def test_a_job_is_as_exact_as_its_least_exact_image(images: tuple[Exactness, ...], job: Exactness) -> None:
    assert job_runtime([timing(each) for each in images]).exactness == job
