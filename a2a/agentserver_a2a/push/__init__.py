"""Push notifications: webhooks of tasks, kept and delivered."""
