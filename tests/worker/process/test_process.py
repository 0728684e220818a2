"""The worker as a process: startup, signals, crashes, Redis restarts."""

import signal
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from renderq.contract import Status
from renderq_shared.jobs import JobRecord, commands
from renderq_shared.jobs.redis import RedisJobStore
from renderq_shared.objects import FolderStore
from renderq_shared.redis.clients import sync_client
from renderq_shared.wakeups import WakeupPublisher
from tests.polling import wait_until
from tests.redis_refusals import REFUSALS, full_memory
from tests.shared.checkpoints.checkpoint_files import original, safetensors
from tests.valkey_server import Valkey
from tests.worker.process.worker_process import WorkerProcess
from tests.worker.worker_harness import get_job, outputs, progress, submit

MODEL = "shapes"
HUNG = 70
CONFIGURATION_ERROR = 2


class JobClient:
    """Submits jobs of the built-in model and reads their state, as the API would."""

    def __init__(self, redis_url: str, folder: Path) -> None:
        self.redis_url = redis_url
        self.folder = folder
        self.client = sync_client(redis_url)
        self.store = RedisJobStore(self.client)
        self.wakeups = WakeupPublisher(redis_url)

    def submit(self, job_id: str, **fields: Any) -> None:
        submit(self.store, job_id, model=MODEL, **fields)
        self.wakeups.notify(MODEL)

    def wait_until_ended(self, job_id: str) -> JobRecord:
        return wait_until(
            lambda: (job := get_job(self.store, job_id)).status.is_terminal and job, f"the end of {job_id}"
        )

    def wait_until_running(self, job_id: str) -> JobRecord:
        return wait_until(
            lambda: progress(job := get_job(self.store, job_id))["step"] > 0 and job, f"a step of {job_id}"
        )

    def close(self) -> None:
        self.wakeups.close()
        self.client.close()


Start = Callable[..., WorkerProcess]


@pytest.fixture
def jobs(redis_url: str, tmp_path: Path) -> Iterator[JobClient]:
    jobs = JobClient(redis_url, tmp_path)
    yield jobs
    jobs.close()


@pytest.fixture
def start(redis_url: str, tmp_path: Path) -> Iterator[Start]:
    """Start workers on the session's Valkey; they are stopped after the test."""
    with ExitStack() as stack:

        def start(*options: str, **settings: Any) -> WorkerProcess:
            settings = {"lease_seconds": 2, "stall_seconds": 60, **settings}
            url = settings.pop("url", redis_url)
            return stack.enter_context(WorkerProcess(url, tmp_path, *options, **settings))

        yield start


def test_the_real_engine_renders_the_built_in_model(jobs: JobClient, start: Start) -> None:
    worker = start("--name", "gpu-1", "--threads", "1", "--device", "cpu")
    worker.wait_for_log("worker.ready")  # importing torch takes its time
    jobs.submit("job", n=2, width=64, height=64, steps=3)
    job = jobs.wait_until_ended("job")
    assert worker.has_loaded("torch")
    assert job.status is Status.SUCCEEDED, job.error_json
    assert (job.worker, len(outputs(job)), progress(job)["images_done"]) == ("gpu-1", 2, 2)
    [record] = jobs.store.call(commands.workers())
    assert (record.id, record.device, record.models, record.draining) == ("gpu-1", "cpu", (MODEL,), False)
    assert record.memory_bytes is not None
    assert 10**8 < record.memory_bytes < 10**11
    assert record.device_memory_total_bytes is None
    worker.signal()
    assert worker.wait() == 0
    assert jobs.store.call(commands.workers()) == ()


def test_a_simulated_device_does_not_wait_for_torch(start: Start) -> None:
    worker = start("--device", "simulated")
    worker.wait_for_log("worker.ready")
    assert (worker.has_loaded("numpy"), worker.has_loaded("torch")) == (True, False)


