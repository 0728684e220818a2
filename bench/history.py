"""B22: the history at a million jobs: archives per second, and milliseconds of a page of 20 jobs.

On a temporary SQLite file, or on an empty database given by `--url`. One tenant, the studio, has a tenth of all jobs,
the others share the rest. Goals: 1,000 archives/s, and a median of 20 ms.
"""

import argparse
import asyncio
import json
import random
import statistics
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

from renderq.contract import Status
from renderq_shared.history import History, HistoryFilter, open_history, parse_search
from renderq_shared.history_url import sqlite_url
from renderq_shared.jobs import JobRecord

_BATCH = 100
"""Jobs per transaction, as the archiver's."""
_COUNTED = 10_000
"""Jobs per measured rate of archives."""
_STUDIO = "studio"
_STUDIO_SHARE = 0.1
_START_MS = 1_795_000_000_000
_SPACING_MS = 100
_WORDS = [f"{first}{second}" for first in "bcdfghjklmnprstv" for second in ("aro", "eli", "imo", "onu", "uta", "ysa")]
_RARE = "lighthouse"
"""A word of one prompt in a thousand."""


def prompt(chance: random.Random) -> str:
    """Return a prompt of twelve words: `a` in all, each other in one of ten, and rarely the rare one."""
    words = ["a", *chance.choices(_WORDS, k=10), _RARE if chance.random() < 0.001 else "tower"]
    return " ".join(words)


def ended_job(number: int, tenants: int, chance: random.Random) -> JobRecord:
    """Return a job of four images, with the fields that a worker writes."""
    tenant = _STUDIO if chance.random() < _STUDIO_SHARE else f"tenant{chance.randrange(tenants)}"
    created_ms = _START_MS + number * _SPACING_MS
    job_id = f"job_{created_ms:013}{number:09}"
    failed = chance.random() < 0.02
    seed = chance.getrandbits(48)
    request = {
        "task": "txt2img",
        "model": "sd15",
        "prompt": prompt(chance),
        "negative_prompt": "blurry",
        "width": 512,
        "height": 512,
        "steps": 20,
        "guidance_scale": 7.5,
        "scheduler": "dpmpp_2m",
        "seed": seed,
        "n": 4,
        "metadata": {"project": f"p{chance.randrange(50)}"},
        "output": {"format": "png"},
    }
    images = [_image(job_id, index, seed + index, chance) for index in range(4)]
    return JobRecord(
        id=job_id,
        tenant=tenant,
        task="txt2img",
        model="sd15",
        status=Status.FAILED if failed else Status.SUCCEEDED,
        version=8,
        request_json=json.dumps(request),
        images=4,
        priority=0,
        sequence=number,
        created_ms=created_ms,
        attempt=1,
        lost_leases=0,
        max_attempts=3,
        quarantined=False,
        started_ms=created_ms + 500,
        completed_ms=created_ms + 9_000,
        claim_id="c" * 24,
        worker=f"gpu-{number % 4}",
        progress_json='{"step":80,"steps":80,"images_done":4}',
        outputs_json=None if failed else json.dumps(images),
        error_json='{"code":"nan_output","message":"NaN in image 0.","retryable":false}' if failed else None,
        metrics_json='{"queue_ms":500,"inference_ms":8400,"total_ms":9000}',
        runtime_json='{"revision":"0123456789abcdef","device":"cuda","dtype":"float16","batch_invariance":"exact"}',
        cost=80.0,
        labels_json='["favorite"]' if chance.random() < 0.05 else None,
        kept=chance.random() < 0.02,
    )


def _image(job_id: str, index: int, seed: int, chance: random.Random) -> dict[str, str | int]:
    digest = f"{chance.getrandbits(256):064x}"
    size = {"width": 512, "height": 512, "size_bytes": 400_000}
    file = {"key": f"jobs/{job_id}/c1/{index}.png", "content_type": "image/png", "sha256": digest}
    return {**file, **size, "index": index, "seed": seed, "pixel_sha256": digest}


