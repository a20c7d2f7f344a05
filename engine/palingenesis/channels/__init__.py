"""Where people are told: webhook and ntfy."""
