"""Calls of the client of the Model Context Protocol. Run by the Python of the judges; prints what came as JSON.

Argument: URL of the service.
"""

import asyncio
import base64
import hashlib
import io
import json
import sys
from typing import Any

import mcp
from mcp.client.streamable_http import streamable_http_client
from PIL import Image

URL = f"{sys.argv[1]}/mcp"
PROMPT = "a red circle on a blue background"


def image_of(block: Any) -> dict[str, Any]:
    """Return the size of an image and a digest of its pixels."""
    image = Image.open(io.BytesIO(base64.b64decode(block.data))).convert("RGB")
    return {"size": image.size, "pixel_sha256": hashlib.sha256(image.tobytes()).hexdigest()}


async def use_tools(client: Any) -> dict[str, Any]:
    models = await client.call_tool("list_models", {})
    made = await client.call_tool("generate_image", {"prompt": PROMPT, "seed": 1})
    job = made.structured_content["job"]
    changed = await client.call_tool("generate_image", {"prompt": PROMPT, "image": f"{job}/0", "strength": 0.5})
    refused = await client.call_tool("generate_image", {"prompt": PROMPT, "model": "nope"})
    canceled = await client.call_tool("cancel_image", {"job": job})
    try:
        await client.call_tool("paint", {})
        unknown = None
    except mcp.MCPError as error:
        unknown = error.error.code
    return {
        "tools": [tool.name for tool in (await client.list_tools()).tools],
        "models": [model["name"] for model in models.structured_content["models"]],
        "blocks": [block.type for block in made.content],
        "image": image_of(made.content[0]),
        "job": job,
        "again": image_of((await client.call_tool("get_image", {"job": job})).content[0]),
        "link": made.content[1].uri,
        "changed": image_of(changed.content[0])["size"],
        "refused": [refused.is_error, refused.content[0].text],
        "canceled": canceled.structured_content["status"],
        "unknown": unknown,
    }


async def standalone() -> dict[str, Any]:
    async with mcp.Client(URL) as client:
        return {"version": client.protocol_version, **await use_tools(client)}


async def with_handshake() -> dict[str, Any]:
    async with streamable_http_client(URL) as streams, mcp.ClientSession(*streams[:2]) as session:
        version = (await session.initialize()).protocol_version
        return {"version": version, **await use_tools(session)}


print(json.dumps([asyncio.run(standalone()), asyncio.run(with_handshake())]))
