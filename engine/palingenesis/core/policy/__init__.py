"""The policy language: read, check, compile, decide, explain."""
