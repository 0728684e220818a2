"""Names that a checkpoint's pickle references: storage classes of torch, and objects of training frameworks."""

import re

_FRAMEWORK = re.compile(
    r"(pytorch_lightning|lightning|lightning\.pytorch)\.callbacks\.[\w.]+"
    r"|numpy\.(_core|core)\.multiarray\.(scalar|_reconstruct)"
    r"|numpy\.(ndarray|dtype)"
)
"""Objects of training frameworks in published checkpoints: Lightning's callbacks and NumPy's numbers, as in the list of
the AUTOMATIC1111 web UI (`modules/safe.py`). The weights do not need them."""

STORAGES = {
    "BoolStorage": "bool",
    "ByteStorage": "uint8",
    "CharStorage": "int8",
    "ShortStorage": "int16",
    "IntStorage": "int32",
    "LongStorage": "int64",
    "HalfStorage": "float16",
    "BFloat16Storage": "bfloat16",
    "FloatStorage": "float32",
    "DoubleStorage": "float64",
    "ComplexFloatStorage": "complex64",
    "ComplexDoubleStorage": "complex128",
    "storage.UntypedStorage": "uint8",
}
"""Storage class of torch → dtype of its elements."""


def is_stand_in(name: str) -> bool:
    """Return whether an inert object replaces this one."""
    return _FRAMEWORK.fullmatch(name) is not None
