"""Kubernetes manifests: consistent, draining before the kill, within the `restricted` pod security standard."""

import re
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
import yaml
from pydantic import ValidationError

from renderq.contract import Model
from renderq_shared.settings import ApiSettings, WorkerSettings
from tests.deploy.deploy_files import (
    DEPLOY,
    KUBERNETES,
    PROJECT,
    ROOT,
    WORKER_SHUTDOWN_S,
    documents,
    is_pinned,
    kubernetes,
)

NAMESPACE = "renderq"
API_VERSIONS = {
    "Deployment": "apps/v1",
    "Service": "v1",
    "Namespace": "v1",
    "PodDisruptionBudget": "policy/v1",
    "NetworkPolicy": "networking.k8s.io/v1",
    "PodMonitor": "monitoring.coreos.com/v1",
    "ScaledObject": "keda.sh/v1alpha1",
    "TriggerAuthentication": "keda.sh/v1alpha1",
}
BASE = KUBERNETES / "base"


def objects(kind: str) -> dict[str, dict[str, Any]]:
    return {document["metadata"]["name"]: document for _, document in kubernetes() if document["kind"] == kind}


def pod(name: str) -> dict[str, Any]:
    return objects("Deployment")[name]["spec"]["template"]["spec"]


def containers(name: str) -> dict[str, dict[str, Any]]:
    spec = pod(name)
    return {c["name"]: c for c in (*spec.get("initContainers", []), *spec["containers"])}


def settings_env() -> dict[str, str]:
    lines = (BASE / "settings.env").read_text(encoding="utf-8").splitlines()
    return dict(line.split("=", 1) for line in lines if line and not line.startswith("#"))


def secret() -> dict[str, str]:
    return documents(BASE / "secret.example.yaml")[0]["stringData"]


def test_every_object_is_of_a_kind_and_version_that_we_mean() -> None:
    assert {(document["kind"], document["apiVersion"]) for _, document in kubernetes()} == set(API_VERSIONS.items())


def test_every_file_is_applied_except_the_example_of_a_secret() -> None:
    applied = {path for path, _ in kubernetes()}
    held = {path for path in KUBERNETES.rglob("*.yaml") if path.name != "kustomization.yaml"}
    assert held - applied == {BASE / "secret.example.yaml"}


@pytest.mark.parametrize("path", sorted(KUBERNETES.rglob("kustomization.yaml")), ids=lambda p: p.parent.name)
def test_kustomizations_name_what_exists(path: Path) -> None:
    kustomization = documents(path)[0]
    named = list(kustomization.get("resources", []))
    for generator in kustomization.get("configMapGenerator", []):
        named += [*generator.get("envs", []), *generator.get("files", [])]
    assert [name for name in named if not (path.parent / name).exists()] == []
    for patch in kustomization.get("patches", []):
        assert patch["target"]["name"] in objects(patch["target"]["kind"])


def test_our_own_images_carry_the_projects_version() -> None:
    tags = {image["name"]: image["newTag"] for image in documents(BASE / "kustomization.yaml")[0]["images"]}
    assert tags == {"renderq-api": PROJECT["version"], "renderq-worker": PROJECT["version"]}


@pytest.mark.parametrize("name", ["renderq-api", "renderq-worker"])
def test_images_name_a_version(name: str) -> None:
    tagged = {image["name"] for image in documents(BASE / "kustomization.yaml")[0]["images"]}
    assert {
        c["image"] for c in containers(name).values() if not (is_pinned(c["image"]) or c["image"] in tagged)
    } == set()


