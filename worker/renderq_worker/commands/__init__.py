"""Commands of the worker package: `renderq worker`, `renderq models check`, `renderq models pull`."""
