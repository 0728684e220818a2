"""compose.yaml: volumes, networks, and settings that exist."""

import json
import re
from typing import Any

import pytest

from renderq_shared.settings import ApiSettings, SharedSettings, WorkerSettings
from tests.deploy.deploy_files import (
    DEPLOY,
    PROJECT,
    ROOT,
    WORKER_SHUTDOWN_S,
    compose,
    instructions,
    is_pinned,
    seconds,
    variables,
)

FILES = sorted(path.name for path in DEPLOY.glob("compose*.yaml"))
MODELS = {"api": ApiSettings, "worker": WorkerSettings}


@pytest.fixture(scope="module")
def stack() -> dict[str, Any]:
    return compose()


def environment(service: dict[str, Any]) -> dict[str, str]:
    """Without variables that are only passed through when set."""
    return {name: value for name, value in service["environment"].items() if value is not None}


def test_the_parts_of_the_design_are_there(stack: dict[str, Any]) -> None:
    assert set(stack["services"]) == {"valkey", "postgres", "s3", "bucket", "api", "worker"}


def test_images_name_a_version(stack: dict[str, Any]) -> None:
    assert {name for name, service in stack["services"].items() if not is_pinned(service["image"])} == set()


@pytest.mark.parametrize("name", ["api", "bucket", "worker"])
def test_our_own_images_are_built_here_and_carry_the_projects_version(stack: dict[str, Any], name: str) -> None:
    service = stack["services"][name]
    assert service["image"].split(":")[1] == PROJECT["version"]
    context = (DEPLOY / service["build"]["context"]).resolve()
    assert context == ROOT
    assert (context / service["build"]["dockerfile"]).is_file()


def test_build_arguments_exist_in_the_dockerfile(stack: dict[str, Any]) -> None:
    build = stack["services"]["worker"]["build"]
    declared = {
        arguments.split("=")[0] for name, arguments in instructions(ROOT / build["dockerfile"]) if name == "ARG"
    }
    assert set(build["args"]) <= declared


def test_ports_are_published_on_loopback_only(stack: dict[str, Any]) -> None:
    published = {port for service in stack["services"].values() for port in service.get("ports", [])}
    assert published
    assert all(re.fullmatch(r"127\.0\.0\.1:\d+:\d+", port) for port in published), published


def test_workers_and_redis_have_no_way_out_or_in(stack: dict[str, Any]) -> None:
    assert stack["networks"]["backend"]["internal"] is True
    for name in ("valkey", "postgres", "worker", "bucket"):
        assert stack["services"][name]["networks"] == ["backend"]
        assert "ports" not in stack["services"][name]


def test_the_api_listens_for_others_and_asks_each_of_them_for_a_key(stack: dict[str, Any]) -> None:
    api = stack["services"]["api"]
    env = environment(api)
    assert (env["RENDERQ_HOST"], env["RENDERQ_KEYS"]) == ("0.0.0.0", "required")
    assert [port.split(":")[2] for port in api["ports"]] == [env["RENDERQ_PORT"]]
    assert api["networks"] == ["backend", "edge"], "the edge is where its port is published"


def test_accepted_jobs_survive_a_restart(stack: dict[str, Any]) -> None:
    valkey = stack["services"]["valkey"]
    config = dict(line.split(" ", 1) for line in stack["configs"]["valkey"]["content"].splitlines())
    assert config["appendonly"] == "yes"
    assert config["maxmemory-policy"] == "noeviction"
    assert f"valkey:{config['dir']}" in valkey["volumes"]
    assert config["maxmemory"] == "1gb"
    assert valkey["deploy"]["resources"]["limits"]["memory"] == "2g"


def test_images_survive_a_restart(stack: dict[str, Any]) -> None:
    assert "-dir=/data" in stack["services"]["s3"]["command"]
    assert "s3:/data" in stack["services"]["s3"]["volumes"]


