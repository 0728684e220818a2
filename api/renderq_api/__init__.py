"""HTTP API of renderq: job submission and status, input images, webhooks, housekeeping."""
