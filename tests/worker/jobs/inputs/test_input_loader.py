"""Jobs that start from images: inputs are loaded outside the engine, completely or not at all."""

import io
import json
import threading
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from renderq.contract import Status
from renderq_shared.errors import ObjectStoreUnavailable
from renderq_shared.jobs import NewAsset, NewJob, QueueLimits, commands
from renderq_shared.objects import FolderStore
from renderq_worker.engine import Depth2Img, Edit, GenerationSpec, Img2Img, Inpaint, Upscale, Variation
from tests.polling import wait_until
from tests.worker.conftest import NewHarness
from tests.worker.worker_harness import ENTRY, MODEL, TENANT, WorkerHarness, error, outputs, request_json


class GatedFolderStore(FolderStore):
    """Reads wait for `open`; the next `refusals` reads fail."""

    def __init__(self, root: Path) -> None:
        super().__init__(root)
        self.open = threading.Event()
        self.open.set()
        self.reads = 0
        self.refusals = 0

    def read(self, key: str, start: int = 0, end: int | None = None) -> Iterator[bytes]:
        self.reads += 1
        assert self.open.wait(60)
        if self.refusals > 0:
            self.refusals -= 1
            raise ObjectStoreUnavailable("the disk is offline")
        return super().read(key, start, end)


class LoaderHarness:
    """A worker with a gated store, and the specs that its engine received."""

    def __init__(self, harness: WorkerHarness, folder_store: GatedFolderStore) -> None:
        self.harness, self.folder_store = harness, folder_store
        self.specs: list[GenerationSpec] = []
        submit = harness.engine.submit

        def record(specs: Sequence[GenerationSpec], listener: Any) -> None:
            self.specs += specs
            submit(specs, listener)

        harness.engine.submit = record

    def asset(self, number: int, file: bytes, *, stored: bool = True) -> str:
        """Store an asset of the tenant, as the API does."""
        id = f"asset_{number:064}"
        asset = NewAsset(id, TENANT, f"assets/t/{number}/{id}.png", "image/png", 8, 8, len(file))
        self.harness.store.call(commands.reserve_asset(asset, 60_000))
        self.harness.store.call(commands.commit_asset(asset, 60_000))
        if stored:
            self.folder_store.put(asset.key, file, "image/png")
        return id

    def submit(self, job_id: str, task: str, **fields: Any) -> None:
        text = request_json(task=task, **fields)
        request = json.loads(text)
        assets = tuple({request[name] for name in ("image", "mask", "depth_map") if request.get(name)})
        job = NewJob(job_id, TENANT, task, MODEL, text, request["n"], 1.0, 0, 3, assets=assets)
        self.harness.store.call(commands.submit(job, QueueLimits(10_000, 10_000)))


@pytest.fixture
def loader(new_harness: NewHarness, tmp_path: Path) -> Iterator[LoaderHarness]:
    folder_store = GatedFolderStore(tmp_path)
    yield LoaderHarness(new_harness(objects=folder_store), folder_store)
    folder_store.open.set()


def png(color: int, width: int = 16, height: int = 8) -> bytes:
    return saved(Image.new("RGB", (width, height), (color, 0, 0)))


def saved(image: Image.Image) -> bytes:
    file = io.BytesIO()
    image.save(file, "PNG")
    return file.getvalue()


def test_the_engine_gets_the_input_image_for_every_image_of_the_job(loader: LoaderHarness) -> None:
    image = loader.asset(1, png(200, width=32, height=16))
    loader.submit("job", "img2img", image=image, strength=0.5, n=3)
    loader.harness.wake()
    job = loader.harness.wait_until_ended("job")
    assert (job.status, len(outputs(job))) == (Status.SUCCEEDED, 3)
    assert [(spec.seed, spec.width, spec.height) for spec in loader.specs] == [(5, 16, 8), (6, 16, 8), (7, 16, 8)]
    [task] = {id(spec.task): spec.task for spec in loader.specs}.values()
    assert isinstance(task, Img2Img)
    assert task.strength == 0.5
    assert np.array_equal(task.image, np.full((8, 16, 3), [200, 0, 0]))
    assert loader.folder_store.reads == 1


