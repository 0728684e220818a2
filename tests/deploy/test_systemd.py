"""systemd units: the Procfile's commands, with time to drain, restarted unless they reject their configuration."""

from pathlib import Path

import pytest

from renderq_shared.local.processes import EXIT_CONFIG
from renderq_shared.settings import WorkerSettings
from tests.deploy.deploy_files import DEPLOY, WORKER_SHUTDOWN_S, procfile

UNITS = {"api": DEPLOY / "systemd" / "renderq-api.service", "worker": DEPLOY / "systemd" / "renderq-worker@.service"}
HARDENING = {
    "NoNewPrivileges": "yes",
    "CapabilityBoundingSet": "",
    "ProtectSystem": "strict",
    "ProtectHome": "yes",
    "PrivateTmp": "yes",
    "RestrictNamespaces": "yes",
    "RestrictSUIDSGID": "yes",
    "SystemCallArchitectures": "native",
}


def unit(path: Path) -> list[tuple[str, str]]:
    lines = path.read_text(encoding="utf-8").splitlines()
    return [tuple(line.split("=", 1)) for line in lines if "=" in line and not line.startswith("#")]


@pytest.fixture(params=sorted(UNITS))
def name(request: pytest.FixtureRequest) -> str:
    return request.param


def test_there_are_no_other_units() -> None:
    assert set((DEPLOY / "systemd").glob("*.service")) == set(UNITS.values())


def test_runs_what_the_procfile_runs(name: str) -> None:
    assert dict(unit(UNITS[name]))["ExecStart"] == procfile()[name].replace("exec python", "/opt/renderq/bin/python")


def test_is_started_again_unless_it_cannot_start_as_configured(name: str) -> None:
    settings = dict(unit(UNITS[name]))
    assert settings["Restart"] == "always"
    assert settings["RestartPreventExitStatus"] == str(EXIT_CONFIG)


def test_has_no_more_rights_than_it_needs(name: str) -> None:
    settings = dict(unit(UNITS[name]))
    assert {key: settings.get(key) for key in HARDENING} == HARDENING
    assert settings["User"] == "renderq"
    assert ("SystemCallFilter", "@system-service") in unit(UNITS[name])


def test_can_write_where_its_data_lies(name: str) -> None:
    settings = dict(unit(UNITS[name]))
    environment = dict(
        pair.split("=", 1) for key, value in unit(UNITS[name]) if key == "Environment" for pair in value.split()
    )
    assert environment["RENDERQ_DATA"] == f"/var/lib/{settings['StateDirectory']}"


def test_a_worker_is_not_killed_while_it_drains() -> None:
    settings = unit(UNITS["worker"])
    environment = dict(pair.split("=", 1) for key, value in settings if key == "Environment" for pair in value.split())
    drain = float(environment["RENDERQ_DRAIN_SECONDS"])
    assert drain >= WorkerSettings.model_fields["drain_seconds"].default
    assert float(dict(settings)["TimeoutStopSec"]) > drain + WORKER_SHUTDOWN_S


def test_settings_of_both_come_from_one_file(name: str) -> None:
    assert ("EnvironmentFile", "/etc/renderq/renderq.env") in unit(UNITS[name])
    assert (DEPLOY / "systemd" / "renderq.env.example").is_file()
