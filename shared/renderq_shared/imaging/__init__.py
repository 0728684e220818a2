"""Sizes, orientation and cost of images."""
