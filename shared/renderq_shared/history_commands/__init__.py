"""Command line of `renderq history`."""
