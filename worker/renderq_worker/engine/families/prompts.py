"""From prompts to embeddings with one CLIP text encoder.

A prompt that fits the encoder and has no weights goes the stock pipelines' way and keeps their bits. Longer and
weighted ones go through compel: several windows of the encoder one after another, and weights as distances from the
empty prompt.
"""

from types import SimpleNamespace
from typing import Any

import torch
from compel import EmbeddingsProvider
from torch import Tensor

from renderq_worker.engine.errors import ClipSkipTooHigh
from renderq_worker.engine.families.weighting import fragments
from renderq_worker.engine.generation import GenerationSpec


def require_layers(clip_skip: int, most: int) -> None:
    """Raises `ClipSkipTooHigh` when more than `most` layers are to be left out."""
    if clip_skip > most:
        raise ClipSkipTooHigh(
            f"clip_skip {clip_skip} is more than the {most} that the text encoder allows; ask for less"
        )


class PromptEncoder:
    """The tokenizer and the text encoder of a stock pipeline."""

    def __init__(self, pipeline: Any) -> None:
        self._pipeline = pipeline

    @property
    def window(self) -> int:
        """Tokens that the encoder takes at once."""
        return self._pipeline.tokenizer.model_max_length

    def encode(self, spec: GenerationSpec, *, guided: bool) -> Tensor:
        """[rows, windows * window, width]: negative then positive prompt, or the positive one alone.

        `spec.clip_skip` concerns the positive prompt alone, as in the stock pipelines. Raises `ClipSkipTooHigh`.
        """
        positive = self._encode(spec.prompt, spec.clip_skip)
        if not guided:
            return positive
        negative = self._encode(spec.negative_prompt, 0)
        length = max(positive.shape[1], negative.shape[1])
        return torch.cat([self._padded(negative, length), self._padded(positive, length)])

    def _encode(self, prompt: str, clip_skip: int) -> Tensor:
        """[1, tokens, width]"""
        parts = fragments(prompt)
        if any(part.weight != 1 for part in parts) or self._is_long(parts[0].text):
            texts, weights = [part.text for part in parts], [part.weight for part in parts]
            return self._provider(clip_skip).get_embeddings_for_weighted_prompt_fragments(
                [texts], [weights], device=self._pipeline._execution_device
            )
        return self._encode_as_stock(parts[0].text, clip_skip)

    def _encode_as_stock(self, prompt: str, clip_skip: int) -> Tensor:
        device = self._pipeline._execution_device
        if not clip_skip:
            return self._pipeline.encode_prompt(prompt, device, 1, False)[0]
        tokens = self._pipeline.tokenizer(
            prompt, padding="max_length", max_length=self.window, truncation=True, return_tensors="pt"
        )
        return _SkippingEncoder(self._pipeline.text_encoder, clip_skip)(tokens.input_ids.to(device)).last_hidden_state

    def _is_long(self, prompt: str) -> bool:
        return len(self._pipeline.tokenizer(prompt).input_ids) > self.window

    def _padded(self, embeddings: Tensor, length: int) -> Tensor:
        """With windows of the empty prompt behind, up to this many tokens."""
        missing = (length - embeddings.shape[1]) // self.window
        return torch.cat([embeddings, *[self._encode("", 0)] * missing], dim=1) if missing else embeddings

    def _provider(self, clip_skip: int) -> Any:
        encoder: Any = self._pipeline.text_encoder
        used: Any = _SkippingEncoder(encoder, clip_skip) if clip_skip else encoder
        return EmbeddingsProvider(
            self._pipeline.tokenizer,
            used,
            dtype_for_device_getter=lambda _: encoder.dtype,
            truncate=False,
            device=self._pipeline._execution_device,
        )


class _SkippingEncoder:
    """A text encoder that leaves out its last layers, but for the final norm."""

    def __init__(self, encoder: Any, layers: int) -> None:
        """Raises `ClipSkipTooHigh`."""
        require_layers(layers, encoder.config.num_hidden_layers)
        self._encoder, self._layers = encoder, layers
        self.device, self.dtype, self.config = encoder.device, encoder.dtype, encoder.config

    def __call__(self, tokens: Tensor, attention_mask: Tensor | None = None, **_: Any) -> SimpleNamespace:
        output = self._encoder(tokens, attention_mask=attention_mask, output_hidden_states=True)
        hidden = output.hidden_states[-(self._layers + 1)]
        return SimpleNamespace(last_hidden_state=self._encoder.final_layer_norm(hidden))
