"""Codes: every diagnostic that palingenesis can give, explained. One module a family."""
