"""Loading of a folder without its weights: every component by its own loader on torch's meta device.

So a check finds what loading would: missing libraries and files, and weights that do not fit the configuration. Some of
these diffusers and transformers replace or ignore, with a message in the log; the image would be noise.
"""

import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import diffusers
import torch
import transformers
from diffusers import SchedulerMixin, pipelines
from torch import nn
from transformers import PreTrainedTokenizerBase

from renderq_shared.catalog import ModelEntry
from renderq_shared.catalog.config_values import read_config
from renderq_shared.catalog.json_files import INDEX, read_json
from renderq_shared.catalog.pipeline_folder import is_omittable, read_index
from renderq_shared.errors import CatalogInvalid
from renderq_worker.models.assembly import required_components
from renderq_worker.models.component_files import check_configs, check_files
from renderq_worker.models.config_types import check_types
from renderq_worker.models.errors import ModelLoadFailed, error_line
from renderq_worker.models.limited_parameters import limited_parameters
from renderq_worker.models.parameter_count import tensor_counts
from renderq_worker.models.quantization import quantization_problem, unread_scales
from renderq_worker.models.rehearsal import rehearse_scheduler, rehearse_tokenizer
from renderq_worker.models.weight_files import has_variant, present_components

_PUBLISHED_NAMES = {"CLIPFeatureExtractor": "CLIPImageProcessor", "DPTFeatureExtractor": "DPTImageProcessor"}
"""Class names in published pipelines, e.g. stable-diffusion-2-depth, and their names in transformers 5. diffusers looks
the old names up in transformers."""
_UNUSED = "pooler."
"""Begin of the names of weights that some published text encoders lack and no pipeline uses."""
_OTHER_RUNTIMES = {"Flax": "JAX", "Onnx": "ONNX", "OV": "OpenVINO", "TF": "TensorFlow"}
"""Begin of class names → what they run in."""
_MAX_NAMED = 3
_MAX_UNUSED = 0.1
"""Share of the weights in its files that a component of diffusers may leave unused. Text encoders may leave any."""


def dry_load(entry: ModelEntry, pipeline_class: Any, *, with_tokenizers: bool = True) -> Mapping[str, Any]:
    """Load every component of a folder without weights; `None` stands for one that cannot be loaded so.

    Tokenizers take longer than all else, a third of a second each, and may be left out. Raises `CatalogInvalid`,
    `CheckpointUnreadable`, or `ModelLoadFailed`, which names the component.
    """
    folder, loaded = Path(entry.source), dict[str, Any]()
    tensors = tensor_counts(entry)  # reports missing or damaged files better than diffusers does
    check_types(folder / INDEX, read_index(folder), pipeline_class)
    add_published_names()
    present = present_components(entry)
    for name in required_components(pipeline_class):
        if name not in present and not is_omittable(name):
            raise ModelLoadFailed(
                f"{folder} has no {name} in its model_index.json; a {pipeline_class.__name__} needs it"
            )
    for name, (library, kind) in present.items():
        if name not in pipeline_class._get_signature_keys(pipeline_class)[0]:
            continue  # not loaded
        path = folder / name if (folder / name).is_dir() else folder
        component_class = _component_class(name, library, kind)
        check_configs(path, component_class)
        _check_quantization(name, path)
        if issubclass(component_class, nn.Module):
            variant = entry.variant if entry.variant and has_variant(path, entry.variant) else None
            with limited_parameters(f"{name} in {path}", tensors.get(name, 0)):
                loaded[name] = _load_on_meta(name, path, component_class, variant)
        elif with_tokenizers or not issubclass(component_class, PreTrainedTokenizerBase):
            loaded[name] = component = _load_whole(name, path, component_class)
            _guarded(name, path, lambda path=path, component=component: _rehearse(entry, path, component))
    return loaded


def add_published_names() -> None:
    """Let transformers know classes by the names of earlier versions."""
    for old, new in _PUBLISHED_NAMES.items():
        setattr(transformers, old, getattr(transformers, new))


def _component_class(component: str, library: str, kind: str) -> Any:
    """Raises `ModelLoadFailed` for a class that is not installed, and one from outside diffusers and transformers."""
    for start, runtime in _OTHER_RUNTIMES.items():
        if kind.startswith(start):
            raise ModelLoadFailed(f"{component} is a {kind}, for {runtime}; take a version with weights for PyTorch")
    modules = {"diffusers": diffusers, "transformers": transformers}
    module = modules.get(library) or getattr(pipelines, library, None)
    if module is None:
        raise ModelLoadFailed(f"{component} is a {kind} of {library}: only diffusers and transformers are loaded from")
    found = _guarded(component, kind, lambda: getattr(module, kind, None))
    if found is None:
        version = f"{library} {module.__version__}" if library in modules else f"diffusers {diffusers.__version__}"
        raise ModelLoadFailed(f"{component} is a {kind}, which {version} does not have")
    if missing := getattr(found, "_backends", None):
        raise ModelLoadFailed(f"{component} is a {kind}, which needs {' and '.join(missing)}: install what is missing")
    return found


