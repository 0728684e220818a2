"""Text encoder: a three-layer CLIP text model, trained to parse captions and then frozen."""

from collections.abc import Mapping
from pathlib import Path
from random import Random
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.functional import cross_entropy
from transformers import CLIPTextConfig, CLIPTextModel, CLIPTokenizer

from renderq_worker.builtin.captions import caption
from renderq_worker.builtin.scenes import COLORS, PLACES, RELATIONS, SHAPES, SIZES, Scene, sample_scene
from renderq_worker.builtin.tokenizer import MAX_TOKENS, build_tokenizer
from renderq_worker.builtin.training_loop import TrainingConfig, load

TEXT_WIDTH = 128
BACKGROUND_CAPTION_RATE = 0.95
"""Fraction of training captions that mention the background."""
_IGNORED = -100


def build_text_encoder(tokenizer: CLIPTokenizer) -> CLIPTextModel:
    """Return an untrained encoder with 0.7 M parameters."""
    special: dict[str, Any] = {
        "bos_token_id": tokenizer.bos_token_id,
        "eos_token_id": tokenizer.eos_token_id,
        "pad_token_id": tokenizer.pad_token_id,
    }
    config = CLIPTextConfig(
        vocab_size=len(tokenizer),
        hidden_size=TEXT_WIDTH,
        intermediate_size=4 * TEXT_WIDTH,
        projection_dim=TEXT_WIDTH,
        num_hidden_layers=3,
        num_attention_heads=4,
        max_position_embeddings=MAX_TOKENS,
        **special,
    )
    return CLIPTextModel(config)


def load_text_encoder(folder: Path, tokenizer: CLIPTokenizer) -> CLIPTextModel:
    """Return the trained encoder, without the heads."""
    return load(build_parser(tokenizer), folder, TextEncoderStage.name).encoder


def tokenize(tokenizer: CLIPTokenizer, captions: list[str]) -> Tensor:
    """Return token ids, [captions, 32], padded and truncated as in the pipeline."""
    batch = tokenizer(captions, padding="max_length", max_length=MAX_TOKENS, truncation=True, return_tensors="pt")
    return torch.as_tensor(batch["input_ids"])


@torch.no_grad()
def hidden_states(encoder: CLIPTextModel, ids: Tensor) -> Tensor:
    """Return hidden states, [captions, 32, 128]."""
    return torch.cat([encoder(input_ids=part).last_hidden_state for part in ids.split(128)])


_CLASSES: Mapping[str, tuple[object, ...]] = {
    "background": tuple(COLORS),
    "relation": (None, *RELATIONS),
    "count": (1, 2, 3, 4),
    "size": (None, *SIZES),
    "place": (None, *PLACES),
    "shape": SHAPES,
    "color": tuple(COLORS),
    "second count": (None, 1, 2, 3, 4),
    "second shape": (None, *SHAPES),
    "second color": (None, *COLORS),
}
"""Attribute of a caption → its possible values."""


def _parse(scene: Scene) -> dict[str, object]:
    first, second = scene.groups[0], scene.groups[1] if len(scene.groups) == 2 else None
    return {
        "background": scene.background,
        "relation": scene.relation,
        "count": first.count,
        "size": first.size,
        "place": first.place,
        "shape": first.shape,
        "color": first.color,
        "second count": second and second.count,
        "second shape": second and second.shape,
        "second color": second and second.color,
    }


class Parser(nn.Module):
    """The encoder with one linear head per attribute, on every token from the end-of-text token on."""

    def __init__(self, encoder: CLIPTextModel) -> None:
        super().__init__()
        self.encoder = encoder
        self.heads = nn.ModuleDict({name: nn.Linear(TEXT_WIDTH, len(values)) for name, values in _CLASSES.items()})

    def forward(self, ids: Tensor) -> Tensor:
        return self.encoder(input_ids=ids).last_hidden_state


def build_parser(tokenizer: CLIPTokenizer) -> Parser:
    return Parser(build_text_encoder(tokenizer))


class TextEncoderStage:
    """Learn to parse captions. The background counts only where the caption mentions it."""

    name = "text_encoder"

    def __init__(self, config: TrainingConfig) -> None:
        self.config = config
        self.tokenizer = build_tokenizer()
        self.model = build_parser(self.tokenizer)

    def loss(self, rng: Random, _step: int, /) -> tuple[Tensor, dict[str, float]]:
        batch = self.config.batch
        scenes = [sample_scene(rng) for _ in range(batch)]
        backgrounds_mentioned = [rng.random() < BACKGROUND_CAPTION_RATE for _ in scenes]
        captions = [
            caption(scene, rng, mention_background=mentioned)
            for scene, mentioned in zip(scenes, backgrounds_mentioned, strict=True)
        ]
        ids = tokenize(self.tokenizer, captions)
        hidden = self.model(ids)
        selected = ids == self.tokenizer.eos_token_id
        labels = [_parse(scene) for scene in scenes]
        losses: list[Tensor] = []
        correct = torch.ones(batch, dtype=torch.bool)
        for name, head in self.model.heads.items():
            target = torch.tensor([_CLASSES[name].index(label[name]) for label in labels])
            if name == "background":
                target = torch.where(torch.tensor(backgrounds_mentioned), target, _IGNORED)
            logits = head(hidden).float()
            losses.append(
                cross_entropy(logits[selected], target[:, None].expand_as(ids)[selected], ignore_index=_IGNORED)
            )
            correct &= (logits[:, -1].argmax(-1) == target) | (target == _IGNORED)
        loss = torch.stack(losses).sum()
        return loss, {"loss": loss.item(), "correct": correct.float().mean().item()}
