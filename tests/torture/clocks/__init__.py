"""One daemon on a machine whose clocks are set, that sleeps, and that is booted in the wait."""
