"""The MCP face and the client for MCP servers."""