def test_the_history_survives_a_restart_and_the_api_knows_its_password(stack: dict[str, Any]) -> None:
    postgres = stack["services"]["postgres"]
    env = postgres["environment"]
    assert "postgres:/var/lib/postgresql/data" in postgres["volumes"]
    url = f"postgresql://{env['POSTGRES_USER']}:{env['POSTGRES_PASSWORD']}@postgres:5432/{env['POSTGRES_DB']}"
    assert environment(stack["services"]["api"])["RENDERQ_HISTORY_URL"] == url


def test_volumes_networks_and_configs_are_declared(stack: dict[str, Any]) -> None:
    services = stack["services"].values()
    volumes = {volume.split(":")[0] for service in services for volume in service.get("volumes", [])}
    assert volumes == set(stack["volumes"])
    assert {network for service in services for network in service.get("networks", [])} == set(stack["networks"])
    assert {config["source"] for service in services for config in service.get("configs", [])} == set(stack["configs"])


def test_redis_password_and_store_keys_are_the_same_for_server_and_clients(stack: dict[str, Any]) -> None:
    valkey = dict(line.split(" ", 1) for line in stack["configs"]["valkey"]["content"].splitlines())
    [identity] = json.loads(stack["configs"]["s3"]["content"])["identities"]
    for name in ("api", "worker"):
        env = environment(stack["services"][name])
        assert env["RENDERQ_REDIS_URL"] == f"redis://:{valkey['requirepass']}@valkey:6379/0"
        assert identity["credentials"] == [
            {"accessKey": env["AWS_ACCESS_KEY_ID"], "secretKey": env["AWS_SECRET_ACCESS_KEY"]}
        ]
    assert valkey["requirepass"] == stack["services"]["valkey"]["environment"]["REDISCLI_AUTH"]


def test_only_the_s3_port_of_the_store_listens_beyond_its_container(stack: dict[str, Any]) -> None:
    command = stack["services"]["s3"]["command"]
    assert "-ip.bind=127.0.0.1" in command
    assert "-s3.ip.bind=0.0.0.0" in command


def test_signed_addresses_name_the_published_port_of_the_store(stack: dict[str, Any]) -> None:
    address = environment(stack["services"]["api"])["RENDERQ_S3_PUBLIC_ENDPOINT"].removeprefix("http://")
    assert [port.rpartition(":")[0] for port in stack["services"]["s3"]["ports"]] == [address]


@pytest.mark.parametrize("name", FILES)
def test_no_secret_stands_in_a_file(name: str) -> None:
    text = re.sub(r"\$\{\w+:\?[^}]*\}", "", (DEPLOY / name).read_text(encoding="utf-8"))
    key = r"(?i)(?:password|requirepass|secret_?(?:access_?)?key|access_?key(?:_id)?|auth)"
    assert re.findall(rf"{key}\"?[:= ] *\"?([\w/+-]+)", text) == []
    assert re.findall(r"://:([^@]+)@", text) == []


@pytest.mark.parametrize("name", FILES)
def test_the_example_of_env_names_every_variable_and_holds_no_secret(name: str) -> None:
    example = dict(
        line.removeprefix("#").split("=", 1)
        for line in (DEPLOY / ".env.example").read_text(encoding="utf-8").splitlines()
        if re.match(r"#?[A-Z0-9_]+=", line)
    )
    text = (DEPLOY / name).read_text(encoding="utf-8")
    passed_through = set(re.findall(r"^\s+(RENDERQ_\w+):$", text, re.MULTILINE))
    assert set(variables(text)) | passed_through <= set(example)
    required = {variable for variable, kind in variables(text).items() if kind == "?"} - {"MODELS_DIR"}
    assert {example[variable] for variable in required} <= {""}


def test_env_is_ignored_by_git_and_by_the_builder() -> None:
    assert ".env" in (DEPLOY / ".gitignore").read_text(encoding="utf-8").splitlines()
    assert "**/.env" in (ROOT / ".dockerignore").read_text(encoding="utf-8").splitlines()