@pytest.mark.parametrize("name", ["renderq-api", "renderq-worker"])
def test_pods_pass_the_restricted_standard(name: str) -> None:
    spec = pod(name)
    assert spec["securityContext"]["runAsNonRoot"] is True
    assert spec["securityContext"]["runAsUser"] == 10001
    assert spec["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
    assert spec["automountServiceAccountToken"] is False
    assert not {"hostNetwork", "hostPID", "hostIPC"} & set(spec)
    for container in containers(name).values():
        assert container["securityContext"] == {
            "allowPrivilegeEscalation": False,
            "readOnlyRootFilesystem": True,
            "capabilities": {"drop": ["ALL"]},
        }


@pytest.mark.parametrize("name", ["renderq-api", "renderq-worker"])
def test_selectors_find_their_pods(name: str) -> None:
    deployment = objects("Deployment")[name]
    labels = deployment["spec"]["template"]["metadata"]["labels"]
    assert deployment["spec"]["selector"]["matchLabels"] == labels
    assert objects("PodDisruptionBudget")[name]["spec"]["selector"]["matchLabels"] == labels
    assert objects("NetworkPolicy")[name]["spec"]["podSelector"]["matchLabels"] == labels
    other = objects("Deployment")["renderq-worker" if name == "renderq-api" else "renderq-api"]
    assert other["spec"]["template"]["metadata"]["labels"] != labels


def test_the_service_finds_the_api() -> None:
    service = objects("Service")["renderq-api"]["spec"]
    assert service["selector"] == objects("Deployment")["renderq-api"]["spec"]["template"]["metadata"]["labels"]
    [port] = service["ports"]
    ports = {p["name"]: p["containerPort"] for p in containers("renderq-api")["api"]["ports"]}
    assert ports[port["targetPort"]] == port["port"] == 8400


@pytest.mark.parametrize("name", ["renderq-api", "renderq-worker"])
def test_mounts_and_volumes_match(name: str) -> None:
    mounted = {m["name"] for c in containers(name).values() for m in c["volumeMounts"]}
    assert mounted == {volume["name"] for volume in pod(name)["volumes"]}
    main = containers(name)[name.removeprefix("renderq-")]
    assert {m["mountPath"] for m in main["volumeMounts"]} == {"/var/lib/renderq", "/tmp"}


@pytest.mark.parametrize("name", ["renderq-api", "renderq-worker"])
def test_config_maps_and_secrets_that_are_used_exist(name: str) -> None:
    generated = {g["name"] for g in documents(BASE / "kustomization.yaml")[0]["configMapGenerator"]}
    secrets = {documents(BASE / "secret.example.yaml")[0]["metadata"]["name"]}
    for source in containers(name)[name.removeprefix("renderq-")]["envFrom"]:
        assert source.get("configMapRef", {}).get("name", "") in generated | {""}
        assert source.get("secretRef", {}).get("name", "") in secrets | {""}
    for volume in pod(name)["volumes"]:
        assert volume.get("configMap", {}).get("name", "") in generated | {""}


def test_what_is_secret_stands_in_the_secret_alone() -> None:
    assert not set(settings_env()) & set(secret())
    assert not [name for name in settings_env() if re.search(r"URL|KEY|SECRET|PASSWORD", name)]


def test_api_probes_ask_what_needs_no_key() -> None:
    api = containers("renderq-api")["api"]
    paths = {probe: api[probe]["httpGet"]["path"] for probe in ("startupProbe", "livenessProbe", "readinessProbe")}
    assert paths == {"startupProbe": "/healthz", "livenessProbe": "/healthz", "readinessProbe": "/readyz"}
    assert {api[probe]["httpGet"]["port"] for probe in paths} == {port["name"] for port in api["ports"]}


def test_worker_is_ready_when_registered_and_never_killed_for_being_away() -> None:
    worker = containers("renderq-worker")["worker"]
    script = Path(worker["readinessProbe"]["exec"]["command"][1])
    assert (DEPLOY / "container" / script.relative_to("/opt/renderq/container")).is_file()
    assert "livenessProbe" not in worker


def test_a_worker_is_not_killed_while_it_drains() -> None:
    env = {e["name"]: e.get("value") for e in containers("renderq-worker")["worker"]["env"]}
    drain = float(env["RENDERQ_DRAIN_SECONDS"])
    assert drain >= WorkerSettings.model_fields["drain_seconds"].default
    assert pod("renderq-worker")["terminationGracePeriodSeconds"] > drain + WORKER_SHUTDOWN_S


def test_the_api_leaves_the_service_before_it_stops() -> None:
    sleep = containers("renderq-api")["api"]["lifecycle"]["preStop"]["sleep"]["seconds"]
    assert pod("renderq-api")["terminationGracePeriodSeconds"] >= sleep + 20


def test_updates_and_evictions_never_take_everything() -> None:
    for name, budget in objects("PodDisruptionBudget").items():
        assert budget["spec"]["maxUnavailable"] == 1
        assert objects("Deployment")[name]["spec"]["strategy"]["rollingUpdate"]["maxUnavailable"] == 0
    assert objects("Deployment")["renderq-api"]["spec"]["replicas"] >= 2


def test_everything_lives_in_one_namespace() -> None:
    assert set(objects("Namespace")) == {NAMESPACE}
    assert documents(BASE / "kustomization.yaml")[0]["namespace"] == NAMESPACE
    assert {d["metadata"].get("namespace", NAMESPACE) for _, d in kubernetes() if d["kind"] != "Namespace"} == {
        NAMESPACE
    }


@pytest.mark.parametrize(("name", "model"), [("api", ApiSettings), ("worker", WorkerSettings)])
def test_the_product_takes_these_settings(name: str, model: type[ApiSettings], monkeypatch: pytest.MonkeyPatch) -> None:
    env = {e["name"]: e.get("value", "4") for e in containers(f"renderq-{name}")[name]["env"]}
    filled_in = {**secret(), "RENDERQ_SECRET": "0123456789abcdef" * 2}
    for variable, value in {**settings_env(), **filled_in, **env}.items():
        monkeypatch.setenv(variable, value)
    assert model().store == settings_env()["RENDERQ_STORE"]


def test_secret_that_was_not_filled_in_is_refused() -> None:
    with pytest.raises(ValidationError, match="at least 32 random characters"):
        ApiSettings(secret=secret()["RENDERQ_SECRET"])


def test_replicas_of_the_api_share_nothing_on_disk() -> None:
    assert settings_env()["RENDERQ_STORE"].startswith("s3://"), "a folder cannot be shared between nodes"


def test_the_api_listens_for_others_and_asks_each_of_them_for_a_key() -> None:
    env = {e["name"]: e["value"] for e in containers("renderq-api")["api"]["env"]}
    assert (env["RENDERQ_HOST"], env["RENDERQ_KEYS"]) == ("0.0.0.0", "required")
    assert [port["containerPort"] for port in containers("renderq-api")["api"]["ports"]] == [int(env["RENDERQ_PORT"])]


def test_autoscaler_reads_a_number_that_the_contract_has_with_a_key_from_a_secret() -> None:
    scaler = objects("ScaledObject")["renderq-worker"]
    assert scaler["spec"]["scaleTargetRef"]["name"] in objects("Deployment")
    assert 1 <= scaler["spec"]["minReplicaCount"] < scaler["spec"]["maxReplicaCount"]
    for trigger in scaler["spec"]["triggers"]:
        url = urlsplit(trigger["metadata"]["url"])
        assert trigger["type"] == "metrics-api"
        assert Model.model_fields[trigger["metadata"]["valueLocation"]].annotation is int
        assert url.hostname == f"renderq-api.{NAMESPACE}.svc"
        assert url.port == objects("Service")["renderq-api"]["spec"]["ports"][0]["port"]
        assert url.path == f"/v1/models/{trigger['name']}"
        assert trigger["metadata"]["authMode"] == "bearer"
        [target] = objects("TriggerAuthentication")[trigger["authenticationRef"]["name"]]["spec"]["secretTargetRef"]
        secret = f"create secret generic {target['name']} --from-literal={target['key']}="
        assert target["parameter"] == "token"
        assert secret in (ROOT / "docs" / "guides" / "deployment.md").read_text(encoding="utf-8")


@pytest.mark.parametrize("component", ["keda", "keda-to-zero"])
def test_who_scales_owns_the_number_of_workers(component: str) -> None:
    [patch] = documents(KUBERNETES / "components" / component / "kustomization.yaml")[0]["patches"]
    assert patch["target"] == {"kind": "Deployment", "name": "renderq-worker"}
    assert "op: remove" in patch["patch"]
    assert "/spec/replicas" in patch["patch"]


def test_only_labeled_clients_and_the_autoscaler_reach_the_api() -> None:
    [own] = objects("NetworkPolicy")["renderq-api"]["spec"]["ingress"]
    assert own["from"] == [{"podSelector": {"matchLabels": {"renderq/client": "true"}}}]
    [keda] = objects("NetworkPolicy")["renderq-api-keda"]["spec"]["ingress"]
    assert keda["from"] == [{"namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": "keda"}}}]
    assert objects("NetworkPolicy")["renderq-worker"]["spec"]["ingress"] == []


