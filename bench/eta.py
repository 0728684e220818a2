"""B18: error of `eta_seconds`, for jobs submitted alone and in bursts.

A service of its own (`renderq up`) with the tests' fast model and one worker, first warmed up with jobs of the same
kind. Goal: a median error of 15 %.
"""

import argparse
import os
import random
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass

from renderq import Client, JobHandle
from renderq.contract import Job
from tests.fast_model.catalog import MODELS_TOML

_SCHEDULERS = ("ddim", "euler", "dpmpp_2m", "heun")


@dataclass(frozen=True, slots=True)
class Prediction:
    """The estimate at submission and the measured time, in seconds."""

    p50: float
    p90: float
    taken: float

    @property
    def error(self) -> float:
        """Error as a fraction of the measured time."""
        return abs(self.p50 - self.taken) / self.taken


@contextmanager
def service(device: str) -> Iterator[Client]:
    """Run `renderq up` on a temporary data folder."""
    with tempfile.TemporaryDirectory() as folder:
        argv = [sys.executable, "-m", "renderq", "up", "--port", "0", "--data", folder, "--models", str(MODELS_TOML)]
        env = {**os.environ, "RENDERQ_DEVICE": device}
        process = subprocess.Popen(argv, env=env, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
        assert process.stdout is not None
        try:
            with Client(process.stdout.readline().split()[1]) as client:
                yield client
        finally:
            process.terminate()
            process.wait()


def submit(client: Client, chance: random.Random) -> JobHandle:
    """A job of random cost: 5 to 40 steps, one to four images."""
    return client.submit(
        "a red circle on a blue background",
        steps=chance.randint(5, 40),
        n=chance.randint(1, 4),
        scheduler=chance.choice(_SCHEDULERS),
        guidance_scale=chance.choice((1, 4)),
    )


def predictions(client: Client, chance: random.Random, burst: int) -> list[Prediction]:
    """Predictions for a burst of jobs, which are submitted one after the other without waiting."""
    handles = [submit(client, chance) for _ in range(burst)]
    submitted = [handle.job for handle in handles]
    with ThreadPoolExecutor(burst) as pool:
        ended = list(pool.map(JobHandle.wait, handles))
    return [found for before, after in zip(submitted, ended, strict=True) if (found := _prediction(before, after))]


def _prediction(submitted: Job, ended: Job) -> Prediction | None:
    if submitted.eta_seconds is None or ended.metrics.total_ms is None:
        return None
    return Prediction(submitted.eta_seconds.p50, submitted.eta_seconds.p90, ended.metrics.total_ms / 1000)


def row(name: str, found: Sequence[Prediction]) -> str:
    errors = sorted(prediction.error for prediction in found)
    median, ninth = statistics.median(errors), errors[len(errors) * 9 // 10]
    in_time = sum(prediction.taken <= prediction.p90 for prediction in found) / len(found)
    taken = statistics.median(prediction.taken for prediction in found)
    return f"| {name} | {len(found)} | {taken:.1f} s | {median:.0%} | {ninth:.0%} | {in_time:.0%} |"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--device", default="cpu", help="as RENDERQ_DEVICE; simulated:20 for one that never varies")
    parser.add_argument("--jobs", type=int, default=48, help="jobs per row (default: 48)")
    arguments = parser.parse_args()
    chance = random.Random(0)
    rows: list[str] = []
    with service(arguments.device) as client:
        for burst in (1, 4, 16):
            predictions(client, chance, burst)
        for burst in (1, 4, 16):
            name = f"{burst} at once, {arguments.device}"
            found = [
                prediction
                for _ in range(max(1, arguments.jobs // burst))
                for prediction in predictions(client, chance, burst)
            ]
            rows.append(row(name, found))
    print("## B18 estimated against measured time of a job\n")
    print("| submitted | jobs | took (median) | error (median) | error (9 of 10 below) | within p90 |")
    print("|---|---|---|---|---|---|\n" + "\n".join(rows))


if __name__ == "__main__":
    main()
