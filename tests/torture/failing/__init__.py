"""The n-th call fails: faults of libc under the real daemon, once and until they are over."""
