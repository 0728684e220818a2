"""The 256 px autoencoder starts as a renderer of fields and as a box filter; its stages train."""

from pathlib import Path
from random import Random
from statistics import fmean

import numpy as np
import pytest
import torch
from diffusers import StableDiffusionPipeline
from torch import Tensor, nn
from torch.nn.functional import avg_pool2d, interpolate

from renderq_worker.builtin.draw import draw, draw_mask
from renderq_worker.builtin.group_norms import match_group_norms
from renderq_worker.builtin.layout import PlacedShape
from renderq_worker.builtin.scene_fields import FIELD_CHANNELS, scene_fields
from renderq_worker.builtin.scenes import Group, Scene
from renderq_worker.builtin.shape_classifier import classify
from renderq_worker.builtin.training_loop import TrainingConfig, fit, load
from renderq_worker.builtin.vae import build_vae, encode
from renderq_worker.builtin.vae_256 import build_vae_256, edge_distances, init_decoder, init_encoder, render_features
from renderq_worker.builtin.vae_256_sharpening import (
    GeneratedScene,
    Sharpen256Stage,
    generate_scenes,
    nearest_drawing,
    to_nearest_color,
)
from renderq_worker.builtin.vae_256_training import (
    Decoder256Stage,
    Encoder256Stage,
    FieldDecoder,
    FieldsStage,
    crop_weights,
    draw_images,
    mask_loss,
    sample_layouts,
)


def _identity_readout() -> nn.Conv2d:
    readout = nn.Conv2d(16, FIELD_CHANNELS, 1)
    with torch.no_grad():
        readout.weight.copy_(torch.eye(FIELD_CHANNELS, 16)[:, :, None, None])
        nn.init.zeros_(readout.bias)  # pyright: ignore[reportArgumentType]
    return readout


@torch.no_grad()
def test_the_untrained_decoder_renders_fields_with_sharp_edges() -> None:
    torch.manual_seed(0)
    scenes, layouts = sample_layouts(Random(0), 8)
    features = torch.zeros(8, 16, 64, 64)
    features[:, :FIELD_CHANNELS] = scene_fields(scenes, layouts)
    vae = build_vae_256()
    init_decoder(vae, build_vae(norm_groups=1), _identity_readout(), torch.randn(2, 16, 8, 8))
    images, drawn = render_features(vae, features), draw_images(scenes, layouts, 256)
    blurred = interpolate(draw_images(scenes, layouts, 64), size=256, mode="bicubic")
    wrong, wrong_if_blurred = (
        ((other - drawn).abs().amax(dim=1) > 24 / 127.5).float().mean() for other in (images, blurred)
    )
    assert wrong < 0.032
    assert wrong < 0.7 * wrong_if_blurred


@torch.no_grad()
def test_edge_distances_separate_objects_from_the_background() -> None:
    scenes, layouts = sample_layouts(Random(4), 4)
    features = torch.zeros(4, 16, 64, 64)
    features[:, :FIELD_CHANNELS] = scene_fields(scenes, layouts)
    vae = build_vae_256()
    init_decoder(vae, build_vae(norm_groups=1), _identity_readout(), torch.randn(2, 16, 8, 8))
    distances = edge_distances(vae, features)
    assert distances.shape == (4, 1, 256, 256)
    assert 7.9 < distances.max() < 8.1
    masks = [np.asarray(draw_mask(things, 256)) >= 128 for things in layouts]
    assert ((distances[:, 0] > 0) != torch.from_numpy(np.stack(masks))).float().mean() < 0.01
    assert mask_loss(distances, layouts) < 0.05 < mask_loss(-distances, layouts)


@torch.no_grad()
def test_a_part_of_the_features_gives_the_same_part_of_the_image() -> None:
    torch.manual_seed(0)
    scenes, layouts = sample_layouts(Random(1), 2)
    features = torch.zeros(2, 16, 64, 64)
    features[:, :FIELD_CHANNELS] = scene_fields(scenes, layouts)
    vae = build_vae_256()
    init_decoder(vae, build_vae(norm_groups=1), _identity_readout(), torch.randn(2, 16, 8, 8))
    whole, part = render_features(vae, features), render_features(vae, features[:, :, 20:44, 20:44])
    inside = slice(8, 88)
    assert (whole[:, :, 80:176, 80:176] - part)[:, :, inside, inside].abs().max() < 0.012


@torch.no_grad()
def test_the_untrained_encoder_gives_nearly_the_latents_of_the_reduced_image() -> None:
    torch.manual_seed(0)
    small, large = build_vae(norm_groups=1), build_vae_256()
    images = draw_images(*sample_layouts(Random(2), 4), 256)
    init_encoder(large, small, small, images)
    wanted = encode(small, avg_pool2d(images, 4))
    deviation = wanted - wanted.mean(dim=(0, 2, 3), keepdim=True)
    assert (encode(large, images) - wanted).square().mean() < 0.02 * deviation.square().mean()