def test_sigterm_lets_a_running_job_end(jobs: JobClient, start: Start) -> None:
    worker = start("--device", "simulated:50")
    jobs.submit("job", steps=40)
    jobs.wait_until_running("job")
    worker.signal()
    worker.wait_for_log("worker.draining")
    jobs.submit("late")
    assert worker.wait() == 0
    assert get_job(jobs.store, "job").status is Status.SUCCEEDED
    assert get_job(jobs.store, "late").status is Status.QUEUED


def told_to_drain(jobs: JobClient) -> bool:
    """Tell the one live worker to drain; return whether there was one."""
    return any(jobs.store.call(commands.drain_worker(each.id)) for each in jobs.store.call(commands.workers()))


def test_a_worker_that_is_told_to_drain_finishes_its_jobs_and_ends(jobs: JobClient, start: Start) -> None:
    """Also those that take longer than the drain time of a signal."""
    worker = start("--device", "simulated:50", drain_seconds=0)
    jobs.submit("job", steps=40)
    jobs.wait_until_running("job")
    assert told_to_drain(jobs)
    jobs.submit("late")
    worker.wait_for_log("worker.told_to_drain")
    assert worker.wait() == 0
    assert get_job(jobs.store, "job").status is Status.SUCCEEDED
    assert get_job(jobs.store, "late").status is Status.QUEUED
    assert jobs.store.call(commands.workers()) == ()
    start("--device", "simulated")
    jobs.wakeups.notify(MODEL)  # the first worker may have consumed the one of the submission
    assert jobs.wait_until_ended("late").status is Status.SUCCEEDED


def test_a_signal_hands_back_the_jobs_of_a_worker_that_was_told_to_drain(jobs: JobClient, start: Start) -> None:
    worker = start("--device", "simulated:100", drain_seconds=0)
    jobs.submit("job", steps=150)
    jobs.wait_until_running("job")
    assert told_to_drain(jobs)
    worker.wait_for_log("worker.told_to_drain")
    worker.signal()
    assert worker.wait() == 0
    assert get_job(jobs.store, "job").status is Status.QUEUED


@pytest.mark.parametrize("name", ["gpu-1", None])
def test_an_idle_worker_that_is_told_to_drain_ends_and_a_new_one_works(
    jobs: JobClient, start: Start, name: str | None
) -> None:
    options = ("--device", "simulated", *(("--name", name) if name else ()))
    worker = start(*options)
    worker.wait_for_log("worker.ready")
    assert told_to_drain(jobs)
    assert worker.wait() == 0
    start(*options)
    jobs.submit("job")
    assert jobs.wait_until_ended("job").status is Status.SUCCEEDED


def test_a_worker_that_dies_while_it_drains_is_replaced_by_one_of_its_name(jobs: JobClient, start: Start) -> None:
    worker = start("--device", "simulated:100", "--name", "gpu-1", lease_seconds=1)
    jobs.submit("job", steps=150)
    jobs.wait_until_running("job")
    assert told_to_drain(jobs)
    worker.wait_for_log("worker.told_to_drain")
    worker.signal(signal.SIGKILL)
    worker.wait()
    start("--device", "simulated", "--name", "gpu-1")
    jobs.submit("late")
    assert jobs.wait_until_ended("late").status is Status.SUCCEEDED
    assert [each.draining for each in jobs.store.call(commands.workers())] == [False]


def test_after_the_drain_time_jobs_are_handed_back(jobs: JobClient, start: Start) -> None:
    worker = start("--device", "simulated:100", drain_seconds=0.5)
    jobs.submit("job", steps=150)
    jobs.wait_until_running("job")
    worker.signal(signal.SIGINT)
    assert worker.wait() == 0
    job = get_job(jobs.store, "job")
    assert (job.status, job.lost_leases) == (Status.QUEUED, 0)


