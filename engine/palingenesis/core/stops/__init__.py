"""Evidence in, stop reason out: why a session ceased to work, and when it may go on."""
