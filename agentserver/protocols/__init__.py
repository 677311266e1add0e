"""Faces: each translates one client protocol to the verbs of runs and the event log."""