def test_each_task_gets_its_inputs(loader: LoaderHarness) -> None:
    image, mask = loader.asset(1, png(200)), loader.asset(2, png(255))
    loader.submit("a", "inpaint", image=image, mask=mask, strength=1.0)
    loader.submit("b", "outpaint", image=image, extend={"left": 8, "top": 24})
    loader.submit("c", "variation", image=image)
    noise = Image.fromarray(np.random.default_rng(7).integers(0, 256, (17, 9, 3), np.uint8))
    slope = np.arange(32 * 4, dtype=np.uint16).reshape(4, 32) * 300
    deep, small = loader.asset(3, saved(Image.fromarray(slope))), loader.asset(4, saved(noise))
    loader.submit("d", "depth2img", image=image, depth_map=deep, strength=0.5, clip_skip=2)
    loader.submit("e", "depth2img", image=image, guidance_rescale=0.5)
    loader.submit("f", "upscale", image=small, noise_level=7)
    loader.submit("g", "edit", images=[small, image])
    loader.harness.wake()
    assert {loader.harness.wait_until_ended(name).status for name in "abcdefg"} == {Status.SUCCEEDED}
    tasks = {spec.id[0]: (spec.task, spec.width, spec.height) for spec in loader.specs}
    painted, width, height = tasks["a"]
    assert isinstance(painted, Inpaint)
    assert (painted.mask.tolist(), width, height) == ([[76] * 16] * 8, 16, 8)
    extended, width, height = tasks["b"]
    assert isinstance(extended, Inpaint)
    assert (extended.image.shape, width, height) == ((32, 24, 3), 24, 32)
    assert isinstance(tasks["c"][0], Variation)
    assert (outputs(loader.harness.job("b"))[0]["width"], outputs(loader.harness.job("b"))[0]["height"]) == (24, 32)
    mapped, unmapped, enlarged = (tasks[name][0] for name in "def")
    assert isinstance(mapped, Depth2Img)
    assert isinstance(unmapped, Depth2Img)
    assert isinstance(enlarged, Upscale)
    assert (mapped.image.shape, mapped.strength, unmapped.depth_map) == ((8, 16, 3), 0.5, None)
    assert (mapped.depth_map.shape, mapped.depth_map.dtype, np.ptp(mapped.depth_map)) == ((4, 16), np.float32, 1)
    assert np.array_equal(enlarged.image, noise.resize((16, 8), Image.Resampling.BICUBIC))
    assert (enlarged.noise_level, tasks["f"][1:]) == (7, (64, 32))
    edited = tasks["g"][0]
    assert isinstance(edited, Edit)
    assert [picture.shape for picture in edited.images] == [(17, 9, 3), (8, 16, 3)]
    options = {spec.id[0]: (spec.sampling.clip_skip, spec.sampling.guidance_rescale) for spec in loader.specs}
    assert (options["c"], options["d"], options["e"]) == ((0, 0), (2, 0), (0, 0.5))


def test_an_extended_image_blends_over_two_blocks_of_its_models_latents(
    new_harness: NewHarness, tmp_path: Path
) -> None:
    objects = GatedFolderStore(tmp_path)
    limits = ENTRY.limits.model_copy(update={"size_multiple": 32})
    harness = new_harness(objects=objects, entry=ENTRY.model_copy(update={"limits": limits}))
    loader = LoaderHarness(harness, objects)
    image = loader.asset(1, png(200, 96, 32))
    loader.submit("job", "outpaint", image=image, width=96, height=32, extend={"left": 32})
    harness.wake()
    assert harness.wait_until_ended("job").status is Status.SUCCEEDED
    [spec] = loader.specs
    assert isinstance(spec.task, Inpaint)
    row = spec.task.mask[0]
    assert [(row == 255).sum(), ((row > 0) & (row < 255)).sum(), (row == 0).sum()] == [32, 64, 32]


def test_a_mask_without_effect_is_a_warning(loader: LoaderHarness) -> None:
    image = loader.asset(1, png(200))
    stroke = np.zeros((16, 32), np.uint8)
    stroke[:, 7] = 255
    masks = {"black": png(0), "thin": saved(Image.fromarray(stroke)), "white": saved(Image.new("L", (16, 8), 255))}
    for number, (name, file) in enumerate(masks.items(), start=2):
        loader.submit(name, "inpaint", image=image, mask=loader.asset(number, file), strength=1.0)
    loader.harness.wake()
    jobs = {name: loader.harness.wait_until_ended(name) for name in masks}
    assert {job.status for job in jobs.values()} == {Status.SUCCEEDED}
    assert jobs["white"].warnings_json is None
    for name in ("black", "thin"):
        [warning] = json.loads(jobs[name].warnings_json or "[]")
        assert warning["code"] == "mask_without_effect"
        assert "16 × 8" in warning["message"]


