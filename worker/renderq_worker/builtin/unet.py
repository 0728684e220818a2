"""The denoiser: a small conditional UNet over 8×8×16 latents, and its noise schedule."""

from diffusers import DDIMScheduler, UNet2DConditionModel

from renderq_worker.builtin.vae import LATENT_CHANNELS

LATENT_SIDE = 8


def build_unet(text_width: int) -> UNet2DConditionModel:
    """12.5 M parameters. Attention only at 4×4 and 2×2: at 8×8 it halves the speed of training."""
    return UNet2DConditionModel(
        sample_size=LATENT_SIDE,
        in_channels=LATENT_CHANNELS,
        out_channels=LATENT_CHANNELS,
        block_out_channels=(96, 128, 192),
        layers_per_block=1,
        down_block_types=("DownBlock2D", "CrossAttnDownBlock2D", "CrossAttnDownBlock2D"),
        up_block_types=("CrossAttnUpBlock2D", "CrossAttnUpBlock2D", "UpBlock2D"),
        cross_attention_dim=text_width,
        attention_head_dim=4,
        norm_num_groups=16,
        resnet_time_scale_shift="scale_shift",
        addition_embed_type="text",
    )


def build_scheduler() -> DDIMScheduler:
    """DDIM over 1000 training steps, v-prediction (Salimans & Ho, 2022).

    `steps_offset` has no effect with trailing timesteps; 1 is what `StableDiffusionPipeline` insists on.
    """
    return DDIMScheduler(
        num_train_timesteps=1000,
        beta_start=1e-4,
        beta_end=0.02,
        beta_schedule="linear",
        prediction_type="v_prediction",
        timestep_spacing="trailing",
        clip_sample=False,
        set_alpha_to_one=True,
        steps_offset=1,
    )
