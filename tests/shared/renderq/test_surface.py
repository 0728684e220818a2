"""Public interface of the client."""

import inspect
import re
import subprocess
import sys
from importlib import metadata
from typing import Any

import pytest

import renderq
from renderq import errors
from renderq.contract import TASKS, OutputOptions

PUBLIC = {
    "APIError",
    "Asset",
    "AsyncClient",
    "AsyncImage",
    "AsyncImages",
    "AsyncJobHandle",
    "Batch",
    "Client",
    "ConfigurationError",
    "ConnectionFailed",
    "Forbidden",
    "Image",
    "ImageCorrupted",
    "Images",
    "InvalidArgument",
    "InvalidRequest",
    "Job",
    "JobCanceled",
    "JobError",
    "JobErrorCode",
    "JobEvent",
    "JobExpired",
    "JobFailed",
    "JobHandle",
    "JobNotSucceeded",
    "Model",
    "NotFound",
    "Output",
    "OutputParams",
    "OutputOptions",
    "Preview",
    "Progress",
    "RateLimited",
    "RenderqError",
    "RequestParams",
    "Retry",
    "ServiceUnavailable",
    "Stage",
    "Status",
    "TenantEvent",
    "Unauthorized",
    "UnexpectedResponse",
    "WaitTimeout",
    "WebhookEvent",
    "WebhookInvalid",
    "Worker",
    "__version__",
    "webhooks",
}

IMPORT_WITH_DEPENDENCIES_ONLY = """
import importlib.abc, sys

ALLOWED = set(sys.stdlib_module_names) | {
    "renderq", "httpx2", "httpcore2", "h11", "idna", "anyio", "truststore", "typing_extensions",
    "pydantic", "pydantic_core", "annotated_types", "typing_inspection",
}

class Blocker(importlib.abc.MetaPathFinder):
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] not in ALLOWED and not name.startswith("_sysconfigdata"):
            raise ModuleNotFoundError(f"{name} is blocked", name=name)

sys.meta_path.insert(0, Blocker())
import renderq, renderq.cli, renderq.testing
with renderq.Client() as client:
    print(sorted(name for name in sys.modules if name.startswith("renderq_")))
"""


def test_public_names_are_these() -> None:
    assert set(renderq.__all__) == PUBLIC
    assert all(getattr(renderq, name) is not None for name in PUBLIC)


def test_version_is_the_distributions() -> None:
    assert renderq.__version__ == metadata.version("renderq")


def test_needs_httpx2_and_pydantic_alone_and_no_service() -> None:
    done = subprocess.run(
        [sys.executable, "-c", IMPORT_WITH_DEPENDENCIES_ONLY], capture_output=True, text=True, check=False
    )
    assert (done.stdout.strip(), done.stderr) == ("[]", "")


@pytest.mark.parametrize("name", ["Client", "JobHandle", "Image", "Images"])
def test_sync_and_async_clients_have_the_same_methods_and_arguments(name: str) -> None:
    assert _methods(getattr(renderq, name)) == _methods(getattr(renderq, f"Async{name}"))


@pytest.mark.parametrize("name", ["jobs", "assets", "models", "workers", "tenants", "deliveries"])
async def test_sync_and_async_clients_have_the_same_namespaces(name: str) -> None:
    async with renderq.AsyncClient() as asynchronous:
        with renderq.Client() as client:
            assert _methods(type(getattr(client, name))) == _methods(type(getattr(asynchronous, name)))


def test_keyword_arguments_are_the_fields_of_a_request() -> None:
    fields = {field for model in TASKS.values() for field in model.model_fields}
    assert set(renderq.RequestParams.__annotations__) == fields - {"prompt"}
    assert set(renderq.OutputParams.__annotations__) == set(OutputOptions.model_fields)


def test_the_drawn_tree_of_errors_is_the_real_one() -> None:
    drawn: dict[str, str] = {}
    path: list[str] = []
    for line in (errors.__doc__ or "").splitlines():
        if match := re.match(r"^([│├└─ ]*)([A-Z]\w+)(?:\s|$)", line):
            depth = len(match[1]) // 4
            if depth == 0 and match[2] != "RenderqError":
                continue
            path[depth:] = [match[2]]
            drawn[match[2]] = path[depth - 1] if depth else "Exception"
    real = {
        name: value.__base__.__name__
        for name, value in vars(errors).items()
        if inspect.isclass(value) and issubclass(value, Exception)
    }
    assert drawn == real


def _methods(kind: Any) -> dict[str, list[str]]:
    return {
        name.replace("__a", "__"): [str(parameter) for parameter in inspect.signature(value).parameters.values()]
        for name, value in vars(kind).items()
        if inspect.isfunction(value) and (not name.startswith("_") or name in {"__enter__", "__aenter__"})
    } | {name: [] for name, value in vars(kind).items() if isinstance(value, property)}
