"""From evidence to a reason, through the signature pack."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from functools import lru_cache

from palingenesis.core.stops.accounts import account_of
from palingenesis.core.stops.bodies import Body, read_body
from palingenesis.core.stops.evidence import Evidence, Verdict
from palingenesis.core.stops.scopes import scope_of
from palingenesis.core.stops.signatures import PACK, VERSION, Signature
from palingenesis.core.stops.times import Hint, Zones, best_hint, is_implausible, is_long
from palingenesis.core.values import StopReason

_TEXT_LIMIT = 2_000
_MESSAGE_LIMIT = 500
_TEXT_ONLY = 0.9
_LONG_SCOPES = frozenset({"five_hours", "day", "week", "month"})
_TIMED = frozenset(
    {
        StopReason.RATE_LIMIT,
        StopReason.QUOTA,
        StopReason.OVERLOADED,
        StopReason.SERVER_ERROR,
        StopReason.TIMEOUT,
        StopReason.NETWORK,
    }
)
_STATUS_IN_TEXT = re.compile(
    r"^(?:api error|error|http|streaming response failed)?[:\s]{0,3}"
    r"\[?([45][0-9]{2})\]?(?=[\s:{\]]|$)",
    re.ASCII | re.IGNORECASE,
)
_SPACES = re.compile(r"\s+")
_UNPRINTABLE = re.compile(r"[\x00-\x1f\x7f-\x9f\u200b-\u200f\u2028-\u202e\u2066-\u2069]+")
_QUIET_SIGNALS = frozenset({"SIGINT", "SIGHUP"})


@dataclass(frozen=True, slots=True, kw_only=True)
class _Clues:
    """Evidence, taken apart."""

    names: frozenset[str]
    codes: frozenset[str]
    status: int | None
    finish: str
    text: str
    body: Body
    headers: Mapping[str, str]


def classify(evidence: Evidence, *, zones: Zones | None = None) -> Verdict:
    """Why it stopped. Total: never raises; what no signature knows is `unknown`, never a guess.

    Args:
        evidence: structured traces of one stop.
        zones: time-zone data for texts like "resets 6:50pm (Europe/London)".
    """
    clues = _take_apart(evidence)
    signature = _first_fit(clues)
    if signature is None:
        return _without_signature(evidence, clues)
    hint = best_hint(clues.text, clues.headers, clues.body, evidence.at, zones)
    return _verdict(evidence, clues, signature, hint)


def _take_apart(evidence: Evidence) -> _Clues:
    body = read_body(evidence.response_body)
    inner = read_body(evidence.message)
    if not body.codes and not body.message:
        # Some assistants give the body as the message; a body of nothing but times keeps them.
        body = replace(inner, html=body.html, times=body.times or inner.times)
    words = [evidence.message, body.message]
    text = _SPACES.sub(" ", " ".join(dict.fromkeys(word[:_TEXT_LIMIT] for word in words if word)))
    status = evidence.status
    if status is None:
        found = _STATUS_IN_TEXT.match(text)
        status = int(found[1]) if found else body.status
    named = {evidence.error_name.lower(), evidence.limit.lower()} - {""}
    return _Clues(
        names=frozenset(named),
        codes=body.codes,
        status=status,
        finish=evidence.finish.lower(),
        text=text[: 2 * _TEXT_LIMIT],
        body=body,
        headers={name.lower(): value for name, value in evidence.response_headers.items()},
    )


def _first_fit(clues: _Clues) -> Signature | None:
    return next((row for row in PACK if _fits(row, clues)), None)


def _fits(row: Signature, clues: _Clues) -> bool:
    if row.unless and _pattern(row.unless).search(clues.text):
        return False
    match row.look:
        case "name":
            return not clues.names.isdisjoint(row.find.split("|"))
        case "code":
            return not clues.codes.isdisjoint(row.find.split("|"))
        case "finish":
            return clues.finish in row.find.split("|")
        case "status":
            return clues.status is not None and _in_range(clues.status, row.find)
        case "text":
            return _pattern(row.find).search(clues.text) is not None


@lru_cache(maxsize=256)
def _pattern(text: str) -> re.Pattern[str]:
    return re.compile(text, re.IGNORECASE)


def _in_range(status: int, ranges: str) -> bool:
    for piece in ranges.split("|"):
        first, _, last = piece.partition("-")
        if int(first) <= status <= int(last or first):
            return True
    return False


def _verdict(evidence: Evidence, clues: _Clues, row: Signature, hint: Hint | None) -> Verdict:
    scope = scope_of(clues.text, clues.codes, clues.headers)
    reason = row.reason
    if reason is StopReason.BILLING and hint is not None and _names_a_date(row, hint):
        reason = StopReason.QUOTA  # a spend cap with a date is a long window
    if reason is StopReason.RATE_LIMIT and scope in _LONG_SCOPES:
        reason = StopReason.QUOTA
    told: dict[str, str | int | float | bool] = {"signature": row.id, "pack": VERSION}
    if scope:
        told["scope"] = scope
    retry_at = None
    if hint is not None and (reason in _TIMED):
        retry_at = _believed(hint, scope, evidence.at, told)
    if retry_at is not None and reason is StopReason.RATE_LIMIT and is_long(retry_at, evidence.at):
        reason = StopReason.QUOTA
    only_text = evidence.status is None and not evidence.response_body
    factor = _TEXT_ONLY if only_text and row.look in {"text", "code", "status"} else 1.0
    return Verdict(
        reason=reason,
        confidence=round(row.confidence * factor, 2),
        message=_for_people(evidence, clues),
        retry_at=retry_at,
        evidence=_with_origin(told, evidence, clues),
    )


def _names_a_date(row: Signature, hint: Hint) -> bool:
    return row.id == "billing.text" and hint.at is not None and hint.source in {"text", "body"}


def _believed(
    hint: Hint, scope: str, at: datetime, told: dict[str, str | int | float | bool]
) -> datetime | None:
    """The hint's instant, if it can be meant; what is odd about it goes into the evidence."""
    told["reset_source"] = hint.source
    if hint.zone_assumed:
        told["zone_assumed"] = True
    if hint.unchecked:
        told["reset_unchecked"] = True
    if hint.at is None:
        told["reset_passed"] = True
        return None
    if scope in {"day", "week", "month"} and hint.source == "body" and not is_long(hint.at, at):
        told["reset_ignored"] = "shorter than its window"  # "retry in 34s" of a daily quota
        return None
    if is_implausible(hint.at, scope, at):
        told["implausible"] = True
    return hint.at


