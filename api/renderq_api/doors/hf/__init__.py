"""The API of a Hugging Face Inference Endpoint for images, as their `InferenceClient` calls one by its URL.

https://huggingface.co/docs/inference-providers/tasks/text-to-image,
https://huggingface.co/docs/inference-providers/tasks/image-to-image
"""

from renderq_api.doors.door import Door
from renderq_api.doors.hf.errors import problem_response
from renderq_api.doors.hf.routes import router

HF = Door(router, problem_response)

__all__ = ["HF"]
