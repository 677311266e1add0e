"""The pages of operation. Importing them registers them."""

from runs.admin import approvals, jobs, runs, threads

__all__ = ["approvals", "jobs", "runs", "threads"]
