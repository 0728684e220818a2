"""A pickle of tensors, interpreted without running its code.

A pickle is a program that can call any function of any module. Here nothing that it references is imported: the few
constructors of state dictionaries are replaced by stubs that keep the shape, and everything else by objects that do
nothing. Opcodes are those that `torch.load(weights_only=True)` executes, and bounded in number, hence in memory.
"""

import io
import pickle
import pickletools
import re
from collections import OrderedDict
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import IO, Any, Self

from renderq_shared.checkpoints.pickle_names import STORAGES, is_stand_in
from renderq_shared.checkpoints.tensor import ITEM_BYTES

_MAX_BYTES, _MAX_OPCODES = 64_000_000, 1_000_000
"""Bounds of one pickle. Stable Diffusion's have 0.2 MB and 50,000 opcodes."""

_OPCODES = frozenset(
    re.findall(
        r"\w+",
        """
        PROTO STOP GLOBAL NEWOBJ REDUCE BUILD MARK NONE NEWTRUE NEWFALSE BINPERSID BINGET LONG_BINGET BINPUT LONG_BINPUT
        APPEND APPENDS SETITEM SETITEMS EMPTY_TUPLE EMPTY_LIST EMPTY_DICT EMPTY_SET TUPLE TUPLE1 TUPLE2 TUPLE3
        BININT BININT1 BININT2 BINFLOAT BINUNICODE SHORT_BINSTRING LONG1
        """,
    )
)


class RunsCode(Exception):
    """The pickle references something other than data; the message is its name."""


@dataclass(frozen=True, slots=True)
class Storage:
    """Memory that tensors share: a record of the file."""

    dtype: str
    key: str
    numel: int

    def __setstate__(self, _: object) -> None:
        raise pickle.UnpicklingError("state of a storage")


class StoredTensor:
    """A view of a storage, whose elements may have another dtype."""

    __slots__ = ("dtype", "shape")

    def __init__(self, shape: tuple[int, ...], dtype: str) -> None:
        self.shape, self.dtype = shape, dtype

    def __setstate__(self, _: object) -> None:
        raise pickle.UnpicklingError("state of a tensor")


@dataclass(frozen=True, slots=True)
class Pickle:
    """A pickle's content, and what it references."""

    content: object
    stand_ins: tuple[str, ...]
    """Names of objects of training frameworks, for which inert objects stand in the content."""
    storages: Mapping[str, Storage]


def read(file: IO[bytes]) -> Pickle:
    """Interpret the pickle at the file's position, and move behind it.

    Raises `RunsCode`, and `pickle.UnpicklingError` for what torch does not read either. A damaged pickle can raise
    anything.
    """
    start = file.tell()
    for number, (opcode, argument, _) in enumerate(pickletools.genops(file)):
        if opcode.name not in _OPCODES:
            raise pickle.UnpicklingError(f"opcode {opcode.name}")
        if number > _MAX_OPCODES or file.tell() - start > _MAX_BYTES:
            raise pickle.UnpicklingError("too long")
        if opcode.name == "LONG_BINPUT" and (argument or 0) > _MAX_OPCODES:  # allocates that many references
            raise pickle.UnpicklingError("memo index")
    end = file.tell()
    file.seek(start)
    unpickler = _InertUnpickler(io.BytesIO(file.read(end - start)))
    content = unpickler.load()
    return Pickle(content, tuple(sorted(unpickler.stand_ins)), unpickler.storages)


