"""Prompts to embeddings with one CLIP text encoder.

A prompt that fits into one chunk and has no weights is encoded by the stock pipeline, with identical bits. Longer and
weighted prompts are encoded in chunks: one pass per chunk, whatever the weights, and one for the empty prompt.
"""

from collections.abc import Callable, Generator, Sequence
from functools import partial
from types import SimpleNamespace
from typing import Any

import torch
from torch import Tensor

from renderq_shared.prompt_attention import Fragment, parse_prompt_attention
from renderq_worker.engine.errors import ClipSkipTooHigh
from renderq_worker.engine.families.prompt_encoding import (
    ChunkPass,
    EncodedPrompts,
    EncoderPass,
    EncodingFlow,
    PromptEncoding,
    PromptEncodingCache,
    StockPass,
)
from renderq_worker.engine.families.token_chunks import EMPTY_CHUNK, Chunk, split_into_chunks, with_all_vectors
from renderq_worker.engine.generation import GenerationSpec
from renderq_worker.engine.loras import text_encoder_weights


class PromptEncoder:
    """Tokenizer and text encoder of a stock pipeline."""

    def __init__(self, pipeline: Any) -> None:
        self._pipeline = pipeline
        self._cache = PromptEncodingCache()

    @property
    def max_tokens(self) -> int:
        """Tokens per chunk."""
        return self._pipeline.tokenizer.model_max_length

    def start(self, spec: GenerationSpec, *, guided: bool) -> PromptEncoding:
        """Return the encoding of this image's prompts, shared with earlier images that have the same.

        Raises `ClipSkipTooHigh`; running it raises `PromptTooLong`.
        """
        clip_skip = spec.sampling.clip_skip
        check_clip_skip(clip_skip, self._max_clip_skip)
        negative_prompt = spec.negative_prompt if guided else None
        return self._cache.get(
            (spec.prompt, negative_prompt, clip_skip),
            self._flow(spec.prompt, negative_prompt, clip_skip),
            text_encoder_weights(spec.loras),
        )

    def run(self, encoder_pass: EncoderPass) -> EncodedPrompts:
        """Run one pass."""
        if isinstance(encoder_pass, StockPass):
            return self._run_stock(encoder_pass)
        tokenizer, encoder = self._encoders[encoder_pass.encoder]
        device, chunk = self._pipeline._execution_device, encoder_pass.chunk
        tokens = torch.tensor([pad_tokens(chunk, tokenizer)], device=device)
        bias = attention_bias(chunk, self.max_tokens).to(device, encoder.dtype) if chunk.is_downweighted else None
        output = self._without_last_layers(encoder, encoder_pass.clip_skip)(tokens, attention_mask=bias)
        return EncodedPrompts(output.last_hidden_state)

    @property
    def _encoders(self) -> Sequence[tuple[Any, Any]]:
        """Tokenizers and text encoders."""
        return ((self._pipeline.tokenizer, self._pipeline.text_encoder),)

    @property
    def _max_clip_skip(self) -> int:
        return self._pipeline.text_encoder.config.num_hidden_layers

    def _flow(self, prompt: str, negative_prompt: str | None, clip_skip: int) -> Callable[[], EncodingFlow]:
        return partial(encode_prompts, prompt, negative_prompt, clip_skip, self._pipeline.tokenizer)

    def _without_last_layers(self, encoder: Any, clip_skip: int) -> Any:
        return ClipSkipEncoder(encoder, clip_skip) if clip_skip else encoder

    def _run_stock(self, stock: StockPass) -> EncodedPrompts:
        device = self._pipeline._execution_device
        if not stock.clip_skip:
            return EncodedPrompts(self._pipeline.encode_prompt(stock.prompt, device, 1, False)[0])
        tokens = self._pipeline.tokenizer(
            with_all_vectors(stock.prompt, self._pipeline.tokenizer),
            padding="max_length",
            max_length=self.max_tokens,
            truncation=True,
            return_tensors="pt",
        )
        encoder = ClipSkipEncoder(self._pipeline.text_encoder, stock.clip_skip)
        return EncodedPrompts(encoder(tokens.input_ids.to(device)).last_hidden_state)


def encode_prompts(prompt: str, negative_prompt: str | None, clip_skip: int, tokenizer: Any) -> EncodingFlow:
    """Encode negative and positive prompt; `clip_skip` applies to the positive one only, as in the stock pipelines."""
    positive = yield from _encode_prompt(prompt, clip_skip, tokenizer)
    if negative_prompt is None:
        return EncodedPrompts(positive)
    negative = yield from _encode_prompt(negative_prompt, 0, tokenizer)
    return EncodedPrompts((yield from stack_rows(negative, positive)))


