"""What keeps the secrets of this process in it."""

import contextlib
import re
import resource
from collections.abc import Mapping
from typing import TypeVar

from palingenesis.core.events import Event
from palingenesis.runtime.cleaning import cleaned
from palingenesis.wire.redaction import redact, remember

E = TypeVar("E", bound=Event)

_TELLING = re.compile(r"(?i)(key|token|secret|passw(or)?d|credential|auth)s?(_|$)")
"""Names of variables that say that what they hold is a secret: OPENAI_API_KEY, GITHUB_TOKEN."""
_PLACES = ("/", "~", "./")


def remember_environment(environ: Mapping[str, str]) -> None:
    """Redact, from now on, what the environment holds under a name that says that it is a secret.

    A provider's error may repeat the key that it was asked with. Paths are no secrets.
    """
    for name, value in environ.items():
        if _TELLING.search(name) and not value.startswith(_PLACES):
            remember(value)


def leave_no_core() -> None:
    """Write no image of our memory to a disk when we crash; our children inherit that."""
    with contextlib.suppress(OSError, ValueError):
        resource.setrlimit(resource.RLIMIT_CORE, (0, resource.getrlimit(resource.RLIMIT_CORE)[1]))


def clean(event: E) -> E:
    """The event without secrets, before anything is made of it."""
    return cleaned(event, redact)
