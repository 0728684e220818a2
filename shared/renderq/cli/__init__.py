"""The `renderq` command."""
