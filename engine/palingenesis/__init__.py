"""palingenesis keeps coding agents working while nobody watches."""

__version__ = "0.1.0"
