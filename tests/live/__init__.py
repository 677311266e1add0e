"""Tests against real server processes, and the fixtures that start them."""