def test_a_closed_terminal_lets_a_running_job_end(jobs: JobClient, start: Start) -> None:
    """It sends SIGHUP more than once, and no more than that."""
    worker = start("--device", "simulated:50")
    jobs.submit("job", steps=40)
    jobs.wait_until_running("job")
    for _ in range(3):
        worker.signal(signal.SIGHUP)
        time.sleep(0.1)
    assert worker.wait() == 0
    assert get_job(jobs.store, "job").status is Status.SUCCEEDED


def test_a_second_signal_hands_back_at_once(jobs: JobClient, start: Start) -> None:
    worker = start("--device", "simulated:100", drain_seconds=3600)
    jobs.submit("job", steps=150)
    jobs.wait_until_running("job")
    worker.signal()
    worker.wait_for_log("worker.draining")
    worker.signal()
    assert worker.wait() == 0
    assert get_job(jobs.store, "job").status is Status.QUEUED


def test_a_process_that_hangs_ends_itself_and_loses_its_job(jobs: JobClient, start: Start) -> None:
    worker = start("--device", "simulated:3600000", stall_seconds=2)
    jobs.submit("job")
    assert worker.wait() == HUNG
    assert any("worker.hung" in line for line in worker.log)
    wait_until(lambda: jobs.store.call(commands.sweep(2_000, 100)).requeued, "the sweep that requeues the job")
    assert get_job(jobs.store, "job").lost_leases == 1


def test_a_worker_that_was_frozen_meets_its_fence(jobs: JobClient, start: Start) -> None:
    frozen = start("--device", "simulated:50", "--name", "frozen", lease_seconds=1)
    jobs.submit("job", steps=60)
    first = jobs.wait_until_running("job")
    frozen.freeze()
    wait_until(lambda: jobs.store.call(commands.sweep(1_000, 100)).requeued, "the sweep that requeues the job")
    start("--device", "simulated", "--name", "other", lease_seconds=1)
    jobs.wakeups.notify(MODEL)
    job = jobs.wait_until_ended("job")
    frozen.thaw()
    frozen.wait_for_log("job.abandoned")
    assert (job.status, job.worker, job.attempt, job.lost_leases) == (Status.SUCCEEDED, "other", 2, 1)
    assert get_job(jobs.store, "job") == job
    assert not list((jobs.folder / "objects" / "jobs" / "job").glob(f"{first.claim_id}/*"))


def test_a_worker_outlives_redis(tmp_path: Path, start: Start) -> None:
    folder = tmp_path / "valkey"
    folder.mkdir()
    valkey = Valkey(folder)
    valkey.start()
    jobs = JobClient(valkey.url, tmp_path)
    try:
        start("--device", "simulated:50", url=valkey.url)
        jobs.submit("before", steps=60)
        jobs.wait_until_running("before")
        valkey.restart()
        job = jobs.wait_until_ended("before")
        assert (job.status, job.attempt) == (Status.SUCCEEDED, 1)
        jobs.submit("after")
        assert jobs.wait_until_ended("after").status is Status.SUCCEEDED
    finally:
        jobs.close()
        valkey.close()


@pytest.mark.parametrize("code", ["READONLY", "NOREPLICAS"])
def test_a_worker_outlives_a_redis_that_refuses_commands(
    jobs: JobClient, start: Start, redis_url: str, code: str
) -> None:
    worker = start("--device", "simulated:50")
    jobs.submit("before", steps=150)
    jobs.wait_until_running("before")
    with REFUSALS[code](redis_url):
        time.sleep(2)
    jobs.submit("after")
    assert jobs.wait_until_ended("after").status is Status.SUCCEEDED
    assert get_job(jobs.store, "before").status is Status.RUNNING
    job = jobs.wait_until_ended("before")
    assert (job.status, job.attempt) == (Status.SUCCEEDED, 1)
    worker.signal()
    assert worker.wait() == 0


def test_a_worker_that_starts_while_redis_refuses_commands_waits(jobs: JobClient, start: Start, redis_url: str) -> None:
    with REFUSALS["MASTERDOWN"](redis_url):
        worker = start("--device", "simulated")
        worker.wait_for_log("redis.unavailable")
    jobs.submit("job")
    assert jobs.wait_until_ended("job").status is Status.SUCCEEDED


