"""Encoding of an image's prompts, pass by pass: a flow yields passes of the text encoder and receives their outputs.

A flow refers to no weights, so a model may be evicted between two passes.
"""

from collections import OrderedDict
from collections.abc import Callable, Generator, Hashable
from dataclasses import dataclass, field
from typing import TypeAlias

import torch
from torch import Tensor

from renderq_worker.engine.families.token_chunks import Chunk
from renderq_worker.engine.loras import LoraWeights

PASSES_PER_OPERATION = 4
"""Passes in one operation of the engine, between which it cannot be interrupted; ordinary prompts need no more."""

_MAX_CACHED_PASSES = 128
"""Passes whose outputs are kept: at most 80 MB with SDXL in float32."""


@dataclass(frozen=True, slots=True)
class StockPass:
    """Encoding of a prompt by the stock pipeline, which cuts it off after the first chunk."""

    prompt: str
    clip_skip: int = 0


@dataclass(frozen=True, slots=True)
class ChunkPass:
    """Encoding of one chunk by one text encoder."""

    chunk: Chunk
    clip_skip: int
    encoder: int = 0
    """Index of the text encoder."""


EncoderPass: TypeAlias = StockPass | ChunkPass


@dataclass(frozen=True, slots=True)
class EncodedPrompts:
    """Encoded prompts, one per row."""

    embeddings: Tensor
    """[rows, token_chunks * max_tokens, width]"""
    pooled: Tensor = field(default_factory=lambda: torch.empty(0))
    """[rows, width] with SDXL, else empty."""


EncodingFlow: TypeAlias = Generator[EncoderPass, EncodedPrompts, EncodedPrompts]


class PromptEncoding:
    """Progress of one flow, shared by all images with the same prompts."""

    def __init__(self, start_flow: Callable[[], EncodingFlow], loras: LoraWeights = ()) -> None:
        self._start_flow = start_flow
        self.loras = loras
        """LoRAs of the text encoders."""
        self._flow: EncodingFlow | None = None
        self._next: EncoderPass
        """The pass that the flow waits for, once it has started."""
        self.result: EncodedPrompts | None = None
        """The prompts of the image: negative before positive, or the positive alone; None until all passes have run."""
        self.passes = 0
        """Number of passes run so far."""

    def advance(self, run: Callable[[EncoderPass], EncodedPrompts]) -> None:
        """Run up to `PASSES_PER_OPERATION` passes. After an exception the next call starts again."""
        for _ in range(PASSES_PER_OPERATION):
            if self.result is not None:
                return
            try:
                self._run_next(run)
            except Exception:
                self._flow = None
                raise

    def _run_next(self, run: Callable[[EncoderPass], EncodedPrompts]) -> None:
        if self._flow is None:
            self._flow = self._start_flow()
            self._next = next(self._flow)
        output = run(self._next)
        self.passes += 1
        try:
            self._next = self._flow.send(output)
        except StopIteration as stop:
            self.result = stop.value


class PromptEncodingCache:
    """The latest encodings by their prompts; the last one always stays."""

    def __init__(self) -> None:
        self._encodings: OrderedDict[Hashable, PromptEncoding] = OrderedDict()

    def get(self, prompts: Hashable, start_flow: Callable[[], EncodingFlow], loras: LoraWeights = ()) -> PromptEncoding:
        """Return the encoding of these prompts with these LoRAs, a new one if there is none."""
        key = (prompts, loras)
        encoding = self._encodings.pop(key, None) or PromptEncoding(start_flow, loras)
        self._encodings[key] = encoding
        while len(self._encodings) > 1 and sum(each.passes for each in self._encodings.values()) > _MAX_CACHED_PASSES:
            self._encodings.popitem(last=False)
        return encoding
