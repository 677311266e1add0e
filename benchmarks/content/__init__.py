"""The app that brings the agents of the benchmarks into a server (``AGENTSERVER_APPS``)."""