def test_a_broken_color_profile_is_a_warning(loader: LoaderHarness) -> None:
    file = io.BytesIO()
    Image.new("RGB", (16, 8)).save(file, "PNG", icc_profile=b"broken")
    loader.submit("job", "img2img", image=loader.asset(1, file.getvalue()), strength=0.5)
    loader.harness.wake()
    job = loader.harness.wait_until_ended("job")
    assert job.status is Status.SUCCEEDED
    assert [warning["code"] for warning in json.loads(job.warnings_json or "[]")] == ["color_profile_ignored"]


@pytest.mark.parametrize("how", ["no asset", "no file", "no image"])
def test_an_image_that_cannot_be_had_fails_its_job_alone(loader: LoaderHarness, how: str) -> None:
    image = loader.asset(1, b"\x89PNG nothing", stored=how != "no file")
    loader.submit("job", "img2img", image=image, n=2)
    if how == "no asset":
        loader.harness.client.delete(f"rq:asset:{image}:{TENANT}")
    loader.submit("other", "txt2img")
    loader.harness.wake()
    job = loader.harness.wait_until_ended("job")
    assert (job.status, error(job)["code"], error(job)["retryable"]) == (Status.FAILED, "input_unreadable", False)
    assert image in error(job)["message"]
    assert loader.harness.wait_until_ended("other").status is Status.SUCCEEDED
    assert {spec.id[:5] for spec in loader.specs} == {"other"}


def test_a_store_that_is_away_for_a_while_costs_nothing_but_time(loader: LoaderHarness) -> None:
    loader.folder_store.refusals = 2
    loader.submit("job", "img2img", image=loader.asset(1, png(200)))
    loader.harness.wake()
    assert loader.harness.wait_until_ended("job").status is Status.SUCCEEDED
    loader.folder_store.refusals = 100
    loader.submit("lost", "img2img", image=loader.asset(2, png(200)))
    loader.harness.wake()
    lost = loader.harness.wait_until_ended("lost")
    assert (lost.status, error(lost)["code"], error(lost)["retryable"]) == (Status.FAILED, "storage_failed", True)


def test_a_job_that_is_canceled_while_its_image_is_read_never_comes_into_the_engine(loader: LoaderHarness) -> None:
    loader.folder_store.open.clear()
    loader.submit("job", "img2img", image=loader.asset(1, png(200)))
    loader.submit("next", "img2img", image=loader.asset(2, png(200)))
    loader.submit("last", "img2img", image=loader.asset(3, png(200)))
    loader.harness.wake()
    wait_until(lambda: loader.folder_store.reads == 2)  # one per thread
    running = [
        loader.harness.wait_until(name, lambda job: job.status is Status.RUNNING) for name in ("job", "next", "last")
    ]
    for job in running:
        loader.harness.store.call(commands.cancel(TENANT, job.id))
        loader.harness.worker.cancel(str(job.claim_id))
    loader.folder_store.open.set()
    assert {loader.harness.wait_until_ended(name).status for name in ("job", "next", "last")} == {Status.CANCELED}
    assert loader.folder_store.reads == 2
    assert len(loader.specs) == 2


def test_input_images_that_are_being_read_take_slots_already(loader: LoaderHarness) -> None:
    loader.folder_store.open.clear()
    assert loader.harness.worker.can_accept()
    loader.submit("job", "img2img", image=loader.asset(1, png(200)), n=16)
    loader.harness.wake()
    wait_until(lambda: loader.folder_store.reads == 1)
    assert not loader.harness.worker.can_accept()
    loader.folder_store.open.set()
    loader.harness.wait_until_ended("job")
    wait_until(loader.harness.worker.can_accept)


def test_a_lease_is_kept_while_an_image_is_read(new_harness: NewHarness, tmp_path: Path) -> None:
    folder_store = GatedFolderStore(tmp_path)
    loader = LoaderHarness(new_harness(objects=folder_store, lease_seconds=0.3), folder_store)
    folder_store.open.clear()
    loader.submit("job", "img2img", image=loader.asset(1, png(200)))
    loader.harness.wake()
    wait_until(lambda: folder_store.reads == 1)
    renewed = loader.harness.client.zscore("rq:leases", "job")
    wait_until(lambda: loader.harness.client.zscore("rq:leases", "job") > renewed + 300)
    folder_store.open.set()
    assert loader.harness.wait_until_ended("job").attempt == 1
