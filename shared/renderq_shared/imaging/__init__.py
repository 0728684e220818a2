"""Decoding, size, EXIF orientation and cost of images, equal in the API and workers."""