@torch.no_grad()
def test_matched_norms_bring_outputs_nearer() -> None:
    torch.manual_seed(0)
    source = nn.Sequential(nn.Conv2d(3, 8, 3), nn.GroupNorm(8, 8), nn.SiLU(), nn.Conv2d(8, 8, 3), nn.GroupNorm(8, 8))
    target = nn.Sequential(nn.Conv2d(3, 8, 3), nn.GroupNorm(1, 8), nn.SiLU(), nn.Conv2d(8, 8, 3), nn.GroupNorm(1, 8))
    target.load_state_dict(source.state_dict())
    images = draw_images(*sample_layouts(Random(3), 8), 32)

    def error() -> Tensor:
        return (target(images) - source(images)).square().mean()

    before = error()
    match_group_norms(target, source, images)
    assert error() < 0.5 * before


def test_the_stages_train_one_after_another(tmp_path: Path) -> None:
    torch.manual_seed(0)
    config = TrainingConfig(steps=2, batch=2, learning_rate=1e-4, warm_up=1, bfloat16=False)
    small = build_vae()
    fit(FieldsStage(config, small), tmp_path, seed=0)
    fields = load(FieldDecoder(build_vae(norm_groups=1)), tmp_path, "fields")
    fit(Decoder256Stage(config, small, fields), tmp_path, seed=0)
    decoder = load(FieldDecoder(build_vae_256()), tmp_path, "decoder_256")
    before = {name: value.clone() for name, value in decoder.vae.state_dict().items()}
    fit(Encoder256Stage(config, small, decoder), tmp_path, seed=0)
    after = load(build_vae_256(), tmp_path, "encoder_256").state_dict()
    changed = {name.split(".")[0] for name, value in after.items() if not torch.equal(value, before[name])}
    assert changed == {"encoder", "quant_conv"}


def test_sharpening_draws_generated_images_to_the_colors_of_their_scene(tmp_path: Path) -> None:
    torch.manual_seed(0)
    config = TrainingConfig(steps=10, batch=2, learning_rate=1e-3, warm_up=1, ema=0.0, bfloat16=False)
    small, vae = build_vae(), build_vae_256()
    scene, layout = Scene((Group("circle", "red"),), "white"), (PlacedShape("circle", "red", 0.5, 0.5, 0.5),)
    generated = [GeneratedScene(torch.randn(16, 8, 8), scene, layout) for _ in range(2)]
    before = {name: value.clone() for name, value in vae.state_dict().items()}

    def distance() -> float:
        with torch.no_grad():
            images = vae.decode(torch.stack([one.latents for one in generated])).sample
        return fmean(to_nearest_color(image, scene).mean().item() for image in images)

    blurred = distance()
    fit(Sharpen256Stage(config, small, vae, generated), tmp_path, seed=0)
    assert distance() < 0.9 * blurred
    changed = {name.split(".")[0] for name, value in vae.state_dict().items() if not torch.equal(value, before[name])}
    assert changed == {"decoder", "post_quant_conv"}


def test_the_nearest_drawing_of_a_drawing_is_that_one() -> None:
    scenes, layouts = sample_layouts(Random(6), 3)
    for scene, layout in zip(scenes, layouts, strict=True):
        image = draw(layout, scene.background, 256)
        found = nearest_drawing(image, classify(image))
        assert {(thing.shape, thing.color) for thing in found} == {(thing.shape, thing.color) for thing in layout}
        difference = np.asarray(draw(found, scene.background, 256), float) - np.asarray(image, float)
        assert np.abs(difference).mean() < 0.5


def test_the_sides_of_an_image_count_more_and_those_of_a_crop_not_at_all() -> None:
    weights = crop_weights([(0, 20)])[0, 0]
    assert weights[0, 48] == 4
    assert weights[48, 48] == 1
    assert weights[48, 0] == weights[48, 95] == weights[95, 48] == 0


@torch.no_grad()
def test_generated_scenes_are_those_that_show_what_they_should(pipeline: StableDiffusionPipeline) -> None:
    for one in generate_scenes(pipeline, 1):
        image = pipeline.vae.decode(one.latents[None]).sample[0]
        assert to_nearest_color(image, one.scene).mean() < 0.1


@pytest.mark.parametrize("channel", [14, 15])
def test_training_leaves_the_constant_channels_alone(channel: int, tmp_path: Path) -> None:
    torch.manual_seed(0)
    config = TrainingConfig(steps=2, batch=1, learning_rate=1e-2, warm_up=1, weight_decay=0.0, bfloat16=False)
    small = build_vae()
    stage = Decoder256Stage(config, small, FieldDecoder(build_vae(norm_groups=1)))
    stage.config = config
    fit(stage, tmp_path, seed=0)
    bias = stage.model.vae.get_submodule("decoder.up_blocks.3.upsamplers.0.conv").get_parameter("bias")
    assert bias[channel].abs() == 64
