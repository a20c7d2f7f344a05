"""Rehearsals: a policy runs through the kernel on a virtual clock."""
