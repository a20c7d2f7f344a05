"""Redaction: secrets out of every text that leaves us for a journal, a log or a person.

Theory of operation. A secret is known in one of two ways: by its value, because it is one of ours
(`remember`), or by its looks. A value is found in every form in which it could travel: as it is,
escaped for a URL or for JSON, in hexadecimal digits, and inside base64 at any of the three
alignments. Looks are searched for in the text itself, and in what its base64 and its
percent-escapes mean. The values are kept for the whole process on purpose: a sink that had to be
handed them could be forgotten.

Texts come from strangers, so no pattern may take more than linear time: every repetition that can
fail is bounded.
"""

import base64
import binascii
import json
import re
from collections.abc import Iterator
from urllib.parse import quote, quote_plus, unquote

GONE = "REDACTED"
SHORTEST = 8
"""A value of fewer characters is no secret: it would be found in innocent words."""

_LOOKS: tuple[tuple[re.Pattern[str], str], ...] = (
    # Headers and their spellings in JSON, curl lines and reprs: the whole value goes.
    (
        re.compile(
            r"(?i)\b(proxy-authorization|authorization|x-api-key|api-key|x-goog-api-key|cookie"
            r"|set-cookie)([\"']?\s{0,9}[:=]\s{0,9}[\"']?)(?:(basic|bearer|token|digest)\s{1,9})?"
            r"[^\s\"',;}\]]+"
        ),
        rf"\1\2{GONE}",
    ),
    (
        re.compile(r"(?i)\b(bearer|basic(?=\s{1,9}\S{0,200}[\d=]))\s{1,9}[A-Za-z0-9._~+/=-]{8,}"),
        rf"\1 {GONE}",
    ),
    # user:password@ in a URL, and secrets in its query.
    (
        re.compile(r"(?i)\b([a-z][a-z0-9+.-]{0,20}://)[^\s/@:]{0,200}:[^\s/@]{0,400}@"),
        rf"\1{GONE}@",
    ),
    (
        re.compile(
            r"(?i)([?&;](?:auth_token|access_token|token|api_?key|key|secret|signature|sig"
            r"|password)=)[^&\s\"'#]+"
        ),
        rf"\1{GONE}",
    ),
    # Chat and webhook addresses whose path is the secret.
    (re.compile(r"(?i)(hooks\.slack\.com/(?:services|workflows)/)[\w/-]+"), rf"\1{GONE}"),
    (re.compile(r"(?i)(discord(?:app)?\.com/api/webhooks/)\d{1,30}/[\w-]+"), rf"\1{GONE}"),
    (re.compile(r"(?i)(api\.telegram\.org/(?:file/)?bot)\d{1,30}:[\w-]+"), rf"\1{GONE}"),
    # Tokens that are known by their first letters.
    (
        re.compile(
            r"\b(sk-|sk_live_|sk_test_|rk_live_|whsec_|gh[pousr]_|github_pat_|xox[abeprs]-|xapp-"
            r"|glpat-|AIza|AKIA|ASIA|hf_|npm_|pypi-|tk_)[A-Za-z0-9_\-+/=.]{8,}"
        ),
        rf"\1{GONE}",
    ),
    (re.compile(r"\beyJ[A-Za-z0-9_-]{8,4096}\.[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]+"), GONE),
    (
        re.compile(
            r"-----BEGIN [A-Z ]{0,30}PRIVATE KEY-----.*?"
            r"(?:-----END [A-Z ]{0,30}PRIVATE KEY-----|\Z)",
            re.DOTALL,
        ),
        GONE,
    ),
    # name = value, where the name says that the value is a secret.
    (
        re.compile(
            r"(?i)((?:(?:password|passwd|secret|api[_-]?key|access[_-]?token|auth[_-]?token)"
            r"[\"']?\s{0,9}[:=]\s{0,9}|(?<![A-Za-z])token=)[\"']?)[^\s\"',;&}\]]{3,}"
        ),
        rf"\1{GONE}",
    ),
)

_BASE64 = re.compile(r"[A-Za-z0-9+/_-]{16,}={0,2}")
_WORD = re.compile(r"[^\s\"'<>]+")

_WORDS = re.compile(r"[A-Za-z]+(?:[-_. ][A-Za-z]+)*")
_WORDS_MAX = 20

_known: dict[str, re.Pattern[str]] = {}


def remember(secret: str) -> None:
    """Redact this value from now on; not one that is too short, or looks like a word or two."""
    is_word = len(secret) < _WORDS_MAX and _WORDS.fullmatch(secret) is not None
    if len(secret) >= SHORTEST and not is_word and secret not in _known:
        forms = sorted(set(_forms(secret)), key=len, reverse=True)
        _known[secret] = re.compile("|".join(re.escape(form) for form in forms))


def forget(secret: str) -> None:
    """It is no secret of ours any more."""
    _known.pop(secret, None)


def redact(text: str) -> str:
    """The same text without what looks like a credential. Applying it twice changes nothing."""
    for known in _known.values():
        text = known.sub(GONE, text)
    text = _by_looks(text)
    if "%" in text:
        text = _WORD.sub(_if_escaped, text)
    return _BASE64.sub(_if_encoded, text)


def redact_to(text: str, most: int) -> str:
    """The beginning of a text, at most so many characters, redacted before it is cut.

    Of a text that is much longer than that, no more is looked at than is needed.
    """
    looked_at = 4 * most + 4096
    if len(text) > looked_at:
        # Without the word at the cut: half a secret does not look like one.
        text = text[:looked_at].rpartition(" ")[0] or GONE
    return redact(text)[:most]


def _by_looks(text: str) -> str:
    for pattern, instead in _LOOKS:
        text = pattern.sub(instead, text)
    return text


def _if_escaped(found: re.Match[str]) -> str:
    word = found[0]
    meant = unquote(word) if "%" in word else word
    return word if meant == word or _by_looks(meant) == meant else GONE


def _if_encoded(found: re.Match[str]) -> str:
    word = found[0]
    bare = word.rstrip("=").replace("-", "+").replace("_", "/")
    try:
        meant = base64.b64decode(bare + "=" * (-len(bare) % 4)).decode("ascii")
    except (binascii.Error, UnicodeDecodeError):
        return word
    return word if _by_looks(meant) == meant else GONE


def _forms(secret: str) -> Iterator[str]:
    """Every way in which a value may be written."""
    yield secret
    for escaped in (quote(secret, safe=""), quote(secret), quote_plus(secret)):
        yield escaped
        yield re.sub(r"%[0-9A-F]{2}", lambda found: found[0].lower(), escaped)
    for quoted in (json.dumps(secret), json.dumps(secret, ensure_ascii=False), repr(secret)):
        yield quoted[1:-1]
    raw = secret.encode("utf-8", "replace")
    yield raw.hex()
    yield raw.hex().upper()
    for before in range(3):
        whole = base64.b64encode(b"\0" * before + raw).decode("ascii")
        # Only what this value alone decides: six bits a letter, the first and last may be shared.
        inner = whole[-(-before * 8 // 6) : (before + len(raw)) * 8 // 6]
        yield inner
        yield inner.replace("+", "-").replace("/", "_")
