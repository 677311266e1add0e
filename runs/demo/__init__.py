"""Agents to try the server with, without a key or a network (``AGENTSERVER_DEMO``)."""
