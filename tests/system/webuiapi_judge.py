"""Calls of webuiapi, a client of AUTOMATIC1111's web UI. Run by the Python of the judges; prints what came as JSON.

Argument: port of the service.
"""

import contextlib
import io
import json
import sys
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import webuiapi
from PIL import Image

PROMPT = "a red circle on a blue background"


def client() -> webuiapi.WebUIApi:
    return webuiapi.WebUIApi(port=int(sys.argv[1]), username="any", password="any")


def colors(image: Image.Image) -> list[tuple[int, ...]]:
    """Return the colors of center and corner."""
    pixels = image.convert("RGB")
    return [pixels.getpixel((image.width // 2, image.height // 2)), pixels.getpixel((0, 0))]


def make_images(api: webuiapi.WebUIApi) -> dict[str, Any]:
    made = api.txt2img(prompt=PROMPT, negative_prompt="green", seed=42, width=64, height=64, batch_size=2, cfg_scale=2)
    again = api.png_info(made.image)
    return {
        "sizes": [image.size for image in made.images],
        "seeds": made.info["all_seeds"],
        "sampler": made.info["sampler_name"],
        "infotexts": made.info["infotexts"],
        "chunks": [image.info["parameters"] for image in made.images],
        "png_info": again.info,
    }


def change_images(api: webuiapi.WebUIApi) -> dict[str, Any]:
    blue, mask = Image.new("RGB", (64, 64), (0, 0, 255)), Image.new("L", (64, 64))
    mask.paste(255, (16, 16, 48, 48))
    whole = api.img2img(images=[blue], prompt=PROMPT, width=64, height=64, denoising_strength=0.9, cfg_scale=2)
    part = api.img2img(
        images=[blue],
        mask_image=mask,
        mask_blur=0,
        prompt=PROMPT,
        width=64,
        height=64,
        denoising_strength=1,
        cfg_scale=2,
    )
    enlarged = api.extra_single_image(blue, upscaler_1=webuiapi.Upscaler.Lanczos, upscaling_resize=1.5)
    return {"whole": whole.image.size, "part": colors(part.image), "enlarged": enlarged.image.size}


def refuse(api: webuiapi.WebUIApi) -> dict[str, Any]:
    try:
        api.txt2img(prompt=PROMPT, sampler_name="nonsense")
    except RuntimeError as error:
        return {"refusal": error.args}
    return {}


def interrupt(api: webuiapi.WebUIApi) -> dict[str, Any]:
    """Interrupt a long request once it has begun."""
    with ThreadPoolExecutor(1) as pool:
        long = pool.submit(client().txt2img, prompt=PROMPT, steps=150, batch_size=8, width=64, height=64)
        while (progress := api.get_progress())["state"]["job_count"] == 0:
            if long.done():
                break
        api.interrupt()
        images = len(long.result().images)
    with contextlib.redirect_stdout(io.StringIO()):
        api.util_wait_for_ready(check_interval=0.1)
    return {"progress": progress["progress"], "interrupted": images}


def choose(api: webuiapi.WebUIApi) -> dict[str, Any]:
    with contextlib.redirect_stdout(io.StringIO()):
        api.util_set_model("shapes")
    api.set_options(api.get_options())
    return {
        "models": api.util_get_model_names(),
        "model": api.util_get_current_model(),
        "samplers": api.util_get_sampler_names(),
        "schedule_types": api.util_get_scheduler_names(),
        "upscalers": [each["name"] for each in api.get_upscalers()],
        "empty": [
            api.get_loras(),
            api.get_sd_vae(),
            api.get_hypernetworks(),
            api.get_face_restorers(),
            api.get_realesrgan_models(),
            api.get_prompt_styles(),
            api.get_latent_upscale_modes(),
        ],
        "others": [api.get_embeddings(), api.get_memory(), api.get_cmd_flags(), api.get_scripts()],
        "refreshed": [api.refresh_checkpoints(), api.skip()],
    }


api = client()
parts = (make_images, change_images, refuse, interrupt, choose)
print(json.dumps({name: value for part in parts for name, value in part(api).items()}))
