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
from tests.fast_model.catalog import MODELS_TOML
from tests.shared.checkpoints.checkpoint_files import original, safetensors
from tests.worker.commands.model_hub import COMMIT, REPOSITORY, hub
from tests.worker.models.original_layout import published_shapes

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
    safetensors(tmp_path / "sd1.safetensors", published_shapes("sd1"))
    safetensors(tmp_path / "few.safetensors", original("sd1"))
    safetensors(tmp_path / "cut.safetensors", original("sd1"), missing_bytes=9)
    path = tmp_path / "models.toml"
    path.write_text(
        '[models.shapes]\nsource = "builtin:shapes"\n'
        '[models.file]\nsource = "sd1.safetensors"\n'
        '[models.few]\nsource = "few.safetensors"\n'
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
    weights = 859_520_964 + 83_653_863 + 123_060_480
    assert reports["file"]["parameters"] == weights
    assert reports["file"]["needed_bytes"] == {"float32": 4 * weights, "float16": 2 * weights}
    assert "its vae lacks 247 of 248 weights, such as" in reports["few"]["problem"]
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
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("RENDERQ_DEVICE_MEMORY_GB", "0.058")
    monkeypatch.setenv("RENDERQ_MODEL_MEMORY_GB", "0.058")
    monkeypatch.setenv("RENDERQ_MEMORY_MODE", "full")
    assert main(["models", "check", "shapes", "--models", str(MODELS_TOML)]) == 1
    assert "an image of 64×64 pixels 0.0 GB, but cpu has 0.1 GB" in capsys.readouterr().err
    monkeypatch.setenv("RENDERQ_MEMORY_MODE", "auto")
    assert main(["models", "check", "shapes", "--models", str(MODELS_TOML)]) == 0
    assert "low" in capsys.readouterr().out


@pytest.mark.parametrize("command", ["check", "pull"])
def test_names_and_catalogs_that_there_are_not(catalog: Path, command: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["models", command, "nothing", "--models", str(catalog)]) == 2
    assert "no model is called 'nothing'; there are shapes, file, few, cut, far" in capsys.readouterr().err
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
        "import sys; from renderq_worker.commands.model_commands import pull_command as c\n"
        "for names in (['far', 'file'], ['far'], ['none', 'gated', 'gone', 'old']):\n"
        f"    print(c.main([*names, '--models', {str(catalog)!r}], standalone_mode=False), file=sys.stderr)"
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
    assert "[transformers]" not in done.stderr
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


@pytest.fixture
def unfit_torchvision(tmp_path: Path) -> Path:
    """Return a folder for PYTHONPATH with a torchvision that was built for another torch."""
    (tmp_path / "site" / "torchvision").mkdir(parents=True)
    (tmp_path / "site" / "torchvision" / "__init__.py").write_text(
        'raise RuntimeError("operator torchvision::nms does not exist")'
    )
    (tmp_path / "site" / "torchvision-0.28.0.dist-info").mkdir()
    metadata = "Metadata-Version: 2.1\nName: torchvision\nVersion: 0.28.0\n"
    (tmp_path / "site" / "torchvision-0.28.0.dist-info" / "METADATA").write_text(metadata)
    return tmp_path / "site"


@pytest.mark.parametrize(("command", "code"), [("models check", 1), ("models pull", 1), ("worker", 2)])
def test_a_library_that_does_not_fit_torch_is_named_in_one_sentence(
    command: str, code: int, unfit_torchvision: Path, tmp_path: Path, redis_url: str
) -> None:
    program = "import sys; from renderq.cli import main; sys.exit(main(sys.argv[1:]))"
    path = os.pathsep.join([str(unfit_torchvision), os.environ.get("PYTHONPATH", ""), *filter(None, sys.path)])
    settings = {"RENDERQ_REDIS_URL": redis_url, "RENDERQ_DATA": str(tmp_path / "data"), "RENDERQ_DEVICE": "cpu"}
    result = subprocess.run(
        [sys.executable, "-c", program, *command.split()],
        env=os.environ | settings | {"PYTHONPATH": path},
        capture_output=True,
        text=True,
        check=False,
    )
    assert result.returncode == code, result.stderr
    [line] = [line for line in result.stderr.splitlines() if "torchvision" in line]
    assert "torchvision 0.28.0 does not fit torch 2." in line
    assert "(operator torchvision::nms does not exist); uninstall torchvision, which renderq does not need" in line
    assert "Traceback" not in result.stderr
