"""Output files: resize and encode pixels, embed recipe and watermark, reduce to thumbnails, compose the grid."""

from renderq_worker.output.encode import Encoded, encode
from renderq_worker.output.grid import Grid
from renderq_worker.output.recipe import Recipe, grid_recipe, image_recipe
from renderq_worker.output.resize import resize
from renderq_worker.output.thumbnail import encode_thumbnail

__all__ = ["Encoded", "Grid", "Recipe", "encode", "encode_thumbnail", "grid_recipe", "image_recipe", "resize"]
