"""httpx without its own command line.

Importing httpx imports that too, and with it rich and pygments wherever these happen to be
installed: 5 MB in a process that stays. httpx lets it be absent, and here it is.
"""

import sys
from typing import Final

_COMMAND_LINE: Final = "httpx._main"

_IS_FIRST: Final = "httpx" not in sys.modules
if _IS_FIRST:
    sys.modules[_COMMAND_LINE] = None  # type: ignore[assignment]  # to Python: there is none
try:
    import httpx
finally:
    if _IS_FIRST:
        del sys.modules[_COMMAND_LINE]

__all__ = ["httpx"]
