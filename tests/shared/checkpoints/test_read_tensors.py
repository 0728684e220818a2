"""Tensor names and shapes of weight files; no code in a file is run."""

import os
import pickle
from collections import OrderedDict
from pathlib import Path

import pytest

from renderq_shared.checkpoints import TensorInfo, pickle_index, read_tensors
from renderq_shared.errors import CheckpointUnreadable
from tests.shared.checkpoints.checkpoint_files import checkpoint, safetensors


def refused(path: Path) -> str:
    with pytest.raises(CheckpointUnreadable) as caught:
        read_tensors(path)
    assert str(path) in str(caught.value)
    return str(caught.value)


def test_safetensors(tmp_path: Path) -> None:
    path = safetensors(tmp_path / "a.safetensors", {"first": (2, 3), "second": (), "none": (0, 4)})
    assert read_tensors(path) == {"first": TensorInfo((2, 3)), "second": TensorInfo(()), "none": TensorInfo((0, 4))}
    assert [tensor.numel for tensor in read_tensors(path).values()] == [6, 1, 0]


def test_safetensors_that_are_truncated(tmp_path: Path) -> None:
    path = safetensors(tmp_path / "a.safetensors", {"first": (1000,)}, missing_bytes=1)
    size = path.stat().st_size
    assert f"has {size:,} bytes, but its header declares {size + 1:,}; download it again" in refused(path)
    os.truncate(path, 20)
    assert "ends within its header" in refused(path)
    os.truncate(path, 3)
    assert "not a safetensors file" in refused(path)


@pytest.mark.parametrize(
    "content", [b"<html>not found</html>", b"\x02\0\0\0\0\0\0\0[]", b'\x08\0\0\0\0\0\0\0{"a": 1}', b"\x01" * 64]
)
def test_other_files_called_safetensors(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "a.safetensors").write_bytes(content)
    assert "not a safetensors file; download it again" in refused(tmp_path / "a.safetensors")


def test_what_cannot_be_read_at_all(tmp_path: Path) -> None:
    assert "cannot be read: No such file" in refused(tmp_path / "gone.safetensors")
    assert "supported are .safetensors, .ckpt" in refused(tmp_path / "model.gguf")


@pytest.mark.parametrize("content", [b"", b"PK\x03\x04 cut off", pickle.dumps({"state_dict": {}})])
def test_checkpoints_that_are_truncated_or_older_than_the_format(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "a.ckpt").write_bytes(content)
    assert "was not written by torch 1.6 or newer, or it is truncated" in refused(tmp_path / "a.ckpt")


def test_a_damaged_pickle(tmp_path: Path) -> None:
    assert "is damaged (" in refused(checkpoint(tmp_path / "a.ckpt", b"\x80\x02}q\x00(X"))


class Exploit:
    """Unpickling this creates a folder."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> tuple[object, tuple[str]]:
        return os.mkdir, (str(self.path),)


def test_a_checkpoint_that_would_run_code_is_refused_and_runs_none(tmp_path: Path) -> None:
    path = checkpoint(tmp_path / "a.ckpt", {"state_dict": {"weight": Exploit(tmp_path / "owned")}})
    message = refused(path)
    assert f"references {os.mkdir.__module__}.mkdir: loading it would run code, so it is refused" in message
    assert not (tmp_path / "owned").exists()
    pickle.loads(pickle.dumps(Exploit(tmp_path / "owned")))  # proves that it would run
    assert (tmp_path / "owned").exists()


def test_objects_of_a_training_framework_are_named(tmp_path: Path) -> None:
    """The pickle resembles a checkpoint of pytorch-lightning: a class, an instance of it, its state."""
    program = b"\x80\x02}(X\x09\x00\x00\x00callbackscpytorch_lightning.callbacks\nModelCheckpoint\n)\x81}b."
    with pytest.raises(CheckpointUnreadable, match=r"references pytorch_lightning\.callbacks\.ModelCheckpoint"):
        read_tensors(checkpoint(tmp_path / "a.ckpt", program.replace(b")\x81}b.", b")\x81}bu.")))


def test_a_pickle_cannot_change_the_stubs(tmp_path: Path) -> None:
    """The opcode BUILD sets attributes of the object on the stack: here of the constructor of tensors."""
    state = b"N}X\x05\x00\x00\x00_makeNs\x86"  # (None, {"_make": None})
    program = b"\x80\x02ctorch._utils\n_rebuild_tensor_v2\n" + state + b"b."
    assert read_tensors(checkpoint(tmp_path / "a.ckpt", program)) == {}
    rebuild = pickle_index._STUBS["torch._utils._rebuild_tensor_v2"]
    assert rebuild("storage", 0, (2, 3)) == TensorInfo((2, 3))


def test_nested_state_dictionaries(tmp_path: Path) -> None:
    path = checkpoint(tmp_path / "a.ckpt", {"state_dict": {"state_dict": OrderedDict(step=3)}, "epoch": 1})
    assert read_tensors(path) == {}
