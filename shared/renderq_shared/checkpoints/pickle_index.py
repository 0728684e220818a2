"""Tensor names and shapes in a pickled checkpoint (`.ckpt`), read without running its code.

A pickle is a program that can call any function of any module. Here nothing that it references is imported: the few
constructors of state dictionaries are replaced by stubs that keep the shape, and everything else by objects that do
nothing. A file that references anything outside the packages that torch accepts as data is refused.
"""

import pickle
import zipfile
from collections import OrderedDict
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Self

from renderq_shared.checkpoints.tensor import TensorInfo
from renderq_shared.errors import CheckpointUnreadable

_DATA_MODULES = frozenset({"torch", "collections", "_codecs"})
"""Packages whose constructors `torch.load(weights_only=True)` may accept; it checks the constructor itself."""


def read(path: Path) -> Mapping[str, TensorInfo]:
    """Return the tensors. Raises `CheckpointUnreadable` for another format, a truncated file, or one that runs code."""
    try:
        with zipfile.ZipFile(path) as archive:
            program = next(name for name in archive.namelist() if name == "data.pkl" or name.endswith("/data.pkl"))
            with archive.open(program) as file:
                reader = _InertUnpickler(file)
                content = reader.load()
    except (zipfile.BadZipFile, StopIteration) as error:
        raise CheckpointUnreadable(
            f"{path} was not written by torch 1.6 or newer, or it is truncated; download it again, or "
            "convert it to .safetensors"
        ) from error
    except Exception as error:  # a damaged pickle can raise anything
        raise CheckpointUnreadable(f"{path} is damaged ({type(error).__name__}: {error}); download it again") from error
    unsafe = sorted(name for name in reader.references if name.split(".")[0] not in _DATA_MODULES)
    if unsafe:
        raise CheckpointUnreadable(
            f"{path} references {', '.join(unsafe[:3])}: loading it would run code, so it is refused; "
            "use a .safetensors version of the model"
        )
    return {name: value for name, value in _state_dict(content).items() if isinstance(value, TensorInfo)}


def _state_dict(content: object) -> Mapping[str, object]:
    """Return the innermost `state_dict`: training frameworks nest it in a larger dictionary."""
    while isinstance(content, Mapping) and "state_dict" in content:
        content = content["state_dict"]
    return content if isinstance(content, Mapping) else {}


class _InertUnpickler(pickle.Unpickler):
    """Unpickler that imports nothing; `references` collects the global names in the pickle."""

    def __init__(self, file: Any) -> None:
        super().__init__(file)
        self.references: set[str] = set()

    def find_class(self, module_name: str, global_name: str, /) -> Any:
        name = f"{module_name}.{global_name}"
        self.references.add(name)
        return _STUBS.get(name, _Ignored)

    def persistent_load(self, pid: Any, /) -> Any:
        return _Ignored()


class _Ignored:
    """Stub for any other class or function: accepts every call and does nothing."""

    def __new__(cls, *_: object, **__: object) -> Self:
        return super().__new__(cls)

    def __init__(self, *_: object, **__: object) -> None: ...

    def __call__(self, *_: object, **__: object) -> Self:
        return self

    def __setstate__(self, _: object) -> None: ...

    def __setitem__(self, _: object, __: object) -> None: ...

    def append(self, _: object) -> None: ...

    def extend(self, _: object) -> None: ...

    def add(self, _: object) -> None: ...


def _tensor(_storage: object, _offset: object, shape: tuple[int, ...], *_: object) -> TensorInfo:
    return TensorInfo(tuple(shape))


def _parameter(tensor: object, *_: object) -> object:
    return tensor


class _Stub:
    """Stub for a constructor. Ignores state that the pickle sets on it, so that it cannot be changed."""

    __slots__ = ("_make",)

    def __init__(self, make: Callable[..., object]) -> None:
        self._make = make

    def __call__(self, *arguments: object) -> object:
        return self._make(*arguments)

    def __setstate__(self, _: object) -> None: ...


_STUBS: Mapping[str, _Stub] = {
    "collections.OrderedDict": _Stub(OrderedDict),
    "torch._utils._rebuild_tensor_v2": _Stub(_tensor),
    "torch._utils._rebuild_tensor": _Stub(_tensor),
    "torch._utils._rebuild_parameter": _Stub(_parameter),
}