class _InertUnpickler(pickle.Unpickler):
    """Unpickler that imports nothing."""

    def __init__(self, file: Any) -> None:
        super().__init__(file)
        self.stand_ins: set[str] = set()
        self.storages: dict[str, Storage] = {}

    def find_class(self, module_name: str, global_name: str, /) -> Any:
        name = f"{module_name}.{global_name}"
        if name in _STUBS:
            return _STUBS[name]
        if not is_stand_in(name):
            raise RunsCode(name)
        self.stand_ins.add(name)
        return _StandIn

    def persistent_load(self, pid: Any, /) -> Any:
        kind, storage_class, key, _, numel, *_ = pid
        if kind != "storage" or not isinstance(storage_class, _Named) or type(numel) is not int or numel < 0:
            raise pickle.UnpicklingError("persistent id")
        storage = Storage(storage_class.dtype, str(key), numel)
        if self.storages.setdefault(storage.key, storage) != storage:
            raise pickle.UnpicklingError(f"two storages {key!r}")
        return storage


class _StandIn:
    """Stand-in for any other class or function: accepts every call and does nothing."""

    def __new__(cls, *_: object, **__: object) -> Self:
        return super().__new__(cls)

    def __init__(self, *_: object, **__: object) -> None: ...

    def __setstate__(self, _: object) -> None: ...


class _Stub:
    """Stub for a constructor. A pickle cannot set its state."""

    __slots__ = ("_make",)

    def __init__(self, make: Callable[..., object]) -> None:
        self._make = make

    def __call__(self, *arguments: object) -> object:
        return self._make(*arguments)

    def __setstate__(self, _: object) -> None:
        raise pickle.UnpicklingError("state of a constructor")


class _Named:
    """Stub for a storage class or a dtype."""

    __slots__ = ("dtype",)

    def __init__(self, dtype: str) -> None:
        self.dtype = dtype

    def __setstate__(self, _: object) -> None:
        raise pickle.UnpicklingError("state of a class")


def _tensor(storage: object, offset: Any, shape: Any, strides: Any, *_: object) -> StoredTensor:
    if not isinstance(storage, Storage):
        raise pickle.UnpicklingError("a tensor without storage")
    return _view(storage, storage.dtype, offset, tuple(shape), tuple(strides))


def _tensor_of(
    storage: Any, offset: Any, shape: Any, strides: Any, _grad: Any, _hooks: Any, dtype: Any, *_: Any
) -> object:
    if not isinstance(storage, Storage) or not isinstance(dtype, _Named):
        raise pickle.UnpicklingError("a tensor without storage")
    return _view(storage, dtype.dtype, offset, tuple(shape), tuple(strides))


def _view(storage: Storage, dtype: str, offset: Any, shape: tuple[Any, ...], strides: tuple[Any, ...]) -> StoredTensor:
    """Return the tensor. Raises `pickle.UnpicklingError` if it exceeds its storage."""
    if any(type(number) is not int or number < 0 for number in (offset, *shape, *strides)):
        raise pickle.UnpicklingError("arguments of a tensor")
    extent = 1 + sum((count - 1) * stride for count, stride in zip(shape, strides, strict=True))
    end = offset + (0 if 0 in shape else extent)
    if end * ITEM_BYTES[dtype] > storage.numel * ITEM_BYTES[storage.dtype]:
        raise pickle.UnpicklingError("a tensor that exceeds its storage")
    return StoredTensor(shape, dtype)


def _parameter(tensor: object, *_: object) -> object:
    return tensor


_STUBS: Mapping[str, object] = {
    "collections.OrderedDict": OrderedDict,
    "builtins.set": set,
    "__builtin__.set": set,
    "_codecs.encode": _Stub(lambda *_: b""),
    "torch.Size": _Stub(tuple),
    "torch._utils._rebuild_tensor_v2": _Stub(_tensor),
    "torch._utils._rebuild_tensor_v3": _Stub(_tensor_of),
    "torch._utils._rebuild_parameter": _Stub(_parameter),
    **{f"torch.{dtype}": _Named(dtype) for dtype in ITEM_BYTES},
    **{f"torch.{name}": _Named(dtype) for name, dtype in STORAGES.items()},
}
"""Constructors of state dictionaries, which `torch.load(weights_only=True)` accepts → what stands in for them."""
