"""The append-only memory on disk: events, decisions, intents, outcomes."""
