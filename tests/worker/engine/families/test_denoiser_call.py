"""Calls of a denoiser: which may be joined, and what is joined."""

import inspect
from typing import Any

import diffusers
import pytest
import torch
from torch import Tensor, nn

from renderq_worker.engine.families.denoiser_call import ROW_ARGUMENTS, DenoiserCall, join


class FluxTransformer2DModel(nn.Module):
    """Has the arguments of the diffusers class of this name."""

    device = torch.device("cpu")

    def forward(self, hidden_states: Any, timestep: Any = None, guidance: Any = None, img_ids: Any = None) -> None: ...


class ZImageTransformer2DModel(FluxTransformer2DModel):
    def forward(self, x: Any, t: Any, cap_feats: Any) -> None: ...  # type: ignore[override]


class UNet2DConditionModel(FluxTransformer2DModel):
    def forward(self, sample: Any, timestep: Any, added_cond_kwargs: Any = None) -> None: ...  # type: ignore[override]


class Lumina2Transformer2DModel(FluxTransformer2DModel):
    def forward(self, hidden_states: Any, encoder_attention_mask: Any) -> None: ...  # type: ignore[override]


class UnknownModel(FluxTransformer2DModel):
    pass


def call(denoiser: nn.Module, *args: Any, **kwargs: Any) -> DenoiserCall:
    return DenoiserCall.bind(denoiser, args, kwargs)


def flux_call(value: float = 0.0, *, rows: int = 1, tokens: int = 4, ids: Tensor | None = None) -> DenoiserCall:
    return call(
        FluxTransformer2DModel(),
        torch.full((rows, tokens, 3), value),
        timestep=torch.full((rows,), value),
        img_ids=torch.zeros(tokens, 3) if ids is None else ids,
    )


def test_rows_are_stacked_and_what_has_none_is_taken_once() -> None:
    calls = [flux_call(0.0), flux_call(1.0)]
    assert calls[0].kind == calls[1].kind
    joined = join(calls)
    assert joined["hidden_states"].shape == (2, 4, 3)
    assert joined["timestep"].tolist() == [0.0, 1.0]
    assert joined["img_ids"].shape == (4, 3)


def test_ids_are_not_rows_where_there_are_as_many_tokens_as_rows() -> None:
    calls = [flux_call(0.0, rows=4), flux_call(1.0, rows=4)]
    assert join(calls)["img_ids"].shape == (4, 3)
    assert join(calls)["hidden_states"].shape == (8, 4, 3)


@pytest.mark.parametrize(
    "other",
    [flux_call(tokens=5), flux_call(rows=2), flux_call(ids=torch.ones(4, 3))],
    ids=["shape", "rows", "other positions"],
)
def test_calls_of_another_kind_are_not_joined(other: DenoiserCall) -> None:
    assert other.kind != flux_call().kind


def test_a_dtype_or_autocast_of_its_own_makes_a_kind() -> None:
    half = call(FluxTransformer2DModel(), torch.zeros(1, 4, 3, dtype=torch.bfloat16))
    assert half.kind != call(FluxTransformer2DModel(), torch.zeros(1, 4, 3)).kind
    with torch.autocast("cpu", torch.bfloat16):
        cast = flux_call()
    assert (cast.autocast_dtype, cast.kind != flux_call().kind) == (torch.bfloat16, True)


def test_a_scalar_timestep_counts_for_every_row_of_its_call() -> None:
    added = {"time_ids": torch.zeros(2, 6)}
    calls = [
        call(UNet2DConditionModel(), torch.zeros(2, 4, 8, 8), torch.tensor(t), added_cond_kwargs=added)
        for t in (7, 981)
    ]
    assert calls[0].kind == calls[1].kind
    joined = join(calls)
    assert joined["timestep"].tolist() == [7, 7, 981, 981]
    assert joined["added_cond_kwargs"]["time_ids"].shape == (4, 6)
    assert join(calls[:1])["timestep"].ndim == 0


def test_lists_of_rows_are_chained_where_their_padded_lengths_agree() -> None:
    def caption(length: int) -> DenoiserCall:
        return call(ZImageTransformer2DModel(), [torch.zeros(4, 1, 8, 8)], torch.zeros(1), [torch.zeros(length, 16)])

    calls = [caption(20), caption(32)]
    assert calls[0].kind == calls[1].kind
    assert [len(each) for each in join(calls)["cap_feats"]] == [20, 32]
    assert caption(33).kind != caption(32).kind


def test_masks_from_which_lengths_are_computed_must_agree() -> None:
    def masked(length: int) -> DenoiserCall:
        return call(Lumina2Transformer2DModel(), torch.zeros(1, 4, 8, 8), (torch.arange(6) < length)[None])

    assert masked(3).kind == masked(3).kind
    assert masked(3).kind != masked(4).kind
    assert join([masked(3), masked(3)])["encoder_attention_mask"].shape == (2, 6)


def test_calls_of_an_unknown_class_are_never_joined() -> None:
    calls = [call(UnknownModel(), torch.zeros(1)) for _ in range(2)]
    assert calls[0].kind != calls[1].kind


@pytest.mark.parametrize("name", ROW_ARGUMENTS)
def test_the_declared_arguments_exist_in_diffusers(name: str) -> None:
    declared = ROW_ARGUMENTS[name]
    arguments = inspect.signature(getattr(diffusers, name).forward).parameters
    assert {*declared.stacked, *declared.listed, *declared.masks} <= set(arguments)
