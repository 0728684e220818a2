"""`renderq models check` and `renderq models pull`, run as commands."""

import json
import os
import subprocess
import sys
from importlib.metadata import EntryPoint
from pathlib import Path

import pytest

from renderq.cli import main, plugins
from renderq_worker.builtin import PIPELINE_DIR
from tests.shared.checkpoints.checkpoint_files import original, safetensors
from tests.worker.commands.model_hub import COMMIT, REPOSITORY, hub

COMMANDS = {
    f"models-{name}": EntryPoint(
        f"models-{name}", f"renderq_worker.commands.model_commands:{name}_command", plugins.ENTRY_POINT_GROUP
    )
    for name in ("check", "pull")
}


@pytest.fixture(autouse=True)
def installed(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(plugins, "plugin_commands", lambda: COMMANDS)
    monkeypatch.setenv("HF_HUB_CACHE", str(tmp_path / "hub"))


@pytest.fixture
def catalog(tmp_path: Path) -> Path:
    safetensors(tmp_path / "sd1.safetensors", original("sd1"))
    safetensors(tmp_path / "cut.safetensors", original("sd1"), missing_bytes=9)
    path = tmp_path / "models.toml"
    path.write_text(
        '[models.shapes]\nsource = "builtin:shapes"\n'
        '[models.file]\nsource = "sd1.safetensors"\n'
        '[models.cut]\nsource = "cut.safetensors"\n'
        f'[models.far]\nsource = "hub:{REPOSITORY}"\n'
    )
    return path


def test_what_is_well_is_shown_with_its_memory(catalog: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["models", "check", "shapes", "--models", str(catalog)]) == 0
    out, err = capsys.readouterr()
    header, row = (line.split() for line in out.splitlines())
    assert header == [
        "MODEL",
        "FAMILY",
        "TASKS",
        "WEIGHTS",
        "DTYPE",
        "FLOAT32",
        "FLOAT16",
        "IMAGE",
        "MEMORY",
    ]
    assert (row[:2], row[-11:-8]) == (["shapes", "stable_diffusion"], ["14", "M", "float32"])
    assert row[-8:] == ["0.1", "GB", "0.0", "GB", "0.0", "GB", "full", "ok"]
    assert err == ""


def test_every_problem_is_named_with_what_to_do(catalog: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["models", "check", "--models", str(catalog), "--json"]) == 1
    reports = {report["model"]: report for report in json.loads(capsys.readouterr().out)}
    assert (reports["shapes"]["problem"], reports["file"]["problem"]) == (None, None)
    assert reports["file"]["family"] == "stable_diffusion"
    weights = 320 * 4 * 9 + 640 * 768 + 512 * 4 * 9 + 768
    assert reports["file"]["parameters"] == weights
    assert reports["file"]["needed_bytes"] == {"float32": 4 * weights, "float16": 2 * weights}
    assert "cut.safetensors has" in reports["cut"]["problem"]
    assert "`renderq models pull` downloads it" in reports["far"]["problem"]


def test_a_model_that_does_not_fit(
    catalog: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("RENDERQ_MODEL_MEMORY_GB", "0.03")
    assert main(["models", "check", "shapes", "--models", str(catalog)]) == 1
    assert (
        "renderq models check: model 'shapes': its weights need 0.1 GB, but cpu has 0.0 GB" in capsys.readouterr().err
    )


def test_a_model_that_fits_only_without_an_image(
    catalog: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("RENDERQ_DEVICE_MEMORY_GB", "0.058")
    monkeypatch.setenv("RENDERQ_MODEL_MEMORY_GB", "0.058")
    monkeypatch.setenv("RENDERQ_MEMORY_MODE", "full")
    assert main(["models", "check", "shapes", "--models", str(catalog)]) == 1
    assert "an image of 64×64 pixels 0.0 GB, but cpu has 0.1 GB" in capsys.readouterr().err
    monkeypatch.setenv("RENDERQ_MEMORY_MODE", "auto")
    assert main(["models", "check", "shapes", "--models", str(catalog)]) == 0
    assert "low" in capsys.readouterr().out


@pytest.mark.parametrize("command", ["check", "pull"])
def test_names_and_catalogs_that_there_are_not(catalog: Path, command: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["models", command, "nothing", "--models", str(catalog)]) == 2
    assert "no model is called 'nothing'; there are shapes, file, cut, far" in capsys.readouterr().err
    assert main(["models", command, "--models", "/nonexistent.toml"]) == 2
    assert "/nonexistent.toml cannot be read" in capsys.readouterr().err


def test_only_what_is_on_the_hub_can_be_pulled(catalog: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["models", "pull", "shapes", "--models", str(catalog)]) == 2
    assert "builtin:shapes is not on the hub; there is nothing to download" in capsys.readouterr().err


def test_a_model_is_downloaded_once_and_then_served_from_the_cache(tmp_path: Path) -> None:
    catalog = tmp_path / "models.toml"
    paths = {"far": "", "file": "/unet/config.json", "none": "/x.json"}
    sources = {name: f"hub:{REPOSITORY}{path}" for name, path in paths.items()}
    sources |= {"gated": "hub:own/gated", "gone": "hub:own/gone"}
    entries = [f'[models.{name}]\nsource = "{source}"' for name, source in sources.items()]
    catalog.write_text("\n".join([*entries, f'[models.old]\nsource = "hub:{REPOSITORY}"\nrevision = "old"']))
    script = (
        "import sys; from renderq_worker.commands.model_commands import pull_command as c; import argparse\n"
        "parser = argparse.ArgumentParser(); c.add_arguments(parser)\n"
        "for names in (['far', 'file'], ['far'], ['none', 'gated', 'gone', 'old']):\n"
        f"    print(c.run(parser.parse_args([*names, '--models', {str(catalog)!r}])), file=sys.stderr)"
    )
    with hub(Path(PIPELINE_DIR)) as server:
        environment = {**os.environ, "HF_ENDPOINT": server.url, "HF_HUB_OFFLINE": "0", "HF_HUB_CACHE": str(tmp_path)}
        done = subprocess.run(
            [sys.executable, "-c", script], env=environment, capture_output=True, text=True, check=False
        )
    snapshot = tmp_path / "models--own--er" / "snapshots" / COMMIT
    assert done.stdout.splitlines() == [
        f"far  {snapshot}",
        f"file  {snapshot / 'unet' / 'config.json'}",
        f"far  {snapshot}",
    ], done.stderr
    assert sorted(server.downloads) == sorted(server.files)
    errors = [line for line in done.stderr.splitlines() if line.startswith("renderq") or line.isdigit()]
    assert errors[:2] == ["0", "0"]
    assert errors[-1] == "2"
    for name, reason in (
        ("none", "it has no such file"),
        ("gated", "access requires accepting its terms"),
        ("gone", "the hub has no such repository, or it is private"),
        ("old", "it has no such revision"),
    ):
        assert any(f"model {name!r}: " in line and reason in line for line in errors), (name, done.stderr)
