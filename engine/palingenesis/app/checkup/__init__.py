"""Checkup: is everything in order (`doctor`), and will this night go well (`preflight`)?"""
