"""An installable app whose ``mcp_server.py`` registers what the conformance suite asks for."""
