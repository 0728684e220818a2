"""Result of a tool: blocks of content for the assistant's model, and the same as data."""

from dataclasses import dataclass, field

from pydantic import JsonValue

Block = dict[str, JsonValue]


@dataclass(frozen=True, slots=True)
class ToolResult:
    """What a tool returns."""

    content: list[Block]
    structured: dict[str, JsonValue] = field(default_factory=dict[str, JsonValue])
    is_error: bool = False

    def encode(self) -> dict[str, object]:
        """Return the result of `tools/call`."""
        data = {"structuredContent": self.structured} if self.structured else {}
        return {"content": self.content, **data, "isError": self.is_error}


def text(words: str) -> Block:
    return {"type": "text", "text": words}


def failure(words: str, **structured: JsonValue) -> ToolResult:
    """Return an error that the assistant's model reads, so that it can correct itself."""
    return ToolResult([text(words)], structured, is_error=True)
