"""Errors of the engine; each message says what was wrong and what to do."""


class EngineError(Exception):
    """Any of the below."""


class EngineClosed(EngineError):
    """Work was submitted to an engine that has been closed."""


class DuplicateGeneration(EngineError):
    """A generation id was submitted that is already in the engine."""


class SchedulerUnknown(EngineError):
    """No scheduler has this name."""


class TaskUnsupported(EngineError):
    """The model cannot do this task."""


class StrengthTooLow(EngineError):
    """The strength leaves no step to make."""


class DepthMapMissing(EngineError):
    """Neither the request nor the model tells the depth of a picture."""


class ClipSkipTooHigh(EngineError):
    """More layers are to be left out than the text encoder has."""


class NoiseLevelTooHigh(EngineError):
    """More noise was asked for than the model knows."""


class SizeUnsupported(EngineError):
    """The model cannot make a picture with these sides."""


class NanOutput(EngineError):
    """The model computed NaN or infinity for this image."""