def _without_signature(evidence: Evidence, clues: _Clues) -> Verdict:
    failed = bool(evidence.error_name or evidence.message or clues.status)
    ended = evidence.exit_code is not None or evidence.signal is not None
    reason, confidence = StopReason.UNKNOWN, 0.5
    if ended and not failed:
        by_person = evidence.exit_code == 0 or evidence.signal in _QUIET_SIGNALS
        reason = StopReason.USER_EXIT if by_person else StopReason.CRASH
        confidence = 0.9
    elif not failed and clues.finish in {"stop", "end_turn"}:
        reason, confidence = StopReason.COMPLETED, 1.0
    return Verdict(
        reason=reason,
        confidence=confidence,
        message=_for_people(evidence, clues),
        evidence=_with_origin({"pack": VERSION}, evidence, clues),
    )


def _with_origin(
    told: dict[str, str | int | float | bool], evidence: Evidence, clues: _Clues
) -> Mapping[str, str | int | float | bool]:
    """What a person needs to see how the verdict came about."""
    if evidence.error_name:
        told["error"] = evidence.error_name[:80]
    if clues.status is not None:
        told["status"] = clues.status
    if clues.codes:
        told["codes"] = " ".join(sorted(clues.codes))[:200]
    if evidence.limit:
        told["limit"] = evidence.limit[:80]
    if clues.finish:
        told["finish"] = clues.finish[:40]
    if account := account_of(clues.headers):
        told["account"] = account
    if clues.body.html:
        told["html"] = True
    return told


def _for_people(evidence: Evidence, clues: _Clues) -> str:
    inner = clues.body.message
    as_json = evidence.message.lstrip().startswith(("{", "<"))
    words = inner if inner and (as_json or not evidence.message) else evidence.message
    return _SPACES.sub(" ", _UNPRINTABLE.sub(" ", words[:_TEXT_LIMIT])).strip()[:_MESSAGE_LIMIT]
