"""The gateway in front of a keyless API: patient enough for its answers, and no way around its refusals."""

import re
from pathlib import Path

import pytest

from tests.deploy.files import DEPLOY, KUBERNETES

COMPOSE = DEPLOY / "gateway.cfg"
CLUSTER = KUBERNETES / "base" / "haproxy.cfg"
LONG_POLL_S = 60
HEARTBEAT_S = 15


def directives(path: Path) -> list[str]:
    lines = (line.strip() for line in path.read_text(encoding="utf-8").splitlines())
    return [line for line in lines if line and not line.startswith("#")]


@pytest.fixture(params=[COMPOSE, CLUSTER], ids=["compose", "kubernetes"])
def config(request: pytest.FixtureRequest) -> list[str]:
    return directives(request.param)


def test_long_polls_and_event_streams_are_not_cut(config: list[str]) -> None:
    for side in ("client", "server"):
        [patience] = [int(s) for line in config for s in re.findall(rf"^timeout {side} (\d+)s$", line)]
        assert patience > max(LONG_POLL_S, HEARTBEAT_S)


def test_the_one_server_is_on_loopback(config: list[str]) -> None:
    assert [line for line in config if line.startswith("server ")] == ["server api 127.0.0.1:8401"]


def test_compose_passes_every_host_name_unchanged() -> None:
    assert not [line for line in directives(COMPOSE) if line.startswith("http-request")]


def test_cluster_changes_the_host_name_only_to_read_models() -> None:
    config = directives(CLUSTER)
    [rule] = [line for line in config if line.startswith("http-request")]
    assert rule == "http-request set-header Host localhost:8400 if service_name models METH_GET"
    [names] = [line for line in config if line.startswith("acl service_name")]
    assert all(name.split(".")[0] == "renderq-api" for name in names.split()[3:])
    [models] = [line.split()[-1] for line in config if line.startswith("acl models path_reg")]
    assert re.search(models, "/v1/models")
    assert re.search(models, "/v1/models/sd-1.5")
    for other in (
        "/v1/jobs",
        "/v1/models/../jobs",
        "/v1/models/a/b",
        "/v1/modelsx",
        "/x/v1/models",
        "/v1/models/%2e%2e",
    ):
        assert not re.search(models, other), other


def test_beyond_that_both_are_the_same() -> None:
    extra = {line for line in directives(CLUSTER) if line.startswith(("acl", "http-request"))}
    assert [line for line in directives(CLUSTER) if line not in extra] == directives(COMPOSE)
