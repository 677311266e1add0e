"""The client for MCP servers: discovery of what they offer, and calls of their tools in runs."""
