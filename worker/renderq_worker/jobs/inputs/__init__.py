"""What a job starts from besides its prompt: read from the object store, and brought into the engine's form."""

from renderq_worker.jobs.inputs.input_loader import InputError, InputLoader

__all__ = ["InputError", "InputLoader"]
