"""Tests of the model providers; none of them needs a database or the network."""
