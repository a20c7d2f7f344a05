"""A night in fast motion: scripted provider and stand-in OpenCode."""