async def archive(history: History, jobs: Sequence[JobRecord]) -> tuple[float, float]:
    """Archive in batches, one after the other. Returns jobs per second, and per second of this process's CPU time."""
    begin, begin_cpu = time.perf_counter(), time.process_time()
    for first in range(0, len(jobs), _BATCH):
        await history.archive(jobs[first : first + _BATCH])
    return len(jobs) / (time.perf_counter() - begin), len(jobs) / (time.process_time() - begin_cpu)


async def measure_pages(history: History, name: str, tenants: Sequence[str], job_filter: HistoryFilter) -> None:
    """Print median and ninth decile of one page of 20 per tenant, without the first ones, which warm up."""
    taken: list[float] = []
    found = 0
    for tenant in tenants:
        begin = time.perf_counter()
        page = await history.page(tenant, job_filter, 20)
        taken.append((time.perf_counter() - begin) * 1000)
        found += len(page.records)
    taken = sorted(taken[len(taken) // 10 :])
    nine = taken[len(taken) * 9 // 10]
    print(f"| {name} | {statistics.median(taken):.1f} ms | {nine:.1f} ms | {found / len(tenants):.1f} |", flush=True)


async def measure_archive(history: History, count: int, tenants: int, chance: random.Random) -> None:
    """Fill the history, and print the rate at some points."""
    print("| archive | jobs/s | per CPU second |\n|---|---|---|", flush=True)
    for number in range(0, count, _COUNTED):
        jobs = [ended_job(each, tenants, chance) for each in range(number, number + _COUNTED)]
        rate, cpu_rate = await archive(history, jobs)
        if number == 0 or (number + _COUNTED) % (count // 4) == 0:
            print(f"| the {_COUNTED:,} before {number + _COUNTED:,} | {rate:,.0f} | {cpu_rate:,.0f} |", flush=True)


async def measure_lists(history: History, count: int, tenants: int, chance: random.Random) -> None:
    """Print a row for each filter and kind of tenant."""
    small = [f"tenant{chance.randrange(tenants)}" for _ in range(100)]
    last_tenth_ms = _START_MS + count * _SPACING_MS * 9 // 10
    filters = {
        "newest": HistoryFilter(),
        "one model": HistoryFilter(model="sd15"),
        "failed": HistoryFilter(status=Status.FAILED),
        "label": HistoryFilter(labels=("favorite",)),
        "kept": HistoryFilter(kept=True),
        "metadata": HistoryFilter(metadata=(("project", "p7"),)),
        "no such seed": HistoryFilter(seed=7),
        "rare word": HistoryFilter(search=parse_search(_RARE)),
        "rare word, last tenth": HistoryFilter(search=parse_search(_RARE), created_after_ms=last_tenth_ms),
        "word of each prompt": HistoryFilter(search=parse_search("a")),
        "two words": HistoryFilter(search=parse_search("baro tower")),
        "phrase": HistoryFilter(search=parse_search('"baro tower"')),
        "no such word": HistoryFilter(search=parse_search("zeppelin")),
    }
    print("\n| page of 20 | median | 9 of 10 below | found |\n|---|---|---|---|", flush=True)
    for name, job_filter in filters.items():
        await measure_pages(history, name, small, job_filter)
        await measure_pages(history, f"{name}, studio", [_STUDIO] * 20, job_filter)


async def run(url: str, count: int, tenants: int) -> None:
    chance = random.Random(0)
    async with open_history(url) as history:
        await history.migrate()
        print(f"## B22 history: {count:,} jobs of {tenants:,} tenants\n", flush=True)
        await measure_archive(history, count, tenants, chance)
        await measure_lists(history, count, tenants, chance)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--url", help="database instead of a temporary SQLite file; must be empty")
    parser.add_argument("--jobs", type=int, default=1_000_000, help="default: 1,000,000")
    parser.add_argument("--tenants", type=int, default=1_000, help="default: 1,000")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        url = arguments.url or sqlite_url(str(Path(folder) / "history.db"))
        asyncio.run(run(url, arguments.jobs, arguments.tenants))


if __name__ == "__main__":
    main()
