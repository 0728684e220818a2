"""One call of a denoiser's `forward` by a stock pipeline, and the joining of several into one.

Which arguments carry rows is declared per class, because shapes do not tell: an image may have as many tokens as rows.
"""

import hashlib
import inspect
import uuid
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor


@dataclass(frozen=True, slots=True)
class RowArguments:
    """Arguments of a denoiser that have one entry per row. All others must be equal in calls that are joined."""

    stacked: tuple[str, ...]
    """Tensors [rows, …], scalars that count for every row, or dictionaries of such tensors."""
    listed: tuple[str, ...] = ()
    """Lists with one element per row."""
    masks: tuple[str, ...] = ()
    """Tensors [rows, …] from whose values lengths are computed, which therefore must be equal in joined calls, too."""
    length_multiple: int = 1
    """Number of tokens to a multiple of which the model pads each matrix of a list."""


_TEXT = ("hidden_states", "encoder_hidden_states", "timestep")
_UNET = ("sample", "timestep", "encoder_hidden_states")

ROW_ARGUMENTS: Mapping[str, RowArguments] = {
    "AuraFlowTransformer2DModel": RowArguments(_TEXT),
    "ChromaTransformer2DModel": RowArguments((*_TEXT, "attention_mask")),
    "CogView4Transformer2DModel": RowArguments((*_TEXT, "original_size", "target_size", "crop_coords")),
    "Flux2Transformer2DModel": RowArguments((*_TEXT, "guidance")),
    "FluxTransformer2DModel": RowArguments((*_TEXT, "pooled_projections", "guidance")),
    "HunyuanDiT2DModel": RowArguments(
        (
            *_TEXT,
            "text_embedding_mask",
            "encoder_hidden_states_t5",
            "text_embedding_mask_t5",
            "image_meta_size",
            "style",
        )
    ),
    "Kandinsky3UNet": RowArguments((*_UNET, "encoder_attention_mask")),
    "Lumina2Transformer2DModel": RowArguments(_TEXT, masks=("encoder_attention_mask",)),
    "LuminaNextDiT2DModel": RowArguments((*_TEXT, "encoder_mask")),
    "PixArtTransformer2DModel": RowArguments((*_TEXT, "added_cond_kwargs", "encoder_attention_mask")),
    "QwenImageTransformer2DModel": RowArguments(
        (*_TEXT, "guidance"), listed=("img_shapes",), masks=("encoder_hidden_states_mask",)
    ),
    "SD3Transformer2DModel": RowArguments((*_TEXT, "pooled_projections")),
    "SanaTransformer2DModel": RowArguments((*_TEXT, "guidance", "encoder_attention_mask")),
    "UNet2DConditionModel": RowArguments((*_UNET, "class_labels", "timestep_cond", "added_cond_kwargs")),
    "ZImageTransformer2DModel": RowArguments(("t",), listed=("x", "cap_feats"), length_multiple=32),
}
"""Class of the denoiser → its arguments with rows. Calls of other classes are not joined."""


@dataclass(frozen=True, slots=True, eq=False)
class DenoiserCall:
    """Arguments of one call by name."""

    arguments: Mapping[str, Any]
    rows: int
    row_arguments: RowArguments | None
    autocast_dtype: torch.dtype | None
    """The dtype of autocast on the calling thread; None if that is off."""
    kind: str = field(init=False)
    """Calls of one kind may be joined; a call of an unknown class has a kind of its own."""

    def __post_init__(self) -> None:
        object.__setattr__(self, "kind", self._kind())

    @classmethod
    def bind(cls, denoiser: Any, args: Sequence[Any], kwargs: Mapping[str, Any]) -> "DenoiserCall":
        """Bind the arguments of a call of `denoiser` on the current thread."""
        bound = inspect.signature(type(denoiser).forward).bind(denoiser, *args, **kwargs).arguments
        arguments = {name: value for name, value in bound.items() if name != "self"}
        row_arguments = ROW_ARGUMENTS.get(type(denoiser).__name__)
        device = denoiser.device.type
        autocast = torch.get_autocast_dtype(device) if torch.is_autocast_enabled(device) else None
        return cls(arguments, _count_rows(arguments, row_arguments), row_arguments, autocast)

    def _kind(self) -> str:
        """Return a digest of what must be equal in calls that are joined."""
        if self.row_arguments is None:
            return uuid.uuid4().hex
        digest = hashlib.blake2b(digest_size=16)
        for part in (str(self.rows), str(self.autocast_dtype), *self._parts(self.row_arguments)):
            digest.update(part.encode())
            digest.update(b"\0")
        return digest.hexdigest()

    def _parts(self, row_arguments: RowArguments) -> Iterator[str]:
        for name, value in sorted(self.arguments.items()):
            yield name
            if name in row_arguments.stacked:
                yield _row_shape(value)
            elif name in row_arguments.listed:
                yield ", ".join(_padded_shape(each, row_arguments.length_multiple) for each in value)
            else:
                yield _content(value)


def join(calls: Sequence[DenoiserCall]) -> dict[str, Any]:
    """Return the arguments of one call for all rows of these, which are of one kind; a single call's as they are."""
    first, row_arguments = calls[0], calls[0].row_arguments
    if len(calls) == 1 or row_arguments is None:
        return dict(first.arguments)
    joined = dict(first.arguments)
    for name in first.arguments:
        values = [call.arguments[name] for call in calls]
        if name in row_arguments.listed:
            joined[name] = [element for value in values for element in value]
        elif name in row_arguments.stacked or name in row_arguments.masks:
            joined[name] = _stack(values, first.rows)
    return joined


def _stack(values: Sequence[Any], rows: int) -> Any:
    first = values[0]
    if isinstance(first, Mapping):
        return {name: _stack([value[name] for value in values], rows) for name in first}
    if not isinstance(first, Tensor):
        return first
    return torch.cat([value.expand(rows) if value.ndim == 0 else value for value in values])


def _count_rows(arguments: Mapping[str, Any], row_arguments: RowArguments | None) -> int:
    """Return the rows of the call; 1 for an unknown class."""
    if row_arguments is None:
        return 1
    sized = [arguments[name] for name in (*row_arguments.listed, *row_arguments.stacked) if name in arguments]
    return max((len(value) for value in sized if _has_rows(value)), default=1)


def _has_rows(value: Any) -> bool:
    return isinstance(value, list) or (isinstance(value, Tensor) and value.ndim > 0)


def _row_shape(value: Any) -> str:
    if isinstance(value, Mapping):
        return ", ".join(f"{name} {_row_shape(each)}" for name, each in sorted(value.items()))
    if isinstance(value, Tensor):
        return f"{value.dtype} {'scalar' if value.ndim == 0 else tuple(value.shape[1:])}"
    return repr(value)


def _padded_shape(value: Any, length_multiple: int) -> str:
    if not isinstance(value, Tensor):
        return repr(value)
    shape = list(value.shape)
    if value.ndim == 2:
        shape[0] = -(-shape[0] // length_multiple) * length_multiple
    return f"{value.dtype} {tuple(shape)}"


def _content(value: Any) -> str:
    """Return a text that is equal for equal values."""
    if isinstance(value, Tensor):
        raw = value.detach().cpu().contiguous().reshape(-1).view(torch.uint8).numpy().tobytes()
        return f"{value.dtype} {tuple(value.shape)} {hashlib.blake2b(raw, digest_size=16).hexdigest()}"
    if isinstance(value, Mapping):
        return ", ".join(f"{name} {_content(each)}" for name, each in sorted(value.items()))
    if isinstance(value, list | tuple):
        return f"({', '.join(map(_content, value))})"
    return repr(value)
