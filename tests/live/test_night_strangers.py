"""The managed server is ours alone: whoever has no password gets 401 and nothing happens."""

import http.client
import json
from pathlib import Path

from tests.live.night import Night

FORMS = (
    {},
    {"host": "evil.example"},
    {"origin": "https://evil.example"},
    {"authorization": "Basic b3BlbmNvZGU6d3Jvbmc="},
    {"authorization": "Bearer x"},
)
"""What a web page, a program of this machine, or somebody who guesses would send."""


def test_a_stranger_is_refused_in_every_form_and_nothing_happens(opencode: Path):
    refuses_strangers(opencode)


def refuses_strangers(opencode: Path) -> None:
    """Start it as we start it, and knock."""
    with Night(opencode) as night:
        entrance = night.control.open(None)
        assert len(bytes.fromhex(entrance["password"])) * 8 == 256
        host, _, port = entrance["url"].partition("://")[2].partition(":")
        body = json.dumps({"title": "owned"})

        for method, path in (("POST", "/session"), ("GET", "/session"), ("GET", "/event")):
            for headers in FORMS:
                for kind in ("application/json", "text/plain"):
                    talk = http.client.HTTPConnection(host, int(port), timeout=10)
                    talk.request(method, path, body, {"content-type": kind, **headers})
                    assert talk.getresponse().status == 401
                    talk.close()

        assert night.api("GET", "/session") == []
