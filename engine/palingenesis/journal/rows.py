"""A **row** is an entry as text, sealed: its checksum covers its content and the row before it.

So a changed row is noticed by itself, and a missing one by its neighbour.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from hashlib import sha256
from json import JSONEncoder, loads
from typing import Any
from zlib import crc32

from palingenesis.core.errors import JournalError
from palingenesis.core.record import RECORD_VERSION, effect_from_plain, event_from_plain, to_plain
from palingenesis.runtime.ports import Entry, Recorded

COLUMNS = "seq, at, version, kind, event, decisions, effects, previous, checksum"

WITH_POLICY = ("PolicyAdopted", "ShadowStarted")
"""Events that bring a policy along; its text is kept once, in `policies`."""

BEGINNING = "0" * 16
"""What the first row names as the checksum of the row before it."""

_encode = JSONEncoder(separators=(",", ":"), allow_nan=False).encode


@dataclass(frozen=True, slots=True)
class Row:
    """One row of `entries`, in the order of its columns."""

    seq: int
    at: str
    version: int
    kind: str
    event: str
    decisions: str
    effects: str
    previous: str
    checksum: str

    def values(self) -> tuple[int | str, ...]:
        """For INSERT, in the order of COLUMNS."""
        return (
            self.seq,
            self.at,
            self.version,
            self.kind,
            self.event,
            self.decisions,
            self.effects,
            self.previous,
            self.checksum,
        )

    def is_intact(self) -> bool:
        """Whether the content is what was sealed."""
        try:
            return self.checksum == _seal(self.values()[:-1])
        except UnicodeEncodeError:
            return False


@dataclass(frozen=True, slots=True)
class PolicyText:
    """A policy as it was adopted, kept once; `content` is the checksum of its text."""

    content: str
    digest: str
    name: str
    resolved: str

    def is_intact(self) -> bool:
        """Whether the text is what was adopted."""
        return self.content == checksum_of(self.resolved)


@dataclass(frozen=True, slots=True)
class Draft:
    """An entry as plain data and text, before it has a place in the journal."""

    event: Mapping[str, Any]
    decisions: list[Any]
    effects: list[Any]
    texts: tuple[str, str, str]
    policy: PolicyText | None


def draft(entry: Entry) -> Draft:
    """Turn an entry into text.

    Raises:
        JournalError: it holds what could not be read back.
    """
    event = to_plain(entry.event)
    decisions = to_plain(list(entry.decisions), list[Any])
    effects = [to_plain(effect) for effect in entry.effects]
    policy = None
    if event["is"] in WITH_POLICY:
        resolved = _encode(event.pop("resolved"))
        policy = PolicyText(
            checksum_of(resolved), as_key(event["digest"]), as_key(event["name"]), resolved
        )
        event["resolved_in"] = policy.content
    texts = (_encode(event), _encode(decisions), _encode(effects))
    return Draft(event, decisions, effects, texts, policy)


def seal(draft: Draft, *, seq: int, previous: str) -> Row:
    """Give a draft its place, after the row whose checksum is `previous`."""
    event, decisions, effects = draft.texts
    content = (
        seq,
        draft.event["at"],
        RECORD_VERSION,
        draft.event["is"],
        event,
        decisions,
        effects,
        previous,
    )
    return Row(*content, checksum=_seal(content))


def policy_of(event: Mapping[str, Any]) -> str | None:
    """Which text of `policies` an event's record refers to."""
    content = event.get("resolved_in")
    return content if isinstance(content, str) else None


def read(row: Row, policy: PolicyText | None) -> Recorded:
    """Turn an intact row back into what was appended.

    Raises:
        JournalError: its record does not fit this version's classes; the message names the entry.
    """
    try:
        event = loads(row.event)
        if policy is not None:
            event["resolved"] = loads(policy.resolved)
        return Recorded(
            seq=row.seq,
            event=event_from_plain(event, version=row.version),
            decisions=tuple(loads(row.decisions)),
            effects=tuple(
                effect_from_plain(each, version=row.version) for each in loads(row.effects)
            ),
        )
    except JournalError as error:
        raise JournalError(f"journal entry {row.seq}: {error.message}", error.hint) from error
    except ValueError as error:
        raise JournalError(f"journal entry {row.seq} is not JSON: {error}") from error


def entry_to_plain(recorded: Recorded) -> dict[str, Any]:
    """An entry as surfaces print it; see schemas/journal-entry.schema.json."""
    return {
        "seq": recorded.seq,
        "version": RECORD_VERSION,
        "event": to_plain(recorded.event),
        "decisions": to_plain(list(recorded.decisions), list[Any]),
        "effects": [to_plain(effect) for effect in recorded.effects],
    }


def sessions_of(
    event: Mapping[str, Any], decisions: Iterable[Any], effects: Iterable[Any]
) -> set[str]:
    """Every session that an entry is about, as keys of `about`."""
    held = [event, event.get("command"), event.get("data"), *decisions, *effects]
    named = (each.get("session") for each in held if isinstance(each, Mapping))
    return {as_key(session) for session in named if isinstance(session, str)}


def as_key(text: str) -> str:
    """Text that SQLite can hold in a column; only half of a surrogate pair is changed."""
    return text.encode("utf-8", "backslashreplace").decode("utf-8")


def checksum_of(text: str) -> str:
    """16 hexadecimal digits."""
    return checksum_of_bytes(text.encode("utf-8", "backslashreplace"))


def checksum_of_bytes(*pieces: bytes) -> str:
    """As `checksum_of`, of text in UTF-8 that comes in pieces."""
    digest = sha256()
    for piece in pieces:
        digest.update(piece)
    return digest.hexdigest()[:16]


def seal_of(*content: object) -> str:
    """The checksum of a row of an index: 8 hexadecimal digits."""
    return f"{crc32(repr(content).encode('utf-8', 'backslashreplace')):08x}"


def _seal(content: Iterable[int | str]) -> str:
    digest = sha256()
    for value in content:
        data = str(value).encode()
        digest.update(b"%d:" % len(data))
        digest.update(data)
    return digest.hexdigest()[:16]
