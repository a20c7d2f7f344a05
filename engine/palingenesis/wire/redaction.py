"""Redaction: secrets out of every text that leaves us for a journal, a log or a person."""

import re

GONE = "REDACTED"

_PATTERNS: tuple[tuple[re.Pattern[str], str], ...] = (
    # Headers and their spellings in JSON, curl lines and reprs: the whole value goes.
    (
        re.compile(
            r"(?i)\b(proxy-authorization|authorization|x-api-key|api-key|x-goog-api-key|cookie"
            r"|set-cookie)([\"']?\s*[:=]\s*[\"']?)(?:(basic|bearer|token|digest)\s+)?"
            r"[^\s\"',;}\]]+"
        ),
        rf"\1\2{GONE}",
    ),
    (re.compile(r"(?i)\b(bearer|basic(?=\s+\S*[\d=]))\s+[A-Za-z0-9._~+/=-]{8,}"), rf"\1 {GONE}"),
    # user:password@ in a URL, and secrets in its query.
    (re.compile(r"(?i)\b([a-z][a-z0-9+.-]*://)[^\s/@:]*:[^\s/@]*@"), rf"\1{GONE}@"),
    (
        re.compile(
            r"(?i)([?&;](?:auth_token|access_token|token|api_?key|key|secret|signature|sig"
            r"|password)=)[^&\s\"'#]+"
        ),
        rf"\1{GONE}",
    ),
    # Chat and webhook addresses whose path is the secret.
    (re.compile(r"(?i)(hooks\.slack\.com/(?:services|workflows)/)[\w/-]+"), rf"\1{GONE}"),
    (re.compile(r"(?i)(discord(?:app)?\.com/api/webhooks/)\d+/[\w-]+"), rf"\1{GONE}"),
    (re.compile(r"(?i)(api\.telegram\.org/(?:file/)?bot)\d+:[\w-]+"), rf"\1{GONE}"),
    # Tokens that are known by their first letters.
    (
        re.compile(
            r"\b(sk-|sk_live_|sk_test_|rk_live_|whsec_|gh[pousr]_|github_pat_|xox[abeprs]-|xapp-"
            r"|glpat-|AIza|AKIA|ASIA|hf_|npm_|pypi-|tk_)[A-Za-z0-9_\-+/=.]{8,}"
        ),
        rf"\1{GONE}",
    ),
    (re.compile(r"\beyJ[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]+"), GONE),
    (
        re.compile(
            r"-----BEGIN [A-Z ]*PRIVATE KEY-----.*?(?:-----END [A-Z ]*PRIVATE KEY-----|\Z)",
            re.DOTALL,
        ),
        GONE,
    ),
    # name = value, where the name says that the value is a secret.
    (
        re.compile(
            r"(?i)\b([\w.-]*(?:password|passwd|secret|api[_-]?key|access[_-]?token|auth[_-]?token)"
            r"[\"']?\s*[:=]\s*[\"']?)[^\s\"',;&}\]]{3,}"
        ),
        rf"\1{GONE}",
    ),
)


def redact(text: str) -> str:
    """The same text without what looks like a credential. Applying it twice changes nothing."""
    for pattern, instead in _PATTERNS:
        text = pattern.sub(instead, text)
    return text
