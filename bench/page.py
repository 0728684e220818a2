"""B23: the web page in Chromium: bytes and requests, and how soon it is painted, can be used, and shows its images.

An API in a process of its own and a Redis on this machine, with 200 finished jobs of 760 images. Budgets are those of
an idle machine.
"""

import argparse
import statistics
import tempfile
import time
from collections.abc import Callable, Generator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from multiprocessing import get_context
from multiprocessing.connection import Connection
from pathlib import Path

import httpx2
from playwright.sync_api import Browser, Page, sync_playwright

from renderq_shared.jobs.redis import RedisJobStore
from renderq_shared.objects import FolderStore
from renderq_shared.redis.clients import sync_client
from tests.api.assets.image_files import image_file
from tests.api.worker import Worker
from tests.page.browser import launch
from tests.page.services import own_api

_IMAGES = (4,) * 180 + (2,) * 20
"""Images of each job."""

_FIRST_PAINT = "() => performance.getEntriesByName('first-contentful-paint')[0]?.startTime"
_READY = "() => document.querySelector('.generate:not(:disabled)') && performance.now()"
_RECEIVED = """() => [...performance.getEntriesByType('navigation'), ...performance.getEntriesByType('resource')]
  .map((entry) => entry.transferSize)"""
_PICTURES = """() => {
  const inView = [...document.querySelectorAll('.card .tile')].filter((tile) => {
    const { top, bottom } = tile.getBoundingClientRect();
    return top < innerHeight && bottom > 0;
  });
  return inView.length > 0 && inView.every((tile) => tile.querySelector('.picture.shown')) && performance.now();
}"""
_PLATES = """() => {
  const before = document.querySelectorAll('.card').length;
  const started = performance.now();
  document.querySelector('.generate').click();
  return new Promise((resolve) => {
    const look = () => document.querySelectorAll('.card').length > before && document.querySelector('.card .tile')
      ? resolve(performance.now() - started) : requestAnimationFrame(look);
    look();
  });
}"""


@dataclass(frozen=True, slots=True)
class Load:
    """One load of the page."""

    requests: int
    kilobytes: float
    first_paint: float
    ready: float
    images: float


@dataclass(frozen=True, slots=True)
class Figure:
    """A line of the table; `budget` is in `unit`, None for none."""

    name: str
    values: Sequence[float]
    unit: str
    budget: float | None = None

    def row(self) -> str:
        low, high = min(self.values), max(self.values)
        budget = "" if self.budget is None else f"{self.budget:g} {self.unit}"
        return f"| {self.name} | {statistics.median(self.values):.0f} {self.unit} | {low:.0f} … {high:.0f} | {budget} |"


def serve(folder: Path, parent: Connection) -> None:
    """Run an API until the parent process sends something; send its address and its settings."""
    with own_api(folder) as own:
        parent.send((own.api.url, own.api.settings))
        parent.recv()


@contextmanager
def service(folder: Path) -> Generator[tuple[str, Worker]]:
    """Run an API with finished jobs, and a worker that renders nothing. Yield the API's address and the worker."""
    here, there = get_context("spawn").Pipe()
    process = get_context("spawn").Process(target=serve, args=(folder, there))
    process.start()
    try:
        url, settings = here.recv()
        with sync_client(settings.redis_url) as redis, httpx2.Client(base_url=url, trust_env=False) as http:
            store = FolderStore(settings.store_folder)
            worker = Worker(RedisJobStore(redis), store, image=image_file(width=64, height=64))
            worker.register()
            for number, n in enumerate(_IMAGES):
                body = {"prompt": f"a red circle on a blue background, {number}", "n": n}
                http.post("/v1/jobs", json=body).raise_for_status()
                worker.finish(worker.claim())
            yield url, worker
    finally:
        here.send("stop")
        process.join()


def load(page: Page, go: Callable[[], object]) -> Load:
    """Load the page, and count what came over the network until it could be used."""
    go()
    ready = _measure(page, _READY)
    received = [size for size in page.evaluate(_RECEIVED) if size > 0]
    first_paint = _measure(page, _FIRST_PAINT)
    return Load(len(received), sum(received) / 1_000, first_paint, ready, _measure(page, _PICTURES))


def _measure(page: Page, script: str) -> float:
    return float(page.wait_for_function(script, timeout=60_000).json_value())


def visit(browser: Browser, url: str) -> tuple[Load, Load, float, float]:
    """Load the page with an empty cache and again, submit; return the loads, ms to the plates, and the heap in MB."""
    with browser.new_context(base_url=url, viewport={"width": 1440, "height": 900}) as context:
        page = context.new_page()
        cold = load(page, lambda: page.goto("/"))
        warm = load(page, page.reload)
        page.get_by_role("textbox", name="Prompt").fill("two green squares")
        plates = float(page.evaluate(_PLATES))
        inspector = context.new_cdp_session(page)
        inspector.send("HeapProfiler.collectGarbage")
        heap = inspector.send("Runtime.getHeapUsage")["usedSize"] / 1e6
    return cold, warm, plates, heap


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=5, help="visits, after one that is not counted (default: 5)")
    rounds = parser.parse_args().rounds
    with (
        tempfile.TemporaryDirectory() as folder,
        service(Path(folder)) as (url, worker),
        sync_playwright() as playwright,
        launch(playwright) as browser,
    ):
        visits = []
        for _ in range(rounds + 1):
            worker.register()
            visits.append(visit(browser, url))
            worker.finish(worker.claim())
            time.sleep(1)  # the API archives the job meanwhile, and does not during the next visit
    cold, warm, plates, heaps = zip(*visits[1:], strict=True)
    figures = [
        Figure("bytes until it can be used, empty cache", [each.kilobytes for each in cold], "kB"),
        Figure("requests until it can be used, empty cache", [each.requests for each in cold], ""),
        Figure("bytes until it can be used, again", [each.kilobytes for each in warm], "kB"),
        Figure("requests until it can be used, again", [each.requests for each in warm], ""),
        Figure("first paint, empty cache", [each.first_paint for each in cold], "ms", 300),
        Figure("first paint, again", [each.first_paint for each in warm], "ms"),
        Figure("can be used, empty cache", [each.ready for each in cold], "ms", 500),
        Figure("can be used, again", [each.ready for each in warm], "ms"),
        Figure("images in view, empty cache", [each.images for each in cold], "ms", 1500),
        Figure("images in view, again", [each.images for each in warm], "ms"),
        Figure("from the click on Generate to the plates", plates, "ms", 200),
        Figure("heap", heaps, "MB", 25),
    ]
    print("## B23 the web page in Chromium\n\n| what | median | spread | budget |\n|---|---|---|---|")
    print("\n".join(figure.row() for figure in figures))


if __name__ == "__main__":
    main()