def test_workers_go_to_zero_only_while_nothing_is_queued_or_running() -> None:
    scaler = objects("ScaledObject")["renderq-worker-to-zero"]["spec"]
    assert (scaler["scaleTargetRef"]["name"], scaler["minReplicaCount"]) == ("renderq-worker", 0)
    for trigger in scaler["triggers"]:
        metadata, model = trigger["metadata"], trigger["name"]
        assert trigger["type"] == "prometheus"
        for name in ("renderq_jobs_queued", "renderq_jobs_running"):
            assert f'{name}{{model="{model}"}}' in metadata["query"]
        assert (metadata["activationThreshold"], metadata["ignoreNullValues"]) == ("0", "false")


@pytest.mark.parametrize("name", ["renderq-api", "renderq-worker"])
def test_prometheus_finds_the_port_that_the_component_opens(name: str) -> None:
    monitor = objects("PodMonitor")[name]["spec"]
    assert monitor["selector"]["matchLabels"].items() <= pod_labels(name).items()
    kustomization = documents(KUBERNETES / "components" / "monitoring" / "kustomization.yaml")[0]
    [patch] = [each for each in kustomization["patches"] if each["target"]["name"] == name]
    added = [operation["value"] for operation in yaml.safe_load(patch["patch"])]
    env = {each["name"]: each["value"] for each in added[:2]}
    [port] = added[2:][0] if isinstance(added[2], list) else added[2:]
    assert {"env": env["RENDERQ_METRICS_PORT"], "host": env["RENDERQ_METRICS_HOST"]} == {
        "env": str(port["containerPort"]),
        "host": "0.0.0.0",
    }
    [endpoint] = monitor["podMetricsEndpoints"]
    [ingress] = objects("NetworkPolicy")["renderq-metrics"]["spec"]["ingress"]
    assert endpoint["port"] == port["name"] == ingress["ports"][0]["port"]


def pod_labels(name: str) -> dict[str, str]:
    return objects("Deployment")[name]["spec"]["template"]["metadata"]["labels"]