def test_services_wait_only_for_services_with_a_health_check(stack: dict[str, Any]) -> None:
    services = stack["services"]
    for name, service in services.items():
        for other, condition in service.get("depends_on", {}).items():
            assert other in services, f"{name} waits for {other}"
            if condition["condition"] == "service_healthy":
                assert services[other]["healthcheck"]["test"][0] in {"CMD", "CMD-SHELL"}
            if condition["condition"] == "service_completed_successfully":
                assert services[other]["restart"] == "on-failure"


@pytest.mark.parametrize("name", ["api", "worker"])
def test_nothing_starts_before_redis_answers_and_the_bucket_exists(stack: dict[str, Any], name: str) -> None:
    waits = {other: c["condition"] for other, c in stack["services"][name]["depends_on"].items()}
    assert waits["valkey"] == "service_healthy"
    assert waits["bucket"] == "service_completed_successfully"
    assert stack["services"]["bucket"]["depends_on"]["s3"]["condition"] == "service_healthy"


def test_a_worker_is_not_killed_while_it_drains(stack: dict[str, Any]) -> None:
    worker = stack["services"]["worker"]
    drain = float(environment(worker)["RENDERQ_DRAIN_SECONDS"])
    assert drain >= WorkerSettings.model_fields["drain_seconds"].default
    assert seconds(worker["stop_grace_period"]) > drain + WORKER_SHUTDOWN_S


def test_everything_long_lived_is_started_again_and_has_time_to_stop(stack: dict[str, Any]) -> None:
    for name, service in stack["services"].items():
        if name != "bucket":
            assert service["restart"] == "unless-stopped", name
            assert seconds(service["stop_grace_period"]) >= (10 if name == "s3" else 20), name


@pytest.mark.parametrize("name", ["api", "worker", "bucket"])
def test_containers_have_no_more_rights_than_they_need(stack: dict[str, Any], name: str) -> None:
    service = stack["services"][name]
    assert service["read_only"] is True
    assert service["cap_drop"] == ["ALL"]
    assert "cap_add" not in service


def test_no_container_can_take_the_machine(stack: dict[str, Any]) -> None:
    for name, service in stack["services"].items():
        assert service["security_opt"] == ["no-new-privileges:true"], name
        assert not {"privileged", "pid", "ipc"} & set(service), name
        assert not any("docker.sock" in volume for volume in service.get("volumes", [])), name


def test_inline_configs_go_only_into_containers_that_can_be_written(stack: dict[str, Any]) -> None:
    """Compose copies their content into the container; a read-only file system refuses it."""
    for name, service in stack["services"].items():
        inline = [c for c in service.get("configs", []) if "content" in stack["configs"][c["source"]]]
        assert not (inline and service.get("read_only")), name


def test_workers_scale(stack: dict[str, Any]) -> None:
    worker = stack["services"]["worker"]
    assert worker["deploy"]["replicas"] == 1
    assert "container_name" not in worker
    assert "RENDERQ_WORKER_NAME" not in worker["environment"], "replicas would share the name"


@pytest.mark.parametrize("name", ["api", "worker"])
def test_the_product_takes_these_settings(stack: dict[str, Any], name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    for variable, value in environment(stack["services"][name]).items():
        monkeypatch.setenv(variable, str(value))
    settings = MODELS[name]()
    assert settings.redis_url.endswith("@valkey:6379/0")
    assert settings.store == "s3://renderq/images"


def test_api_and_workers_agree(stack: dict[str, Any]) -> None:
    shared = {f"RENDERQ_{name.upper()}" for name in SharedSettings.model_fields}
    api, worker = (
        {variable: value for variable, value in stack["services"][name]["environment"].items() if variable in shared}
        for name in ("api", "worker")
    )
    assert api == worker


@pytest.mark.parametrize("name", [name for name in FILES if name != "compose.yaml"])
def test_overrides_change_services_that_exist(stack: dict[str, Any], name: str) -> None:
    assert set(compose(name)["services"]) <= set(stack["services"])


def test_your_own_models_are_mounted_where_the_setting_points() -> None:
    for service in compose("compose.models.yaml")["services"].values():
        [mount] = service["volumes"]
        assert service["environment"]["RENDERQ_MODELS"].startswith(mount.split(":")[1] + "/")
        assert mount.endswith(":ro")
