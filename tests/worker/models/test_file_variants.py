"""What `renderq models check` accepts is loaded and renders; all else is refused in one line, with the reason."""

import collections
import os
import pickle
import sys
import types
import zipfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.torch import save_file
from torch import Tensor

from renderq_shared.catalog import ModelConfig, resolve_entry
from renderq_shared.errors import CheckpointUnreadable
from renderq_shared.settings import WorkerSettings
from renderq_worker.commands.models_check import check_model
from renderq_worker.models.errors import error_line
from renderq_worker.models.loading import check_loadable
from renderq_worker.models.single_file import _meta_tensors, _read_tensors
from tests.worker.engine.engine_harness import render_alone, spec
from tests.worker.models.original_layout import original_tensors
from tests.worker.models.scaled_layouts import small_layout, small_pipeline

Tensors = dict[str, Tensor]
FIRST = "model.diffusion_model.input_blocks.0.0.weight"
REQUEST = spec(model="file", prompt="a lighthouse", scheduler=None, steps=2)


@pytest.fixture(scope="module")
def layout(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return small_layout("sd1", tmp_path_factory.mktemp("layouts") / "small")


@pytest.fixture(scope="module")
def tensors(layout: Path) -> Tensors:
    return {name: tensor.contiguous() for name, tensor in original_tensors(small_pipeline(layout)).items()}


@pytest.fixture(scope="module")
def pixels(layout: Path, tensors: Tensors, tmp_path_factory: pytest.TempPathFactory) -> Any:
    path = tmp_path_factory.mktemp("plain") / "plain.safetensors"
    save_file(tensors, path)
    return render_alone(resolve(path, layout), REQUEST)


def config(path: Path, layout: Path) -> ModelConfig:
    return ModelConfig.model_validate({"source": str(path), "layout": str(layout), "dtype": "float32"})


def resolve(path: Path, layout: Path) -> Any:
    return resolve_entry("file", config(path, layout), None)


def problem(path: Path, layout: Path) -> str | None:
    return check_model("file", config(path, layout), None, WorkerSettings(device="cpu")).problem


@contextmanager
def framework_class(name: str) -> Iterator[type]:
    """Yield a class that pickles under this name, as Lightning's do; its module exists only meanwhile."""
    module_name, _, attribute = name.rpartition(".")
    made = type(attribute, (), {"__module__": module_name})
    parts = module_name.split(".")
    modules = {name: types.ModuleType(name) for name in (".".join(parts[: n + 1]) for n in range(len(parts)))}
    setattr(modules[module_name], attribute, made)
    sys.modules.update(modules)
    yield made
    for module in modules:
        del sys.modules[module]


def as_published(tensors: Tensors, path: Path) -> None:
    """Save like the first published checkpoint: a class of Lightning is a key in `callbacks`."""
    content = {"epoch": 29, "global_step": 470_000, "pytorch-lightning_version": "1.4.2", "state_dict": tensors}
    with framework_class("pytorch_lightning.callbacks.model_checkpoint.ModelCheckpoint") as callback:
        callbacks = {callback: {"monitor": None, "best_model_score": None}}
        torch.save({**content, "callbacks": callbacks, "lr_schedulers": []}, path)


def with_instance(tensors: Tensors, path: Path) -> None:
    with framework_class("lightning.pytorch.callbacks.early_stopping.EarlyStopping") as callback:
        stopping = callback()
        vars(stopping).update(patience=3)
        torch.save({"state_dict": tensors, "callbacks": [stopping], "loss": np.float64(0.5)}, path)


def with_ema(tensors: Tensors, path: Path) -> None:
    ema = {f"model_ema.{name.removeprefix('model.').replace('.', '')}": t + 1 for name, t in tensors.items()}
    optimizer = [{"lr": 1e-4, "exp_avg": torch.zeros(3), "betas": (0.9, 0.999), "flags": {True, None}}]
    torch.save({"state_dict": collections.OrderedDict(tensors | ema), "optimizer_states": optimizer}, path)


def shared_memory(tensors: Tensors, path: Path) -> None:
    """Save all tensors as views of one storage, the first one with other strides."""
    flat = torch.cat([tensor.flatten() for tensor in tensors.values()])
    views, position = dict[str, Tensor](), 0
    for name, tensor in tensors.items():
        views[name] = flat[position : position + tensor.numel()].view(tensor.shape)
        position += tensor.numel()
    views[FIRST] = tensors[FIRST].transpose(0, 1).contiguous().transpose(0, 1)
    torch.save({"state_dict": views}, path)


SERVED: Mapping[str, Callable[[Tensors, Path], None]] = {
    "plain.ckpt": lambda tensors, path: torch.save({"state_dict": tensors}, path),
    "bare.pt": lambda tensors, path: torch.save(tensors, path),
    "nested.pth": lambda tensors, path: torch.save({"state_dict": {"state_dict": tensors}}, path),
    "legacy.ckpt": lambda tensors, path: torch.save(tensors, path, _use_new_zipfile_serialization=False),
    "parameters.bin": lambda tensors, path: torch.save({n: torch.nn.Parameter(t) for n, t in tensors.items()}, path),
    "as-published.ckpt": as_published,
    "instance.ckpt": with_instance,
    "ema.ckpt": with_ema,
    "views.ckpt": shared_memory,
    "extra.safetensors": lambda tensors, path: save_file(
        {**tensors, "alphas_cumprod": torch.zeros(1000), "denoiser.sigmas": torch.zeros(1000)},
        path,
        {"modelspec.title": "tiny", "modelspec.prediction_type": "epsilon"},
    ),
    "double.safetensors": lambda tensors, path: save_file({n: t.double() for n, t in tensors.items()}, path),
}
"""File name → writer of a file that renders like the plain one."""

ROUNDED: Mapping[str, Callable[[Tensors, Path], None]] = {
    "half.safetensors": lambda tensors, path: save_file({n: t.half() for n, t in tensors.items()}, path),
    "bfloat16.ckpt": lambda tensors, path: torch.save({n: t.bfloat16() for n, t in tensors.items()}, path),
    "fp8.safetensors": lambda tensors, path: save_file(
        {n: t.to(torch.float8_e4m3fn) for n, t in tensors.items()}, path
    ),
    "fp8.ckpt": lambda tensors, path: torch.save({n: t.to(torch.float8_e5m2) for n, t in tensors.items()}, path),
}
"""File name → writer of a file with rounded weights."""


@pytest.mark.parametrize("name", SERVED)
def test_files_that_render_as_the_plain_one(
    tmp_path: Path, layout: Path, tensors: Tensors, pixels: Any, name: str
) -> None:
    SERVED[name](tensors, tmp_path / name)
    check_loadable(resolve(tmp_path / name, layout))
    np.testing.assert_array_equal(render_alone(resolve(tmp_path / name, layout), REQUEST), pixels)


@pytest.mark.parametrize("name", ROUNDED)
def test_files_with_rounded_weights(tmp_path: Path, layout: Path, tensors: Tensors, pixels: Any, name: str) -> None:
    ROUNDED[name](tensors, tmp_path / name)
    check_loadable(resolve(tmp_path / name, layout))
    assert render_alone(resolve(tmp_path / name, layout), REQUEST).shape == pixels.shape


class Exploit:
    """Creates a file when unpickled."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> tuple[object, tuple[str]]:
        return os.system, (f"touch {self.path}",)


def compressed(tensors: Tensors, path: Path) -> None:
    torch.save(tensors, path.with_suffix(".stored"))
    with (
        zipfile.ZipFile(path.with_suffix(".stored")) as stored,
        zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as target,
    ):
        for record in stored.infolist():
            target.writestr(record.filename, stored.read(record), zipfile.ZIP_DEFLATED)


def scripted(_: Tensors, path: Path) -> None:
    with zipfile.ZipFile(path, "w") as archive:
        for record in ("version", "constants.pkl", "data.pkl", "code/__torch__.py"):
            archive.writestr(f"model/{record}", b"")


def with_scales(tensors: Tensors) -> Tensors:
    return {**tensors, "scaled_fp8": torch.zeros(2), FIRST.replace(".weight", ".scale_weight"): torch.ones(1)}


def with_unknown_class(tensors: Tensors, path: Path) -> None:
    with framework_class("pytorch_lightning.Checkpoint") as unknown:
        torch.save({"state_dict": tensors, "x": unknown()}, path)


REFUSED: Mapping[str, tuple[Callable[[Tensors, Path], None], str]] = {
    "code.ckpt": (
        lambda tensors, path: torch.save({"state_dict": {**tensors, "x": Exploit(path.parent / "ran")}}, path),
        f"references '{os.system.__module__}.system': loading it would run code",
    ),
    "legacy-code.ckpt": (
        lambda tensors, path: torch.save(
            {**tensors, "x": Exploit(path.parent / "ran")}, path, _use_new_zipfile_serialization=False
        ),
        "loading it would run code",
    ),
    "class.ckpt": (
        with_unknown_class,
        "references 'pytorch_lightning.Checkpoint': loading it would run code",
    ),
    "module.pt": (
        lambda _, path: torch.save(torch.nn.Linear(2, 2), path),
        "references 'torch.nn.modules.linear.Linear'",
    ),
    "protocol.ckpt": (
        lambda tensors, path: torch.save(tensors, path, pickle_protocol=4),
        "is damaged (UnpicklingError",
    ),
    "sparse.ckpt": (
        lambda tensors, path: torch.save({**tensors, "x": torch.eye(3).to_sparse()}, path),
        "references 'torch._utils._rebuild_sparse_tensor'",
    ),
    "compressed.ckpt": (compressed, "its records are compressed"),
    "script.pt": (scripted, "it is a TorchScript program"),
    "plain-pickle.ckpt": (lambda _, path: path.write_bytes(pickle.dumps({"a": 1}, 2)), "was not written by torch"),
    "incomplete.ckpt": (
        lambda tensors, path: torch.save({n: t for n, t in tensors.items() if "norm1" not in n}, path),
        " lacks ",
    ),
    "words.ckpt": (
        lambda tensors, path: torch.save({**tensors, FIRST: "weight"}, path),
        "the file holds a UNet alone",
    ),
    "scaled.safetensors": (lambda tensors, path: save_file(with_scales(tensors), path), "are quantized (scaled fp8)"),
    "int8.safetensors": (
        lambda tensors, path: save_file({**tensors, FIRST: tensors[FIRST].to(torch.int8)}, path),
        "conv_in.weight in torch.int8: quantized weights are not loaded",
    ),
    "edm.safetensors": (
        lambda tensors, path: save_file({**tensors, "edm_mean": torch.zeros(4)}, path),
        "is an EDM model",
    ),
}
"""File name → writer of a file that is refused, and the reason."""


@pytest.mark.parametrize("name", REFUSED)
def test_files_that_are_refused(tmp_path: Path, layout: Path, tensors: Tensors, name: str) -> None:
    write, message = REFUSED[name]
    write(tensors, tmp_path / name)
    refused = problem(tmp_path / name, layout)
    assert refused is not None
    assert message in refused
    assert "\n" not in refused
    assert not (tmp_path / "ran").exists()


def damaged(content: bytes, rng: np.random.Generator) -> bytes:
    """Return the file with one of its bytes changed, cut off somewhere, or with a piece of it zeroed."""
    position = int(rng.integers(len(content)))
    match int(rng.integers(3)):
        case 0:
            return content[:position] + bytes([rng.integers(256)]) + content[position + 1 :]
        case 1:
            return content[:position]
        case _:
            return content[:position] + bytes(64) + content[position + 64 :]


@pytest.mark.parametrize("name", ["plain.safetensors", "as-published.ckpt", "legacy.ckpt"])
def test_damaged_files_are_refused_in_one_line_or_load(tmp_path: Path, tensors: Tensors, name: str) -> None:
    """Weights make up little of these files, so that most damage is to their structure."""
    few = {key: tensor.flatten()[:1] for key, tensor in list(tensors.items())[:20]}
    path = tmp_path / name
    {"plain.safetensors": save_file, **SERVED}[name](few, path)
    content, rng = path.read_bytes(), np.random.default_rng(0)
    outcomes = collections.Counter[str]()
    for _ in range(300):
        path.write_bytes(damaged(content, rng))
        outcomes[read_damaged(path)] += 1
    assert outcomes["refused"] > 100
    assert outcomes["read"] > 10


def read_damaged(path: Path) -> str:
    """Return what happened; assert that what the check reads can be loaded, and that refusals are single lines."""
    try:
        expected = _meta_tensors(path)
    except CheckpointUnreadable as error:
        message = str(error)
    except (RuntimeError, ValueError) as error:  # by torch, for a damaged archive
        message = error_line(error)
    else:
        loaded = _read_tensors(path)
        assert {key: tensor.shape for key, tensor in loaded.items()} == {k: t.shape for k, t in expected.items()}
        return "read"
    assert len(message.splitlines()) == 1
    return "refused"