def _check_quantization(component: str, path: Path) -> None:
    config = read_json(path / "config.json") if (path / "config.json").is_file() else {}
    if problem := quantization_problem(config):
        raise ModelLoadFailed(f"{component} {problem}")


def _load_whole(component: str, path: Path, component_class: Any) -> Any:
    """Load a component without weights: a scheduler, a tokenizer, a processor."""
    check_files(path)
    loaded = _guarded(component, path, lambda: component_class.from_pretrained(path, local_files_only=True))
    files = dict(getattr(component_class, "vocab_files_names", {}))
    fast = files.pop("tokenizer_file", "tokenizer.json")
    missing = [name for name in files.values() if not (path / name).is_file()]
    if missing and not (path / fast).is_file():  # transformers makes a tokenizer of a few tokens without them
        raise ModelLoadFailed(f"{component} in {path} lacks its vocabulary, {' and '.join(missing)}; download it again")
    return loaded


def _rehearse(entry: ModelEntry, path: Path, component: Any) -> None:
    if isinstance(component, SchedulerMixin):
        rehearse_scheduler(path, component, entry.defaults.steps)
    if isinstance(component, PreTrainedTokenizerBase):
        encoder = path.with_name(path.name.replace("tokenizer", "text_encoder")) / "config.json"
        rehearse_tokenizer(path, component, _vocabulary_size(encoder))


def _vocabulary_size(path: Path) -> int:
    """Return the number of tokens of a text encoder, some of which have a configuration for text in their own one."""
    config = read_config(path) if path.is_file() else {}
    size = config.get("vocab_size") or (config.get("text_config") or {}).get("vocab_size")
    return size if isinstance(size, int) else sys.maxsize


def _load_on_meta(component: str, path: Path, component_class: Any, variant: str | None) -> Any:
    if "quantization_config" in read_json(path / "config.json"):
        return None  # its loader replaces layers, and not on every device
    module, found = _guarded(
        component,
        path,
        lambda: component_class.from_pretrained(
            path,
            variant=variant,
            local_files_only=True,
            device_map={"": "meta"},
            ignore_mismatched_sizes=True,
            output_loading_info=True,
        ),
    )
    _check_weights(component, path, module, found)
    return module.to(torch.float32)


def _check_weights(component: str, path: Path, module: nn.Module, found: Mapping[str, Any]) -> None:
    """Raise `ModelLoadFailed` for weights that are missing, unused, misshapen, or meaningless without their scales."""
    if scales := unread_scales(found["unexpected_keys"]):
        raise ModelLoadFailed(
            f"{component} in {path} has scaled or quantized weights ({_named(scales)}), whose scales would be ignored; "
            "take a version in float16, bfloat16 or plain float8"
        )
    missing = [name for name in found["missing_keys"] if not name.startswith(_UNUSED)]
    problems = {"lacks": missing, "has other shapes than its config.json says for": found["mismatched_keys"]}
    for problem, names in problems.items():
        if names:
            raise ModelLoadFailed(f"{component} in {path} {problem} weights: {_named(names)}; download the model again")
    unused = found["unexpected_keys"]
    if isinstance(module, diffusers.ModelMixin) and len(unused) > _MAX_UNUSED * len(module.state_dict()):
        raise ModelLoadFailed(
            f"{path / 'config.json'} describes a {component} without many of the weights in its files, such as "
            f"{_named(unused)}; download the model again"
        )


def _guarded(component: str, subject: object, load: Callable[[], Any]) -> Any:
    try:
        return load()
    except (CatalogInvalid, ModelLoadFailed):
        raise
    except Exception as error:
        reason = error_line(error) if str(error) else f"its configuration contradicts itself ({type(error).__name__})"
        raise ModelLoadFailed(f"{component} cannot be loaded from {subject}: {reason}") from error


def _named(names: Any) -> str:
    """Return some of the names, which may be tuples of a name and shapes."""
    texts = sorted(name if isinstance(name, str) else str(name[0]) for name in names)
    more = f" and {len(texts) - _MAX_NAMED} more" if len(texts) > _MAX_NAMED else ""
    return f"{', '.join(texts[:_MAX_NAMED])}{more}"
