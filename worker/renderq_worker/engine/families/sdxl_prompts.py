"""Prompts to embeddings with the two text encoders of SDXL.

As with one encoder (`prompts`), a prompt that fits into one chunk and has no weights is encoded by the stock pipeline.
The pooled embeddings of other prompts are the stock pipeline's: of the first chunk, without weights.
"""

from typing import Any

import torch
from torch import Tensor

from renderq_worker.engine.families.prompt_attention import parse_prompt_attention
from renderq_worker.engine.families.prompts import (
    ClipSkipEncoder,
    check_clip_skip,
    encode_chunks,
    fits_one_chunk,
    pad_chunks,
    plain_text,
)
from renderq_worker.engine.generation import GenerationSpec


class SDXLPromptEncoder:
    """Tokenizers and text encoders of a stock SDXL pipeline."""

    def __init__(self, pipeline: Any) -> None:
        self._pipeline = pipeline
        self._encoders = (
            (pipeline.tokenizer, pipeline.text_encoder),
            (pipeline.tokenizer_2, pipeline.text_encoder_2),
        )

    @property
    def max_tokens(self) -> int:
        """Tokens per chunk."""
        return self._pipeline.tokenizer.model_max_length

    def encode(self, spec: GenerationSpec, *, guided: bool) -> tuple[Tensor, Tensor]:
        """Encode [rows, token_chunks * max_tokens, width] and pooled [rows, width]: negative before positive prompt.

        The embeddings of an empty negative prompt are zeros if the model was trained so. Raises `ClipSkipTooHigh`.
        """
        clip_skip = spec.sampling.clip_skip
        check_clip_skip(clip_skip, min(encoder.config.num_hidden_layers for _, encoder in self._encoders) - 1)
        positive, pooled = self._encode(spec.prompt, clip_skip)
        if not guided:
            return positive, pooled
        if not spec.negative_prompt and self._pipeline.config.force_zeros_for_empty_prompt:
            negative, negative_pooled = torch.zeros_like(positive), torch.zeros_like(pooled)
        else:
            negative, negative_pooled = self._encode(spec.negative_prompt, 0)
        if negative.shape != positive.shape:
            length, empty = max(positive.shape[1], negative.shape[1]), self._encode("", 0)[0]
            negative, positive = pad_chunks(negative, length, empty), pad_chunks(positive, length, empty)
        return torch.cat([negative, positive]), torch.cat([negative_pooled, pooled])

    def _encode(self, prompt: str, clip_skip: int) -> tuple[Tensor, Tensor]:
        """Encode one prompt, [1, tokens, width] and pooled [1, width]."""
        parts, device = parse_prompt_attention(prompt), self._pipeline._execution_device
        embeddings, _, pooled, _ = self._pipeline.encode_prompt(
            plain_text(parts),
            device=device,
            do_classifier_free_guidance=False,
            clip_skip=clip_skip or None,
        )
        if not fits_one_chunk(parts, self._pipeline.tokenizer):
            layers = [
                encode_chunks(parts, tokenizer, ClipSkipEncoder(encoder, clip_skip + 1, normed=False), device)
                for tokenizer, encoder in self._encoders
            ]
            embeddings = torch.cat(layers, dim=-1)
        return embeddings, pooled
