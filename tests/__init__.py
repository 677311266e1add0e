"""The test suite. ``make test`` runs it twice: see ``tests/legs.py``."""
