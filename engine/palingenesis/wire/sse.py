"""Server-sent events: bytes in, events out, by the WHATWG rules. Pure; knows no network.

Theory of operation: the stream is cut at CR, LF or CRLF, wherever the chunks happen to end.
An event without data is not dispatched, a leading byte order mark is ignored, and an id with a
NUL is ignored, as the standard asks (https://html.spec.whatwg.org/multipage/server-sent-events).
One thing goes beyond it: an event whose data is larger than the limit is dropped and counted, so
that one absurd payload can neither fill the memory nor end the stream.
"""

import codecs
from dataclasses import dataclass

DATA_CHARS_MAX = 8 * 1024 * 1024


@dataclass(frozen=True, slots=True, kw_only=True)
class ServerSentEvent:
    """One dispatched event."""

    data: str
    event: str = "message"
    id: str = ""


class SseParser:
    """Collects bytes until events are complete."""

    def __init__(self, *, data_chars_max: int = DATA_CHARS_MAX) -> None:
        self.retry_ms: int | None = None
        """The reconnection time that the server asked for, if it did."""
        self.dropped = 0
        """How many events were too large."""
        self._limit = data_chars_max
        self._decode = codecs.getincrementaldecoder("utf-8")(errors="replace").decode
        self._at_start = True
        self._after_cr = False
        self._line: list[str] = []
        self._line_chars = 0
        self._line_cut = False
        self._data: list[str] = []
        self._data_chars = 0
        self._too_large = False
        self._event = ""
        self._id = ""

    def feed(self, chunk: bytes) -> list[ServerSentEvent]:
        """Take the next bytes; returns the events that they complete."""
        text = self._decode(chunk)
        if not text:
            return []
        if self._at_start:
            self._at_start = False
            text = text.removeprefix("\ufeff")
        if self._after_cr and text.startswith("\n"):
            text = text[1:]  # the second half of a CRLF that two chunks share
            self._after_cr = False
        if text:
            self._after_cr = text.endswith("\r")
        *ends, rest = text.replace("\r\n", "\n").replace("\r", "\n").split("\n")
        out: list[ServerSentEvent] = []
        for end in ends:
            self._keep(end)
            done = None if self._line_cut else self._take_line("".join(self._line))
            self._line.clear()
            self._line_chars = 0
            self._line_cut = False
            if done is not None:
                out.append(done)
        self._keep(rest)
        return out

    def _keep(self, piece: str) -> None:
        if not piece:
            return
        if self._line_chars + len(piece) > self._limit:
            self._line_cut = self._too_large = True
            return
        self._line.append(piece)
        self._line_chars += len(piece)

    def _take_line(self, line: str) -> ServerSentEvent | None:
        if not line:
            return self._dispatch()
        if line.startswith(":"):
            return None
        field, _, value = line.partition(":")
        value = value.removeprefix(" ")
        if field == "data":
            self._add_data(value)
        elif field == "event":
            self._event = value
        elif field == "id" and "\0" not in value:
            self._id = value
        elif field == "retry" and value.isascii() and value.isdigit():
            self.retry_ms = int(value[:9])
        return None

    def _add_data(self, value: str) -> None:
        self._data_chars += len(value) + 1
        if self._data_chars > self._limit:
            self._too_large = True
            self._data.clear()
        if not self._too_large:
            self._data.append(value)

    def _dispatch(self) -> ServerSentEvent | None:
        data, event, too_large = self._data, self._event, self._too_large
        self._data, self._event = [], ""
        self._data_chars = 0
        self._too_large = False
        if too_large:
            self.dropped += 1
            return None
        if not data:
            return None
        return ServerSentEvent(data="\n".join(data), event=event or "message", id=self._id)
