"""The worker process: claims jobs, renders them step by step, stores the images."""
