"""Files of deploy/, parsed for the tests."""

import json
import re
import tomllib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import yaml

ROOT = Path(__file__).parents[2]
DEPLOY = ROOT / "deploy"
KUBERNETES = DEPLOY / "kubernetes"
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
COMMANDS = set(PROJECT["entry-points"]["renderq.commands"])
"""Services that the CLI starts."""
WORKER_SHUTDOWN_S = 10
"""Time beyond its drain time in which a worker releases its jobs and exits."""

_VARIABLE = re.compile(r"\$\{(?P<name>\w+)(?::(?P<kind>[-?])(?P<rest>[^}]*))?\}")


def variables(text: str) -> dict[str, str]:
    """Variables that a compose file takes from its .env → `?` required, `-` with a default, else empty."""
    return {match["name"]: match["kind"] or "" for match in _VARIABLE.finditer(text)}


def interpolate(text: str, env: Mapping[str, str]) -> str:
    def value(match: re.Match[str]) -> str:
        if given := env.get(match["name"]):
            return given
        assert match["kind"] != "?", f"{match['name']} is required"
        return match["rest"] or ""

    return _VARIABLE.sub(value, text)


def compose(name: str = "compose.yaml") -> dict[str, Any]:
    """A compose file as Compose resolves it with a complete .env."""
    text = "\n".join(line for line in (DEPLOY / name).read_text(encoding="utf-8").splitlines() if "#" not in line[:1])
    secrets = {variable: variable.lower().replace("_", "") for variable, kind in variables(text).items() if kind == "?"}
    return yaml.safe_load(interpolate(text, secrets))


def seconds(duration: str) -> float:
    """A duration of a compose file, e.g. `1m30s`."""
    assert re.fullmatch(r"(\d+[smh])+", duration), duration
    units = {"s": 1, "m": 60, "h": 3600}
    return sum(int(number) * units[unit] for number, unit in re.findall(r"(\d+)([smh])", duration))


def documents(path: Path) -> list[dict[str, Any]]:
    return list(yaml.safe_load_all(path.read_text(encoding="utf-8")))


def kubernetes() -> Iterator[tuple[Path, dict[str, Any]]]:
    """Every applied Kubernetes object, with its file."""
    for kustomization in sorted(KUBERNETES.rglob("kustomization.yaml")):
        for name in documents(kustomization)[0].get("resources", []):
            path = kustomization.parent / name
            if path.is_file():
                for document in documents(path):
                    yield path, document


def instructions(dockerfile: Path) -> list[tuple[str, str]]:
    """(instruction, arguments) of a Dockerfile, comments dropped and continued lines joined."""
    lines = [line for line in dockerfile.read_text(encoding="utf-8").splitlines() if not line.lstrip().startswith("#")]
    joined = re.sub(r"\\\n\s*", " ", "\n".join(lines))
    return [(line.split(None, 1)[0].upper(), line.split(None, 1)[1]) for line in joined.splitlines() if line.strip()]


def exec_form(arguments: str) -> list[str]:
    """The argv of an exec-form instruction; fails for the shell form, whose shell would swallow SIGTERM."""
    parsed = json.loads(arguments)
    assert isinstance(parsed, list)
    assert all(isinstance(part, str) for part in parsed)
    return parsed


def procfile() -> dict[str, str]:
    lines = (DEPLOY / "Procfile").read_text(encoding="utf-8").splitlines()
    return dict(line.split(": ", 1) for line in lines if line and not line.startswith("#"))


def is_pinned(image: str) -> bool:
    """Whether an image reference names a version down to its patch level."""
    tag = image.split("@")[0].rpartition(":")[2] if ":" in image else ""
    return re.match(r"v?\d+\.\d+", tag) is not None
