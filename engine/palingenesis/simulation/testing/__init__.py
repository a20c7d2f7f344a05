"""Unit tests of policies: read a test file, run it through the kernel, say what was covered."""
