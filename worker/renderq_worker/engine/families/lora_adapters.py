"""LoRAs of a loaded model as adapters of peft, loaded on demand and never fused into the weights.

Without an active adapter a layer computes what it computed before the first one was loaded, with the same bits.
"""

import warnings
from collections import OrderedDict
from collections.abc import Callable, Collection, Generator, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch
from diffusers.utils.peft_utils import set_adapter_layers, set_weights_and_activate_adapters
from peft.tuners.tuners_utils import BaseTunerLayer
from torch import nn

from renderq_shared.catalog import LoraEntry
from renderq_shared.catalog.revision import compute_revision
from renderq_worker.devices import is_out_of_memory
from renderq_worker.engine.loras import AppliedLora, LoraWeights
from renderq_worker.models import LoraLoadFailed
from renderq_worker.models.errors import error_line
from renderq_worker.models.file_states import unchanged

_TEXT_ENCODERS = ("text_encoder", "text_encoder_2")


class LoraAdapters:
    """The LoRAs of one pipeline: those in memory, and those that are active. The least recently used ones leave."""

    def __init__(
        self,
        pipeline: Any,
        entries: Iterable[LoraEntry],
        *,
        budget_bytes: int,
        on_change: Callable[[], None],
    ) -> None:
        """`on_change` is called after layers were added to the pipeline's components or removed from them."""
        self._pipeline = pipeline
        self._entries = {entry.name: entry for entry in entries}
        self._budget = budget_bytes
        self._on_change = on_change
        self._adapters: OrderedDict[str, str] = OrderedDict()
        """LoRA → name of its adapter, least recently used first. peft does not allow dots in names."""
        self._sizes: dict[str, int] = {}
        self._active: dict[str, LoraWeights] = {}
        """Component → its active LoRAs."""
        self._loaded = 0
        self.resident: tuple[str, ...] = ()
        """Names of the LoRAs in memory, least recently used first. Thread-safe."""

    def load(self, loras: Iterable[AppliedLora]) -> None:
        """Load the LoRAs that are not in memory. Raises `LoraLoadFailed`, or the device's error without memory."""
        loras = tuple(loras)
        for lora in loras:
            entry = self._entry(lora.name)
            if lora.revision not in (None, entry.revision):
                raise LoraLoadFailed(
                    f"LoRA {lora.name!r} has revision {entry.revision} on this worker, and the job was accepted with "
                    f"{lora.revision}; give all processes the same file, and submit the job again"
                )
        self._ensure([lora.name for lora in loras])

    def activate_denoiser(self, weights: LoraWeights) -> None:
        """Let the denoiser compute with these LoRAs and no others. Raises as `load`."""
        self._activate(self._denoiser, weights)

    def activate_text_encoders(self, weights: LoraWeights) -> None:
        """Let the text encoders compute with these LoRAs and no others. Raises as `load`."""
        for name in _TEXT_ENCODERS:
            if getattr(self._pipeline, name, None) is not None:
                self._activate(name, weights)

    @property
    def _denoiser(self) -> str:
        return "unet" if getattr(self._pipeline, "unet", None) is not None else "transformer"

    def _activate(self, component: str, weights: LoraWeights) -> None:
        if self._active.get(component, ()) == weights:
            return
        self._ensure([name for name, _ in weights])
        module = getattr(self._pipeline, component)
        with torch.inference_mode(mode=False):
            set_adapter_layers(module, enabled=bool(weights))
            if weights:
                names = [self._adapters[name] for name, _ in weights]
                set_weights_and_activate_adapters(module, names, [weight for _, weight in weights])
        self._active[component] = weights

    def _ensure(self, names: Collection[str]) -> None:
        """Load those that are not in memory, and make all of them the most recently used ones."""
        missing = [name for name in names if name not in self._adapters]
        for name in missing:
            self._load(self._entry(name))
        for name in names:
            self._adapters.move_to_end(name)
        if missing:
            self._evict(keep=names)
            self._on_change()
        self.resident = tuple(self._adapters)

    def _entry(self, name: str) -> LoraEntry:
        try:
            return self._entries[name]
        except KeyError:
            raise LoraLoadFailed(f"LoRA {name!r} is not one of this worker's for this model") from None

    def _load(self, entry: LoraEntry) -> None:
        path, adapter = Path(entry.source), f"lora{self._loaded}"
        self._loaded += 1
        self._active.clear()  # peft activates an adapter that it loads
        try:
            # inference tensors use other kernels, with other last bits
            with unchanged(path), torch.inference_mode(mode=False), _without_warnings():
                if compute_revision(path, None) != entry.revision:
                    raise LoraLoadFailed(f"{path} is not the file that it was when the worker started; restart it")
                self._pipeline.load_lora_weights(
                    path.parent, weight_name=path.name, adapter_name=adapter, local_files_only=True
                )
                size = sum(parameter.nbytes for parameter in self._parameters(adapter))
                if not size:
                    raise LoraLoadFailed(f"{path} changes no layer of this model")
                self._set_inactive()
        except Exception as error:
            self._remove(adapter)
            self._set_inactive()
            if is_out_of_memory(error):
                raise
            raise LoraLoadFailed(f"LoRA {entry.name!r} cannot be loaded: {error_line(error)}") from error
        self._adapters[entry.name] = adapter
        self._sizes[entry.name] = size

    def _evict(self, keep: Collection[str]) -> None:
        """Remove the least recently used ones that are not to be kept, until the others fit into the budget."""
        for name in [name for name in self._adapters if name not in keep]:
            if sum(self._sizes.values()) <= self._budget:
                return
            self._remove(self._adapters.pop(name))
            del self._sizes[name]

    def _remove(self, adapter: str) -> None:
        """Remove all layers of an adapter, of one that was loaded in part, too."""
        with _without_warnings():
            for component in self._components():
                for module in component.modules():
                    if isinstance(module, BaseTunerLayer):
                        module.delete_adapter(adapter)
                getattr(component, "peft_config", {}).pop(adapter, None)

    def _set_inactive(self) -> None:
        for component in self._components():
            set_adapter_layers(component, enabled=False)

    def _parameters(self, adapter: str) -> Iterator[nn.Parameter]:
        for component in self._components():
            for name, parameter in component.named_parameters():
                if f".{adapter}." in f"{name}.":
                    yield parameter

    def _components(self) -> Iterator[nn.Module]:
        for name in (self._denoiser, *_TEXT_ENCODERS):
            component = getattr(self._pipeline, name, None)
            if component is not None:
                yield component


@contextmanager
def _without_warnings() -> Generator[None]:
    """Ignore what peft warns of: several adapters, one of few layers, the removal of an active one."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "Already found a `peft_config`|While injecting the PEFT adapters")
        warnings.filterwarnings("ignore", "Adapter .* was active which is now deleted")
        yield
