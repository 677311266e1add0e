"""Tests of the shape of the code base: names, sizes, start-up cost, documented settings."""
