"""Recipes and watermarks of image files. Needs the extra `inspect`: import it lazily."""
