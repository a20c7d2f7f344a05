"""Power cuts: what was asked of the file system, and what may be left of it."""
