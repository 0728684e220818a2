"""Calls of LiteLLM's library. Run by the Python of the judges; prints what came as JSON.

Argument: URL of the service.
"""

import json
import os
import sys
from typing import Any

os.environ["LITELLM_LOCAL_MODEL_COST_MAP"] = "True"  # it would load a list of prices from the network

import litellm

litellm.suppress_debug_info = True

SENT: dict[str, Any] = {
    "prompt": "a red circle on a blue background",
    "api_base": f"{sys.argv[1]}/v1",
    "api_key": "any",
    "seed": 7,
    "max_retries": 0,
}


def refusal() -> dict[str, Any]:
    try:
        litellm.image_generation(model="openai/nope", **SENT)
    except litellm.NotFoundError as error:
        return {"status": error.status_code, "message": error.message}
    return {}


made = [
    litellm.image_generation(model=model, size="1024x1024", **SENT).data[0].b64_json
    for model in ("openai/gpt-image-2", "litellm_proxy/shapes")
]
print(json.dumps({"made": made, "unknown_model": refusal()}))
