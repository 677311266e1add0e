"""What the database may do to any of its callers."""

from django.db import InterfaceError, OperationalError

DATABASE_DOWN = (OperationalError, InterfaceError)
"""It is away or too busy: nothing is wrong with what it was asked, and later it may answer."""
