"""Input images of a job: read from the object store and decoded to what the engine expects."""

from renderq_worker.jobs.inputs.input_loader import InputError, InputLoader

__all__ = ["InputError", "InputLoader"]
