"""Found by the server at the first MCP request; importing the modules registers."""

from tests.mcp_fixtures import asking, content, library, rounds

__all__ = ["asking", "content", "library", "rounds"]
