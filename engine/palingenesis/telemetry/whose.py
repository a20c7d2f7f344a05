"""Whose figures these are: the labels by which those of a team can be told apart and added up."""

import getpass
import socket
from collections.abc import Mapping

from palingenesis import __version__


def labels() -> Mapping[str, str]:
    """`host` and `user`; `unknown` where the system does not tell."""
    try:
        user = getpass.getuser()
    except (KeyError, OSError, ImportError):  # a container's user may have no name
        user = "unknown"
    return {"host": socket.gethostname() or "unknown", "user": user}


def resource(service: str) -> Mapping[str, str]:
    """Who we are to a collector, with what OTEL_RESOURCE_ATTRIBUTES adds: `name=value,…`."""
    from opentelemetry.sdk.resources import OTELResourceDetector, Resource

    whose = labels()
    ours = {
        "service.name": service,
        "service.version": __version__,
        "service.instance.id": f"{whose['user']}@{whose['host']}",
        "host.name": whose["host"],
        "user.name": whose["user"],
    }
    found = OTELResourceDetector().detect().merge(Resource(ours))
    return {name: str(value) for name, value in found.attributes.items()}
