"""Doors: APIs of other services in front of the same queue, so that their clients work after changing a base URL.

A door translates a request into a body of `POST /v1/jobs`, waits for the job, and translates its end.
"""

from renderq_api.doors.a1111 import A1111
from renderq_api.doors.door import Door
from renderq_api.doors.hf import HF
from renderq_api.doors.mcp import MCP
from renderq_api.doors.openai import OPENAI
from renderq_api.routes import answer_head

DOORS: dict[str, Door] = {"a1111": A1111, "hf": HF, "mcp": MCP, "openai": OPENAI}
"""By their names in `RENDERQ_DOORS`."""

for _door in DOORS.values():
    answer_head(_door.router)

__all__ = ["DOORS", "Door"]
