"""Tensor names and shapes of weight files; no code in a file is run."""

import os
import pickle
import struct
import zipfile
from collections import OrderedDict
from pathlib import Path

import pytest

from renderq_shared.checkpoints import TensorInfo, pickle_index, read_tensors, read_weight_file
from renderq_shared.errors import CheckpointUnreadable
from tests.shared.checkpoints.checkpoint_files import checkpoint, safetensors


def refused(path: Path) -> str:
    with pytest.raises(CheckpointUnreadable) as caught:
        read_tensors(path)
    assert str(path) in str(caught.value)
    return str(caught.value)


def test_safetensors(tmp_path: Path) -> None:
    path = safetensors(tmp_path / "a.safetensors", {"first": (2, 3), "second": (), "none": (0, 4)})
    assert read_tensors(path) == {
        "first": TensorInfo((2, 3), "float16"),
        "second": TensorInfo((), "float16"),
        "none": TensorInfo((0, 4), "float16"),
    }
    assert [tensor.numel for tensor in read_tensors(path).values()] == [6, 1, 0]


def test_safetensors_that_are_truncated(tmp_path: Path) -> None:
    path = safetensors(tmp_path / "a.safetensors", {"first": (1000,)}, missing_bytes=1)
    size = path.stat().st_size
    assert f"has {size:,} bytes, but its header declares {size + 1:,}; download it again" in refused(path)
    os.truncate(path, 20)
    assert "ends within its header" in refused(path)
    os.truncate(path, 3)
    assert "not a safetensors file" in refused(path)


@pytest.mark.parametrize("content", [b"\x02\0\0\0\0\0\0\0[]", b'\x08\0\0\0\0\0\0\0{"a": 1}', b"\x01" * 64])
def test_other_files_called_safetensors(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "a.safetensors").write_bytes(content)
    assert "not a safetensors file; download it again" in refused(tmp_path / "a.safetensors")


def test_what_cannot_be_read_at_all(tmp_path: Path) -> None:
    assert "does not exist" in refused(tmp_path / "gone.safetensors")
    (tmp_path / "folder.safetensors").mkdir()
    assert "is not a file" in refused(tmp_path / "folder.safetensors")
    os.mkfifo(tmp_path / "pipe.ckpt")
    assert "is not a file" in refused(tmp_path / "pipe.ckpt")


def gguf(architecture: str) -> bytes:
    """Return the beginning of a GGUF file: magic, version, counts, and one field."""
    key, value = b"general.architecture", architecture.encode()
    field = struct.pack("<Q", len(key)) + key + struct.pack("<IQ", 8, len(value)) + value
    return b"GGUF" + struct.pack("<IQQ", 3, 0, 1) + field


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("a.safetensors", b"", "is empty (0 bytes); download it again"),
        ("a.ckpt", b"", "is empty (0 bytes); download it again"),
        ("a.safetensors", b"<!DOCTYPE html><title>Not found", "is a web page, not weights; download the file itself"),
        ("a.ckpt", b"<html>not found</html>", "is a web page, not weights"),
        ("a.safetensors", b"version https://git-lfs.github.com/spec/v1\noid sha256:0", "run `git lfs pull`"),
        ("a.gguf", gguf("flux"), "is a GGUF file (quantized weights of 'flux'), which renderq does not load"),
        ("a.safetensors", gguf("flux")[:30], "is a GGUF file (quantized weights), which renderq does not load"),
        ("a.gguf", b"GGUF" + struct.pack("<IQQ", 3, 0, 0), "is a GGUF file (quantized weights), which"),
        ("a.ckpt", b"7z\xbc\xaf\x27\x1c\x00", "is a 7-Zip archive; unpack it"),
        ("a.ckpt", b"\x1f\x8b\x08", "is compressed with gzip; unpack it"),
        ("a.ckpt", b"\x02\0\0\0\0\0\0\0{}", "is a safetensors file; rename it to end in .safetensors"),
        ("a.sft", b"\x02\0\0\0\0\0\0\0{}", "is a safetensors file; rename it to end in .safetensors"),
        ("a.safetensors", b"PK\x03\x04", "was written by torch; rename it to end in .ckpt"),
        (
            "a.onnx",
            b"\x08\x07\x12\x07pytorch",
            "is not a weight file; supported are .safetensors, and files of torch.sav",
        ),
        ("a.pth", b"\1anything", "was not written by torch; supported are .safetensors, and files of"),
        ("a.safetensors", b"\xef\xbb\xbf\r\n <!doctype html>", "is a web page, not weights"),
        (
            "a.safetensors",
            b'{"error":"Unauthorized"}',
            """is text, not weights ('{"error":"Unauthorized"}'); download""",
        ),
        ("a.ckpt", b"Entry not\nfound", "is text, not weights ('Entry not found'); download the file itself"),
        ("a.safetensors", bytes(100), "begins with 100 zeros, not with weights; download it again"),
        ("a.safetensors", b"\x89PNG\r\n\x1a\n", "is an image, not weights; download the file itself"),
        ("a.ckpt", b"PK\x05\x06" + bytes(18), "is an empty zip archive; download it again"),
        ("a.ckpt", b"a" + bytes(256) + b"ustar", "is a tar archive; unpack it"),
        ("a.safetensors.part", b"\1", "is an unfinished download, by its name; finish it"),
        ("a.ckpt", pickle.dumps({"state_dict": {}}), "was not written by torch"),
    ],
)
def test_files_are_named_for_what_they_are(tmp_path: Path, name: str, content: bytes, message: str) -> None:
    (tmp_path / name).write_bytes(content)
    assert message in refused(tmp_path / name)