def _encode_prompt(prompt: str, clip_skip: int, tokenizer: Any) -> Generator[EncoderPass, EncodedPrompts, Tensor]:
    """Encode one prompt, [1, tokens, width]."""
    parts = parse_prompt_attention(prompt)
    if fits_one_chunk(parts, tokenizer):
        return (yield StockPass(plain_text(parts), clip_skip)).embeddings
    return (yield from encode_chunks(parts, clip_skip, tokenizer))


def encode_chunks(
    parts: Sequence[Fragment], clip_skip: int, tokenizer: Any, encoder: int = 0
) -> Generator[EncoderPass, EncodedPrompts, Tensor]:
    """Encode the weighted prompt with one text encoder, [1, token_chunks * max_tokens, width]."""
    chunks = split_into_chunks(parts, tokenizer)
    empty = None
    if any(chunk.has_weights for chunk in chunks):
        empty = (yield ChunkPass(EMPTY_CHUNK, clip_skip, encoder)).embeddings
    encoded: list[Tensor] = []
    for chunk in chunks:
        embeddings = (yield ChunkPass(chunk, clip_skip, encoder)).embeddings
        if empty is not None and chunk.has_weights:
            embeddings = apply_weights(embeddings, empty, chunk)
        encoded.append(embeddings)
    for chunk, embeddings in zip(chunks[1:], encoded[1:], strict=True):  # compel's `COPY_FIRST_CLS_TOKEN`
        embeddings[:, len(chunk.tokens) + 1] = encoded[0][:, len(chunks[0].tokens) + 1]
    return torch.cat(encoded, dim=1)


def stack_rows(negative: Tensor, positive: Tensor) -> Generator[EncoderPass, EncodedPrompts, Tensor]:
    """Stack both prompts, the shorter one padded with chunks of the empty prompt."""
    if negative.shape != positive.shape:
        empty = (yield StockPass("")).embeddings
        length = max(positive.shape[1], negative.shape[1])
        negative, positive = _pad_chunks(negative, length, empty), _pad_chunks(positive, length, empty)
    return torch.cat([negative, positive])


def _pad_chunks(embeddings: Tensor, length: int, empty: Tensor) -> Tensor:
    """Append chunks of the empty prompt up to `length` tokens."""
    missing = (length - embeddings.shape[1]) // empty.shape[1]
    return torch.cat([embeddings, *[empty] * missing], dim=1) if missing else embeddings


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
    text = with_all_vectors(plain_text(parts), tokenizer)
    return not has_weights and len(tokenizer(text).input_ids) <= tokenizer.model_max_length


def pad_tokens(chunk: Chunk, tokenizer: Any) -> list[int]:
    """Return the text encoder's input for a chunk: start, tokens, end, padding."""
    tokens = [tokenizer.bos_token_id, *chunk.tokens, tokenizer.eos_token_id]
    return tokens + [tokenizer.pad_token_id] * (tokenizer.model_max_length - len(tokens))


def apply_weights(embeddings: Tensor, empty: Tensor, chunk: Chunk) -> Tensor:
    """Multiply each token's distance from the empty prompt by its weight, as ComfyUI and compel do."""
    weights = _positional(chunk, embeddings.shape[1]).to(embeddings)[None, :, None]
    return torch.where(weights == 1, embeddings, empty + (embeddings - empty) * weights)


def attention_bias(chunk: Chunk, max_tokens: int) -> Tensor:
    """Return causal attention logits, [1, 1, max_tokens, max_tokens], that weaken downweighted tokens for the others.

    The logarithm of a weight multiplies the token's share of attention by the weight before normalization, so that a
    token of weight 0 has no influence on other tokens. compel masks such a token, in a further pass for each.
    """
    lowest = torch.finfo(torch.float16).min
    causal = torch.full((max_tokens, max_tokens), lowest).triu(diagonal=1)
    return (causal + _positional(chunk, max_tokens).clamp(max=1).log()).clamp(min=lowest)[None, None]


def _positional(chunk: Chunk, max_tokens: int) -> Tensor:
    """Return the weight of each input token, 1 for start, end and padding: [max_tokens]."""
    weights = torch.ones(max_tokens)
    weights[1 : len(chunk.weights) + 1] = torch.tensor(chunk.weights)
    return weights


class ClipSkipEncoder:
    """Text encoder without its last layers. `normed` applies the final layer norm."""

    def __init__(self, encoder: Any, clip_skip: int, *, normed: bool = True) -> None:
        self._encoder, self._clip_skip, self._normed = encoder, clip_skip, normed

    def __call__(self, tokens: Tensor, attention_mask: Tensor | None = None) -> SimpleNamespace:
        output = self._encoder(tokens, attention_mask=attention_mask, output_hidden_states=True)
        hidden = output.hidden_states[-(self._clip_skip + 1)]
        return SimpleNamespace(last_hidden_state=self._encoder.final_layer_norm(hidden) if self._normed else hidden)
