"""Tasks: their inputs, and the preparation of their latents, shared by the families.

types            inputs of each task, decoded; no torch
prepare          the task's function for a UNet variant
prepare_context  what these functions get: model, scheduler, generator
unet_variant     extra input channels of a UNet, which decide its tasks
txt2img          noise alone
img2img          image plus noise; variation, too
inpaint          masked part replaced, by blending or by extra channels
outpaint         image on a larger canvas, as an inpaint task; no torch
depth2img        image plus noise, with its depth as an extra channel
upscale          low-resolution image as extra channels

The package itself imports none of them, so that `types` and `outpaint` load without torch.
"""
