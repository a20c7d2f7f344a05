"""Torture: long runs that try to make the promises of docs/reliability.md come out false.

Each module is a command (`python -m tests.torture.NAME --help`); `test_NAME.py` beside it is its
short form, which is part of every check.
"""
