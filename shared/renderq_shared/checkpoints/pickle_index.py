"""Names and shapes in a pickled checkpoint (`.ckpt`), without running what the pickle asks for.

A pickle is a program that may name any function of any module and call it. Here nothing that it names is imported:
the few constructors that state dictionaries are made of have stand-ins that keep the shape, and everything else
becomes an object that does nothing. A file that names more than torch itself accepts as data is refused.
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
"""Packages whose constructors `torch.load(weights_only=True)` may accept; what it does not, it refuses itself."""


def read(path: Path) -> Mapping[str, TensorInfo]:
    """Raises `CheckpointUnreadable` for another format, a file that is cut off, or one that would run code."""
    try:
        with zipfile.ZipFile(path) as archive:
            program = next(name for name in archive.namelist() if name == "data.pkl" or name.endswith("/data.pkl"))
            with archive.open(program) as file:
                reader = _InertUnpickler(file)
                content = reader.load()
    except (zipfile.BadZipFile, StopIteration) as error:
        raise CheckpointUnreadable(
            f"{path} is not a checkpoint that torch 1.6 or newer wrote, or it is cut off; download it again, or "
            "convert it to .safetensors"
        ) from error
    except Exception as error:  # a pickle may be wrong in any way
        raise CheckpointUnreadable(f"{path} is damaged ({type(error).__name__}: {error}); download it again") from error
    foreign = sorted(name for name in reader.named if name.split(".")[0] not in _DATA_MODULES)
    if foreign:
        raise CheckpointUnreadable(
            f"{path} asks for {', '.join(foreign[:3])}: reading it as it wants would run code, so it is refused; "
            "use a .safetensors version of the model"
        )
    return {name: value for name, value in _state_dict(content).items() if isinstance(value, TensorInfo)}


def _state_dict(content: object) -> Mapping[str, object]:
    """The names and values; training frameworks wrap them into more, under `state_dict`."""
    while isinstance(content, Mapping) and "state_dict" in content:
        content = content["state_dict"]
    return content if isinstance(content, Mapping) else {}


class _InertUnpickler(pickle.Unpickler):
    """Interprets the pickle with stand-ins; `named` is everything that it asked for."""

    def __init__(self, file: Any) -> None:
        super().__init__(file)
        self.named: set[str] = set()

    def find_class(self, module_name: str, global_name: str, /) -> Any:
        name = f"{module_name}.{global_name}"
        self.named.add(name)
        return _STUBS.get(name, _Ignored)

    def persistent_load(self, pid: Any, /) -> Any:
        return _Ignored()


class _Ignored:
    """Stands for whatever the pickle wants made or called: takes everything, does nothing."""

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
    """A constructor that the pickle may call, and cannot change: what it would set on it is dropped."""

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
