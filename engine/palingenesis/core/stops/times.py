"""When trying makes sense again: every form in which a server names an instant."""

from collections.abc import Callable
from datetime import tzinfo

Zones = Callable[[str], tzinfo | None]
"""Time-zone data from outside: an IANA name to its zone, None for an unknown one."""
