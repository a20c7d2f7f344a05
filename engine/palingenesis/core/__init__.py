"""The functional core: what happened, what to remember, what to do; no I/O, clock or dice."""
