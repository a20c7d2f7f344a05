"""The shell around the core: one loop, its ports, timers, clock and dispatch."""
