"""The one door through which every surface speaks to the daemon."""
