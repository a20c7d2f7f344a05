"""What OpenCode offers, by the way it is reached (opencode 1.18.17 to below 2).

`messageID` with part ids is the key of a prompt, and messages can be listed by it; a session keeps
`metadata`; after a 429 the server waits and tries again by itself. A server that somebody else
started has no process of ours, and neither has the person's own program that lets us in; one that
is only observed offers us nothing.
"""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from palingenesis.core.contract import Offers
from palingenesis.core.values import Way

MANAGED: Final = Offers(
    acts=True,
    prompt_key=True,
    key_query=True,
    session_metadata=True,
    own_retry=True,
    owns_process=True,
)
ATTACHED: Final = Offers(
    acts=True, prompt_key=True, key_query=True, session_metadata=True, own_retry=True
)
INTEGRATED: Final = ATTACHED
OBSERVED: Final = Offers(own_retry=True)

OPENCODE: Final[Mapping[Way, Offers]] = MappingProxyType(
    {
        Way.MANAGED: MANAGED,
        Way.ATTACHED: ATTACHED,
        Way.INTEGRATED: INTEGRATED,
        Way.OBSERVED: OBSERVED,
    }
)
