"""Every error survives what pools and task queues do to it: copies and pickles."""

import copy
import importlib
import inspect
import pickle
import pkgutil
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context

import pytest

import renderq
from renderq import APIError, Client, JobNotSucceeded, RenderqError, WaitTimeout
from renderq.contract import Problem
from renderq.testing import FakeService, JobScript, problem
from tests.shared.renderq.factories import job

PROTOCOLS = range(pickle.HIGHEST_PROTOCOL + 1)


def kinds() -> Iterator[type[RenderqError]]:
    """All errors of the package, wherever they are defined."""
    for module in pkgutil.walk_packages(renderq.__path__, "renderq."):
        if not module.name.endswith("__main__"):
            importlib.import_module(module.name)
    found = [RenderqError]
    for kind in found:
        found += [each for each in kind.__subclasses__() if each.__module__.startswith("renderq.")]
        yield kind


def example(kind: type[RenderqError]) -> RenderqError:
    """An error with a value for every argument of its constructor."""
    known = problem("not_found", "no such job").body
    assert isinstance(known, Problem)
    values = {
        "message": "all wrong",
        "status": 404,
        "problem": known,
        "retry_after": 1.5,
        "job": job(),
        "timeout": 3.0,
        "failure": RenderqError("refused"),
    }
    if not inspect.isfunction(kind.__init__):  # that of `Exception`
        return kind("all wrong", 17)
    return kind(**{name: values[name] for name in inspect.signature(kind).parameters})


@pytest.mark.parametrize("kind", list(kinds()), ids=lambda kind: kind.__name__)
def test_an_error_is_the_same_after_a_copy_and_a_pickle(kind: type[RenderqError]) -> None:
    error = example(kind)
    error.add_note("job_1 continues")
    copies = [copy.copy(error), copy.deepcopy(error), *(pickle.loads(pickle.dumps(error, each)) for each in PROTOCOLS)]
    for other in copies:
        assert type(other) is kind
        assert (str(other), other.args, vars(other)) == (str(error), error.args, vars(error))
        assert other.__notes__ == ["job_1 continues"]


def run_failing(url: str, prompt: str) -> str:
    with Client(url, max_retries=0) as client:
        return client.run(prompt).id


def wait_briefly(url: str) -> str:
    with Client(url) as client:
        return client.run("a cat", timeout=0.01).id


def look_up(url: str) -> str:
    with Client(url) as client:
        return client.job("job_9").id


def test_errors_arrive_from_a_process_pool(server: FakeService) -> None:
    server.script(JobScript(error="out_of_memory", images=1), JobScript(seconds=600))
    with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as pool:
        failed = pool.submit(run_failing, server.url, "a cat").exception()
        late = pool.submit(wait_briefly, server.url).exception()
        missing = pool.submit(look_up, server.url).exception()
    assert isinstance(failed, JobNotSucceeded)
    assert failed.job.id == server.jobs[0].id
    assert isinstance(late, WaitTimeout)
    assert late.job.id == "job_2"
    assert isinstance(missing, APIError)
    assert (missing.status, missing.code) == (404, "not_found")
