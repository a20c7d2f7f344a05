"""The one door to processes: identity, exit, children."""
