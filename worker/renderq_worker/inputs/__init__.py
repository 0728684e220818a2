"""What a job starts from besides its prompt: read from the object store, and brought into the engine's form."""

from renderq_worker.inputs.preparing import InputFailed, Inputs

__all__ = ["InputFailed", "Inputs"]
