"""Exact analysis of a policy over all facts: what it can do, never does, and does differently."""
