"""httpx without what a resident process does not need.

Importing httpx imports its own command line too, and with it rich and pygments wherever these
happen to be installed: 5 MB in a process that stays. httpx lets it be absent, and here it is.
"""

import sys
from typing import Final

_COMMAND_LINE: Final = "httpx._main"

_IS_FIRST: Final = "httpx" not in sys.modules
if _IS_FIRST:
    sys.modules[_COMMAND_LINE] = None  # type: ignore[assignment]  # to Python: there is none
try:
    import httpcore
    import httpx
finally:
    if _IS_FIRST:
        del sys.modules[_COMMAND_LINE]

__all__ = ["PlainTransport", "httpx"]


class PlainTransport(httpx.AsyncHTTPTransport):
    """Speaks plain http only, and so needs no TLS context: another 1.4 MB, and 20 ms."""

    def __init__(self, limits: httpx.Limits) -> None:
        # Not calling the parent's: all it does is make its pool, with a TLS context.
        self._pool = httpcore.AsyncConnectionPool(
            max_connections=limits.max_connections,
            max_keepalive_connections=limits.max_keepalive_connections,
            keepalive_expiry=limits.keepalive_expiry,
        )
