"""From prompts to embeddings with one CLIP text encoder.

A prompt that fits the encoder and has no weights goes the stock pipelines' way and keeps their bits. Longer and
weighted ones go through compel: several windows of the encoder one after another, and weights as distances from the
empty prompt.
"""

from collections.abc import Sequence
from types import SimpleNamespace
from typing import Any

import torch
from compel import EmbeddingsProvider
from torch import Tensor

from renderq_worker.engine.errors import ClipSkipTooHigh
from renderq_worker.engine.families.weighting import Fragment, fragments
from renderq_worker.engine.generation import GenerationSpec


def require_layers(clip_skip: int, most: int) -> None:
    """Raises `ClipSkipTooHigh` when more than `most` layers are to be left out."""
    if clip_skip > most:
        raise ClipSkipTooHigh(
            f"clip_skip {clip_skip} is more than the {most} that the text encoder allows; ask for less"
        )


def whole(parts: Sequence[Fragment]) -> str:
    """The prompt without its weights."""
    return "".join(part.text for part in parts)


def is_plain(parts: Sequence[Fragment], tokenizer: Any) -> bool:
    """Whether it fits into one window and has no weights."""
    has_weights = any(part.weight != 1 for part in parts)
    return not has_weights and len(tokenizer(whole(parts)).input_ids) <= tokenizer.model_max_length


def in_windows(parts: Sequence[Fragment], tokenizer: Any, encoder: Any, device: Any) -> Tensor:
    """[1, windows * window, width]: the prompt with its weights."""
    provider: Any = EmbeddingsProvider(
        tokenizer, encoder, dtype_for_device_getter=lambda _: encoder.dtype, truncate=False, device=device
    )
    texts, weights = [part.text for part in parts], [part.weight for part in parts]
    return provider.get_embeddings_for_weighted_prompt_fragments([texts], [weights], device=device).to(device)


def padded(embeddings: Tensor, length: int, empty: Tensor) -> Tensor:
    """With windows of the empty prompt behind, up to this many tokens."""
    missing = (length - embeddings.shape[1]) // empty.shape[1]
    return torch.cat([embeddings, *[empty] * missing], dim=1) if missing else embeddings


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
        if negative.shape != positive.shape:
            length, empty = max(positive.shape[1], negative.shape[1]), self._encode("", 0)
            negative, positive = padded(negative, length, empty), padded(positive, length, empty)
        return torch.cat([negative, positive])

    def _encode(self, prompt: str, clip_skip: int) -> Tensor:
        """[1, tokens, width]"""
        encoder, tokenizer = self._pipeline.text_encoder, self._pipeline.tokenizer
        require_layers(clip_skip, encoder.config.num_hidden_layers)
        parts = fragments(prompt)
        if is_plain(parts, tokenizer):
            return self._encode_as_stock(whole(parts), clip_skip)
        used = HiddenLayer(encoder, clip_skip) if clip_skip else encoder
        return in_windows(parts, tokenizer, used, self._pipeline._execution_device)

    def _encode_as_stock(self, prompt: str, clip_skip: int) -> Tensor:
        device = self._pipeline._execution_device
        if not clip_skip:
            return self._pipeline.encode_prompt(prompt, device, 1, False)[0]
        tokens = self._pipeline.tokenizer(
            prompt, padding="max_length", max_length=self.window, truncation=True, return_tensors="pt"
        )
        return HiddenLayer(self._pipeline.text_encoder, clip_skip)(tokens.input_ids.to(device)).last_hidden_state


class HiddenLayer:
    """A text encoder without its last layers, but for the final norm where that is `normed`."""

    def __init__(self, encoder: Any, left_out: int, *, normed: bool = True) -> None:
        self._encoder, self._left_out, self._normed = encoder, left_out, normed
        self.device, self.dtype, self.config = encoder.device, encoder.dtype, encoder.config

    def __call__(self, tokens: Tensor, attention_mask: Tensor | None = None, **_: Any) -> SimpleNamespace:
        output = self._encoder(tokens, attention_mask=attention_mask, output_hidden_states=True)
        hidden = output.hidden_states[-(self._left_out + 1)]
        return SimpleNamespace(last_hidden_state=self._encoder.final_layer_norm(hidden) if self._normed else hidden)
