"""The one door to HTTP: deadlines, size caps, no proxy on loopback, redaction."""
