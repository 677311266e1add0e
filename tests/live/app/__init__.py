"""A Django app as a user of the server would write one, with tools that count what they do."""