def test_a_worker_that_starts_while_redis_is_full_ends_the_queued_jobs(
    jobs: JobClient, start: Start, redis_url: str
) -> None:
    for number in range(3):
        jobs.submit(f"job_{number}")
    with full_memory(redis_url):
        start("--device", "simulated", "--slots", "1")
        for number in range(3):
            assert jobs.wait_until_ended(f"job_{number}").status is Status.SUCCEEDED


def test_it_waits_for_redis_without_naming_the_password(start: Start) -> None:
    worker = start("--device", "simulated", url="redis://127.0.0.1:1/0?password=hunter2")
    worker.wait_for_log("redis.unavailable")
    worker.signal()
    assert worker.wait() == 0
    assert not [line for line in worker.log if "hunter2" in line]


def test_it_waits_for_redis_and_says_so(tmp_path: Path, start: Start) -> None:
    folder = tmp_path / "valkey"
    folder.mkdir()
    valkey = Valkey(folder)
    worker = start("--device", "simulated", url=valkey.url)
    worker.wait_for_log("redis.unavailable")
    valkey.start()
    try:
        worker.wait_for_log("worker.ready")
        worker.signal()
        assert worker.wait() == 0
    finally:
        valkey.close()


@pytest.mark.parametrize(
    ("options", "settings", "reason"),
    [
        ((), {"worker_models": "shapes,unknown"}, "no model is called 'unknown'; there are shapes"),
        ((), {"worker_models": " , "}, "names no model"),
        (("--models", "missing.toml"), {}, "missing.toml cannot be read"),
        (("--device", "abacus"), {}, "RENDERQ_DEVICE must be auto, cpu"),
        (("--device", "simulated:soon"), {}, "RENDERQ_DEVICE must be"),
        (("--slots", "0"), {}, "RENDERQ_WORKER_SLOTS must be"),
    ],
)
def test_what_cannot_work_is_refused_in_one_line(
    start: Start, options: tuple[str, ...], settings: dict[str, str], reason: str
) -> None:
    worker = start(*options, **settings)
    assert worker.wait() == CONFIGURATION_ERROR
    message = worker.log[-1]
    assert message.startswith("renderq worker: ")
    assert reason in message
    assert not any("Traceback" in line for line in worker.log)


def test_a_file_that_lacks_weights_is_refused_in_one_line(start: Start, tmp_path: Path) -> None:
    safetensors(tmp_path / "few.safetensors", original("sd1"))
    (tmp_path / "few.toml").write_text('[models.few]\nsource = "few.safetensors"\n')
    worker = start("--device", "cpu", "--models", str(tmp_path / "few.toml"))
    assert worker.wait() == CONFIGURATION_ERROR
    assert worker.log[-1].startswith("renderq worker: model 'few': it cannot be loaded from ")
    assert "its vae lacks 247 of 248 weights" in worker.log[-1]
    assert not any("Traceback" in line for line in worker.log)


def test_a_database_that_the_server_lacks_is_refused(start: Start, redis_url: str) -> None:
    worker = start("--device", "simulated", url=redis_url.removesuffix("/0") + "/99")
    assert worker.wait() == CONFIGURATION_ERROR
    assert "RENDERQ_REDIS_URL names a database that the server does not have" in worker.log[-1]


def test_a_folder_that_the_api_does_not_share_is_refused(jobs: JobClient, start: Start, tmp_path: Path) -> None:
    own, other = FolderStore(tmp_path / "objects"), FolderStore(tmp_path / "theirs")
    jobs.client.set("rq:store", other.id)
    worker = start("--device", "simulated")
    assert worker.wait() == 1  # to be restarted: an API may restore the id of an emptied folder
    assert "was emptied" in worker.log[-1]
    assert own.id
    worker = start("--device", "simulated")
    assert worker.wait() == CONFIGURATION_ERROR
    assert "another object store" in worker.log[-1]
