"""Output files: encode pixels, embed recipe and watermark, compose the grid, upload."""

from renderq_worker.output.encode import Encoded, encode
from renderq_worker.output.grid import Grid
from renderq_worker.output.recipe import Recipe, grid_recipe, image_recipe
from renderq_worker.output.upload import Uploader

__all__ = ["Encoded", "Grid", "Recipe", "Uploader", "encode", "grid_recipe", "image_recipe"]
