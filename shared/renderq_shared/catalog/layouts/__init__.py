"""The original key layouts of Stable Diffusion, one folder each.

A layout is a pipeline without weights and vocabulary, so that a single file loads without network access.
"""

from collections.abc import Collection
from importlib.resources import files
from pathlib import Path

from renderq_shared.catalog.json_files import read_json
from renderq_shared.checkpoints import WeightFile
from renderq_shared.checkpoints.contents import describe, quantization
from renderq_shared.errors import CatalogInvalid

_ROOT = Path(str(files(__name__)))

_FIRST = "model.diffusion_model.input_blocks.0.0.weight"
"""The UNet's first convolution: [channels, input channels, 3, 3]."""
_CROSS_ATTENTION = ".attn2.to_k.weight"
"""The UNet's projections of the prompt: [channels, width of the text encoder]."""
_PARTS = {"autoencoder": ("first_stage_model.",), "text encoder": ("cond_stage_model.", "conditioner.")}
_V_PRED, _ZTSNR = "v_pred", "ztsnr"
"""Empty tensors by which files say that they predict velocity, and that they were trained with zero terminal SNR."""
_PREDICTION_TYPE = "modelspec.prediction_type"
"""Metadata of safetensors (Stability AI's model metadata standard) with the values of `_PREDICTIONS`."""
_PREDICTIONS = {"v": "v_prediction", "epsilon": "epsilon"}
_EDM = ("edm_mean", "edm_std", "edm_vpred.sigma_max", "edm_vpred.sigma_min")
_STATED = ("sd1-v", "sd1-v-ztsnr", "sdxl-v", "sdxl-v-ztsnr")
"""Layouts of files that state what they predict; without a statement, such a file is one of those first published."""
_KNOWN = {
    (8, 768): "InstructPix2Pix, which renderq has no task for",
    (8, 2048): "InstructPix2Pix of SDXL, which renderq has no task for",
    (4, 1280): "the SDXL refiner, which makes no images by itself; take the SDXL base model",
    (9, 1280): "the SDXL refiner, which makes no images by itself; take the SDXL base model",
    (8, 1024): "Stable Video Diffusion, which renderq has no task for",
}
"""Input channels and width of published models without a layout → their names, and what to do."""


def layout_folder(name: str) -> Path:
    """Return the configuration folder of a shipped layout. Raises `CatalogInvalid` for an unknown name."""
    names = layout_names()
    if name not in names:
        raise CatalogInvalid(
            f"layout {name!r} is unknown; the shipped ones are {', '.join(names)}; or give your own folder"
        )
    return _ROOT / name


def layout_names() -> tuple[str, ...]:
    return tuple(sorted(path.parent.name for path in _ROOT.glob("*/model_index.json")))


def detect_layout(file: WeightFile) -> Path:
    """Return the shipped layout of this file. Raises `CatalogInvalid` if none fits, or more than one."""
    check_complete(file)
    channels = file.tensors[_FIRST].shape[1]
    widths = (tensor.shape[-1] for name, tensor in file.tensors.items() if name.endswith(_CROSS_ATTENTION))
    width = next(widths, 0)
    matches = [name for name in layout_names() if _shape(_ROOT / name) == (channels, width)]
    if not matches and (channels, width) in _KNOWN:
        raise CatalogInvalid(f"the file holds {_KNOWN[channels, width]}")
    if not matches:
        raise CatalogInvalid(
            f"no known layout has a UNet of {channels} input channels with a text encoder {width} wide; use the "
            "model's diffusers folder, or write layout = a folder with its configuration"
        )
    matches = _with_prediction(matches, file)
    if len(matches) > 1:
        raise CatalogInvalid(f"its weights match {' and '.join(matches)}; write layout = one of them")
    return _ROOT / matches[0]


def _with_prediction(names: Collection[str], file: WeightFile) -> list[str]:
    """Return those of the layouts that predict what the file says. Raises `CatalogInvalid` if there is none."""
    stated = _stated_prediction(file)
    if stated is None:
        return [name for name in names if name not in _STATED]
    matches = [name for name in names if _prediction(_ROOT / name) == stated]
    if not matches:
        raise CatalogInvalid(
            f"the file says that it predicts {stated[0]}{' with zero terminal SNR' * stated[1]}, which "
            f"{' and '.join(names)} does not; write layout = a folder with its configuration"
        )
    return matches


def _stated_prediction(file: WeightFile) -> tuple[str, bool] | None:
    """Return the prediction type that the file states, and whether it has zero terminal SNR."""
    has_ztsnr = _ZTSNR in file.tensors
    if _V_PRED in file.tensors:
        return "v_prediction", has_ztsnr
    stated = _PREDICTIONS.get(file.metadata.get(_PREDICTION_TYPE, "").lower())
    return None if stated is None else (stated, has_ztsnr)


def _prediction(folder: Path) -> tuple[str, bool]:
    """Return the layout's prediction type, and whether it has zero terminal SNR."""
    scheduler = read_json(folder / "scheduler" / "scheduler_config.json")
    return scheduler.get("prediction_type", "epsilon"), scheduler.get("rescale_betas_zero_snr", False)


def check_complete(file: WeightFile) -> None:
    """Raise `CatalogInvalid`, which says what the file holds, unless that is a pipeline in the original key layout."""
    tensors = file.tensors
    missing = [part for part, prefixes in _PARTS.items() if not any(name.startswith(prefixes) for name in tensors)]
    if _FIRST not in tensors or len(missing) == len(_PARTS):
        if not tensors:
            raise CatalogInvalid("the file holds no weights; download it again")
        contents = describe(tensors, file.others, file.metadata)
        raise CatalogInvalid(
            str(contents)
            if contents
            else f"the file has no {_FIRST}: it is not a pipeline in the original Stable Diffusion layout"
        )
    if missing:
        prefixes = " or ".join(_PARTS[missing[0]])
        raise CatalogInvalid(f"the file has no {missing[0]} ({prefixes}…); take the complete model, not a part of it")
    if len(tensors[_FIRST].shape) != 4:
        raise CatalogInvalid(f"{_FIRST} has the shape {tensors[_FIRST].shape}; it must have 4 dimensions")
    if (kind := quantization(tensors)) is not None:
        raise CatalogInvalid(f"its weights are quantized ({kind}), which renderq does not load; use the plain weights")
    if any(name in tensors for name in _EDM):
        raise CatalogInvalid("it is an EDM model (Playground 2.5, CosXL), which renderq does not sample correctly")


def _shape(folder: Path) -> tuple[int, int]:
    """Return the UNet's input channels and the width of its text encoder."""
    unet = read_json(folder / "unet" / "config.json")
    return unet["in_channels"], unet["cross_attention_dim"]
