"""Quantized weights: what a folder's quantization needs, and scales that no loader would apply."""

import re
from collections.abc import Iterable, Mapping
from importlib.util import find_spec
from typing import Any

from renderq_worker.devices import cuda

_ON_CPU_TOO = ("torchao", "quanto", "sdnq")
"""Methods with kernels for CPUs."""
_LIBRARIES: Mapping[str, tuple[str, str]] = {
    "bitsandbytes": ("bitsandbytes", "bitsandbytes"),
    "torchao": ("torchao", "torchao"),
    "gguf": ("gguf", "gguf"),
    "quanto": ("optimum.quanto", "optimum-quanto"),
    "modelopt": ("modelopt", "nvidia-modelopt"),
    "nunchaku": ("nunchaku", "nunchaku"),
    "nunchaku_lite": ("kernels", "kernels"),
    "sdnq": ("sdnq", "sdnq"),
    "gptq": ("gptqmodel", "gptqmodel"),
    "awq": ("gptqmodel", "gptqmodel"),
    "compressed-tensors": ("compressed_tensors", "compressed-tensors"),
    "auto-round": ("auto_round", "auto-round"),
    "hqq": ("hqq", "hqq"),
}
"""`quant_method` of a component's configuration → module, and the name to install it by."""

_SCALE = re.compile(
    r"(?:.*\.)?(?:scale_(?:weight|input)|(?:weight|input)_scale(?:_inv|_2)?|scaled_fp8|comfy_quant|absmax|quant_map|"
    r"nested_\w+|quant_state[\w.]*|weight_format|SCB|qweight|qzeros|scales|g_idx|lora_\w+(?:\.weight)?)"
)
"""Names of tensors that other weights must be multiplied with or added to."""


def quantization_problem(config: Mapping[str, Any]) -> str | None:
    """Return why a component with this `config.json` cannot be loaded for its quantization; None if it can."""
    quantization = config.get("quantization_config")
    if not isinstance(quantization, dict):
        return None
    method = str(quantization.get("quant_method", "an unnamed method"))
    kind = quantization.get("bnb_4bit_quant_type") if quantization.get("load_in_4bit") else None
    name = f"{method} ({kind})" if kind else method
    module, package = _LIBRARIES.get(method, ("", ""))
    needs: list[str] = []
    if not module:
        needs.append("a library that renderq does not know")
    elif not _is_installed(module):
        needs.append(f"{package}, which is not installed")
    if method not in _ON_CPU_TOO and not cuda.is_available():
        needs.append("a CUDA device, which this machine lacks")
    if not needs:
        return None
    return f"is quantized with {name}, which needs {', and '.join(needs)}; take the model without quantization"


def unread_scales(unexpected: Iterable[str]) -> list[str]:
    """Return those of the tensors that a component would ignore which change its other weights."""
    return sorted(name for name in unexpected if _SCALE.fullmatch(name))


def _is_installed(module: str) -> bool:
    try:
        return find_spec(module) is not None
    except ModuleNotFoundError:  # of its parent
        return False
