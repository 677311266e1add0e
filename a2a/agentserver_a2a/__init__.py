"""The A2A face and the client for remote agents."""