@pytest.mark.parametrize("name", ["a.zip", "a.safetensors", "a.ckpt"])
def test_an_archive_of_other_files(tmp_path: Path, name: str) -> None:
    with zipfile.ZipFile(tmp_path / name, "w") as archive:
        archive.writestr("model/model.safetensors", "weights")
    assert "is a zip archive, of 'model/model.safetensors' for example, not weights; unpack it" in refused(
        tmp_path / name
    )


def test_a_link_to_nothing(tmp_path: Path) -> None:
    (tmp_path / "a.safetensors").symlink_to("../blobs/0a1b")
    assert "is a link to ../blobs/0a1b, which does not exist; download it again" in refused(tmp_path / "a.safetensors")


def test_checkpoints_that_are_truncated(tmp_path: Path) -> None:
    (tmp_path / "a.ckpt").write_bytes(b"PK\x03\x04 cut off")
    assert "is truncated or damaged (File is not a zip file); download it again" in refused(tmp_path / "a.ckpt")


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
    assert f"references '{os.mkdir.__module__}.mkdir': loading it would run code, so it is refused" in message
    assert not (tmp_path / "owned").exists()
    pickle.loads(pickle.dumps(Exploit(tmp_path / "owned")))  # proves that it would run
    assert (tmp_path / "owned").exists()


def lightning(name: str) -> bytes:
    """Return a pickle like a checkpoint of Lightning: `callbacks` has a class as its key, and an instance."""
    module, _, attribute = name.rpartition(".")
    reference = b"c" + module.encode() + b"\n" + attribute.encode() + b"\n"
    return b"\x80\x02}(X\x09\x00\x00\x00callbacks}" + reference + reference + b")\x81}bsu."


def test_callbacks_of_lightning_are_read_as_inert_objects(tmp_path: Path) -> None:
    name = "pytorch_lightning.callbacks.model_checkpoint.ModelCheckpoint"
    file = read_weight_file(checkpoint(tmp_path / "a.ckpt", lightning(name)))
    assert (file.tensors, file.others, file.stand_ins) == ({}, ("callbacks",), (name,))


@pytest.mark.parametrize(
    "name",
    ["pytorch_lightning.Checkpoint", "pytorch_lightning.callbacks", "torch.load", "torch.nn.Linear", "os.system"],
)
def test_other_objects_are_named(tmp_path: Path, name: str) -> None:
    assert f"references {name!r}: loading it would run code" in refused(
        checkpoint(tmp_path / "a.ckpt", lightning(name))
    )


def test_a_pickle_cannot_change_the_stubs(tmp_path: Path) -> None:
    """The opcode BUILD sets attributes of the object on the stack: here of the constructor of tensors."""
    state = b"N}X\x05\x00\x00\x00_makeNs\x86"  # (None, {"_make": None})
    program = b"\x80\x02ctorch._utils\n_rebuild_tensor_v2\n" + state + b"b."
    assert "is damaged" in refused(checkpoint(tmp_path / "a.ckpt", program))
    rebuild = pickle_index._STUBS["torch._utils._rebuild_tensor_v2"]
    storage = pickle_index.Storage("float16", "0", 6)
    assert rebuild(storage, 0, (2, 3), (3, 1)).shape == (2, 3)  # type: ignore[operator]


def test_nested_state_dictionaries(tmp_path: Path) -> None:
    path = checkpoint(tmp_path / "a.ckpt", {"state_dict": {"state_dict": OrderedDict(step=3)}, "epoch": 1})
    assert read_tensors(path) == {}


def test_a_dictionary_that_contains_itself(tmp_path: Path) -> None:
    content: dict[str, object] = {"epoch": 1}
    content["state_dict"] = content
    assert read_tensors(checkpoint(tmp_path / "a.ckpt", content)) == {}
