"""Settings as other programs write them into images."""

from PIL import ExifTags, Image

INFOTEXT = (
    "a lighthouse – on a cliff, (red:1.2)\nsecond line\nNegative prompt: blurry, dark\n"
    "Steps: 25, Sampler: DPM++ 2M, Schedule type: Karras, CFG scale: 6.5, Seed: 42, Size: 512x768, "
    'Model hash: 6ce0161689, Model: v1-5, Clip skip: 2, Lora hashes: "a: 1f, b: 2e", Version: v1.10.1'
)
SETTINGS = {
    "prompt": "a lighthouse – on a cliff, (red:1.2)\nsecond line",
    "negative_prompt": "blurry, dark",
    "steps": 25,
    "scheduler": "dpmpp_2m_karras",
    "guidance_scale": 6.5,
    "seed": 42,
    "width": 512,
    "height": 768,
    "clip_skip": 1,
}


def exif_with(text: str, encoding: str = "utf-16-be") -> Image.Exif:
    """Return EXIF data whose `UserComment` is the text."""
    exif = Image.Exif()
    prefix = b"ASCII\0\0\0" if encoding == "utf-8" else b"UNICODE\0"
    exif.get_ifd(ExifTags.IFD.Exif)[ExifTags.Base.UserComment] = prefix + text.encode(encoding)
    return exif
