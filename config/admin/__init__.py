"""The configuration's pages. Importing them registers them."""

from config.admin import entries, history

__all__ = ["entries", "history"]
