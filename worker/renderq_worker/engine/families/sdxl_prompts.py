"""Prompts to embeddings with the two text encoders of SDXL.

As with one encoder (`prompts`), a prompt that fits into one chunk and has no weights is encoded by the stock pipeline.
The pooled embeddings of other prompts are the stock pipeline's: of the first chunk, without weights.
"""

from collections.abc import Callable, Generator, Sequence
from functools import partial
from typing import Any

import torch
from torch import Tensor

from renderq_shared.prompt_attention import parse_prompt_attention
from renderq_worker.engine.families.prompt_encoding import EncodedPrompts, EncoderPass, EncodingFlow, StockPass
from renderq_worker.engine.families.prompts import (
    ClipSkipEncoder,
    PromptEncoder,
    encode_chunks,
    fits_one_chunk,
    plain_text,
    stack_rows,
)


class SDXLPromptEncoder(PromptEncoder):
    """Tokenizers and text encoders of a stock SDXL pipeline."""

    @property
    def _encoders(self) -> Sequence[tuple[Any, Any]]:
        pipeline = self._pipeline
        return ((pipeline.tokenizer, pipeline.text_encoder), (pipeline.tokenizer_2, pipeline.text_encoder_2))

    @property
    def _max_clip_skip(self) -> int:
        return min(encoder.config.num_hidden_layers for _, encoder in self._encoders) - 1

    def _flow(self, prompt: str, negative_prompt: str | None, clip_skip: int) -> Callable[[], EncodingFlow]:
        tokenizers = [tokenizer for tokenizer, _ in self._encoders]
        zero_negative = not negative_prompt and self._pipeline.config.force_zeros_for_empty_prompt
        return partial(encode_prompts, prompt, negative_prompt, clip_skip, tokenizers, zero_negative=zero_negative)

    def _without_last_layers(self, encoder: Any, clip_skip: int) -> Any:
        return ClipSkipEncoder(encoder, clip_skip + 1, normed=False)

    def _run_stock(self, stock: StockPass) -> EncodedPrompts:
        embeddings, _, pooled, _ = self._pipeline.encode_prompt(
            stock.prompt,
            device=self._pipeline._execution_device,
            do_classifier_free_guidance=False,
            clip_skip=stock.clip_skip or None,
        )
        return EncodedPrompts(embeddings, pooled)


def encode_prompts(
    prompt: str, negative_prompt: str | None, clip_skip: int, tokenizers: Sequence[Any], *, zero_negative: bool
) -> EncodingFlow:
    """Encode negative and positive prompt. `zero_negative`: the embeddings of the negative prompt are zeros."""
    positive = yield from _encode_prompt(prompt, clip_skip, tokenizers)
    if negative_prompt is None:
        return positive
    if zero_negative:
        negative = EncodedPrompts(torch.zeros_like(positive.embeddings), torch.zeros_like(positive.pooled))
    else:
        negative = yield from _encode_prompt(negative_prompt, 0, tokenizers)
    embeddings = yield from stack_rows(negative.embeddings, positive.embeddings)
    return EncodedPrompts(embeddings, torch.cat([negative.pooled, positive.pooled]))


def _encode_prompt(
    prompt: str, clip_skip: int, tokenizers: Sequence[Any]
) -> Generator[EncoderPass, EncodedPrompts, EncodedPrompts]:
    """Encode one prompt with both text encoders."""
    parts = parse_prompt_attention(prompt)
    stock = yield StockPass(plain_text(parts), clip_skip)
    if fits_one_chunk(parts, tokenizers[0]):
        return stock
    layers: list[Tensor] = []
    for index, tokenizer in enumerate(tokenizers):
        layers.append((yield from encode_chunks(parts, clip_skip, tokenizer, index)))
    return EncodedPrompts(torch.cat(layers, dim=-1), stock.pooled)
