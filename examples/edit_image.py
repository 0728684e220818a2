"""Render an image from an image at three strengths: `python edit_image.py photo.png "a watercolor" out/`."""

import sys
from pathlib import Path

from renderq import Client

STRENGTHS = (0.3, 0.5, 0.8)
"""Share of the denoising steps that are run: the higher, the less remains of the original."""


def main(source: str, prompt: str, folder: str) -> int:
    with Client() as client:
        asset = client.assets.upload(source)  # once, for all jobs
        handles = [client.submit(prompt, image=asset, strength=strength, seed=1) for strength in STRENGTHS]
        for strength, handle in zip(STRENGTHS, handles, strict=True):
            handle.wait()
            print(handle.images[0].save(Path(folder) / f"strength-{strength}.png"))
    return 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:4]))
