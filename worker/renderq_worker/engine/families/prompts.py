"""Prompts to embeddings with one CLIP text encoder.

A prompt that fits into one chunk and has no weights is encoded by the stock pipeline, with identical bits. Longer and
weighted prompts are encoded by compel: several chunks concatenated, weights as distances from the empty prompt.
"""

from collections.abc import Sequence
from types import SimpleNamespace
from typing import Any

import torch
from compel import EmbeddingsProvider
from torch import Tensor

from renderq_worker.engine.errors import ClipSkipTooHigh
from renderq_worker.engine.families.prompt_attention import Fragment, parse_prompt_attention
from renderq_worker.engine.generation import GenerationSpec


def check_clip_skip(clip_skip: int, max_clip_skip: int) -> None:
    """Raise `ClipSkipTooHigh` beyond `max_clip_skip` skipped layers."""
    if clip_skip > max_clip_skip:
        raise ClipSkipTooHigh(
            f"clip_skip {clip_skip} exceeds the maximum of this model's text encoder, {max_clip_skip}"
        )


def plain_text(parts: Sequence[Fragment]) -> str:
    """Return the prompt without its weights."""
    return "".join(part.text for part in parts)


def fits_one_chunk(parts: Sequence[Fragment], tokenizer: Any) -> bool:
    """Return whether the prompt has no weights and fits into one chunk."""
    has_weights = any(part.weight != 1 for part in parts)
    return not has_weights and len(tokenizer(plain_text(parts)).input_ids) <= tokenizer.model_max_length


def encode_chunks(parts: Sequence[Fragment], tokenizer: Any, encoder: Any, device: Any) -> Tensor:
    """Encode the weighted prompt, [1, token_chunks * max_tokens, width]."""
    provider: Any = EmbeddingsProvider(
        tokenizer, encoder, dtype_for_device_getter=lambda _: encoder.dtype, truncate=False, device=device
    )
    texts, weights = [part.text for part in parts], [part.weight for part in parts]
    return provider.get_embeddings_for_weighted_prompt_fragments([texts], [weights], device=device).to(device)


def pad_chunks(embeddings: Tensor, length: int, empty: Tensor) -> Tensor:
    """Append chunks of the empty prompt up to `length` tokens."""
    missing = (length - embeddings.shape[1]) // empty.shape[1]
    return torch.cat([embeddings, *[empty] * missing], dim=1) if missing else embeddings


class PromptEncoder:
    """Tokenizer and text encoder of a stock pipeline."""

    def __init__(self, pipeline: Any) -> None:
        self._pipeline = pipeline

    @property
    def max_tokens(self) -> int:
        """Tokens per chunk."""
        return self._pipeline.tokenizer.model_max_length

    def encode(self, spec: GenerationSpec, *, guided: bool) -> Tensor:
        """Encode [rows, token_chunks * max_tokens, width]: negative then positive prompt, or the positive prompt alone.

        `clip_skip` applies to the positive prompt only, as in the stock pipelines. Raises `ClipSkipTooHigh`.
        """
        positive = self._encode(spec.prompt, spec.sampling.clip_skip)
        if not guided:
            return positive
        negative = self._encode(spec.negative_prompt, 0)
        if negative.shape != positive.shape:
            length, empty = max(positive.shape[1], negative.shape[1]), self._encode("", 0)
            negative, positive = pad_chunks(negative, length, empty), pad_chunks(positive, length, empty)
        return torch.cat([negative, positive])

    def _encode(self, prompt: str, clip_skip: int) -> Tensor:
        """Encode one prompt, [1, tokens, width]."""
        encoder, tokenizer = self._pipeline.text_encoder, self._pipeline.tokenizer
        check_clip_skip(clip_skip, encoder.config.num_hidden_layers)
        parts = parse_prompt_attention(prompt)
        if fits_one_chunk(parts, tokenizer):
            return self._encode_as_stock(plain_text(parts), clip_skip)
        clip_encoder = ClipSkipEncoder(encoder, clip_skip) if clip_skip else encoder
        return encode_chunks(parts, tokenizer, clip_encoder, self._pipeline._execution_device)

    def _encode_as_stock(self, prompt: str, clip_skip: int) -> Tensor:
        device = self._pipeline._execution_device
        if not clip_skip:
            return self._pipeline.encode_prompt(prompt, device, 1, False)[0]
        tokens = self._pipeline.tokenizer(
            prompt, padding="max_length", max_length=self.max_tokens, truncation=True, return_tensors="pt"
        )
        return ClipSkipEncoder(self._pipeline.text_encoder, clip_skip)(tokens.input_ids.to(device)).last_hidden_state


class ClipSkipEncoder:
    """Text encoder without its last layers. `normed` applies the final layer norm."""

    def __init__(self, encoder: Any, clip_skip: int, *, normed: bool = True) -> None:
        self._encoder, self._clip_skip, self._normed = encoder, clip_skip, normed
        self.device, self.dtype, self.config = encoder.device, encoder.dtype, encoder.config

    def __call__(self, tokens: Tensor, attention_mask: Tensor | None = None, **_: Any) -> SimpleNamespace:
        output = self._encoder(tokens, attention_mask=attention_mask, output_hidden_states=True)
        hidden = output.hidden_states[-(self._clip_skip + 1)]
        return SimpleNamespace(last_hidden_state=self._encoder.final_layer_norm(hidden) if self._normed else hidden)
