"""Tasks: their inputs, and how each prepares its latents."""
