"""Output files: encode pixels, embed recipe and watermark, compose the grid."""

from renderq_worker.output.encode import Encoded, encode
from renderq_worker.output.grid import Grid
from renderq_worker.output.recipe import Recipe, grid_recipe, image_recipe

__all__ = ["Encoded", "Grid", "Recipe", "encode", "grid_recipe", "image_recipe"]
