"""Errors of the engine. Each message states the cause and the remedy."""


class EngineError(Exception):
    """Base class."""


class EngineClosed(EngineError):
    """Work was submitted to an engine that has been closed."""


class DuplicateGeneration(EngineError):
    """A generation id was submitted that is already in the engine."""


class SchedulerUnknown(EngineError):
    """The scheduler's name is unknown."""


class RequestUnsupported(EngineError):
    """The model cannot render this request. Most such requests are refused at submission; see the classes below."""


class ScheduleUnsupported(RequestUnsupported):
    """The noise scheduler does not have this schedule."""


class TaskUnsupported(RequestUnsupported):
    """The model cannot do this task."""


class StrengthTooLow(RequestUnsupported):
    """The denoising strength leaves no step."""


class DepthMapMissing(RequestUnsupported):
    """The request has no depth map and the model no depth estimator."""


class ClipSkipTooHigh(RequestUnsupported):
    """`clip_skip` exceeds the layers of the text encoder."""


class PromptTooLong(RequestUnsupported):
    """The prompt has more tokens than an image can have in its cross-attention."""


class NoiseLevelTooHigh(RequestUnsupported):
    """`noise_level` exceeds the model's maximum."""


class SizeUnsupported(RequestUnsupported):
    """The model cannot render this size."""


class NanOutput(EngineError):
    """The model computed NaN or infinity for this image."""
