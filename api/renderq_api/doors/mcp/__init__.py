"""The Model Context Protocol over streamable HTTP, without sessions: assistants make images with tools.

https://modelcontextprotocol.io/specification/2025-11-25/basic/transports#streamable-http,
https://modelcontextprotocol.io/specification/2026-07-28/basic/transports
"""

from renderq_api.doors.door import Door
from renderq_api.doors.mcp.errors import problem_response
from renderq_api.doors.mcp.routes import router

MCP = Door(router, problem_response)

__all__ = ["MCP"]
