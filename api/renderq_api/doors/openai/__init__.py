"""The Images API of OpenAI (https://platform.openai.com/docs/api-reference/images)."""

from renderq_api.doors.door import Door
from renderq_api.doors.openai.errors import problem_response
from renderq_api.doors.openai.routes import router

OPENAI = Door(router, problem_response)

__all__ = ["OPENAI"]
