"""The short-hands of `[resume]`, as a policy: the shipped rules with a few of them overridden.

Theory of operation. What the keys ask for is written as a policy file of its own, which extends the
preset that the shipped policy is made of. So everything that reads, shows, explains and rehearses
policies does so with this one, too, and a person can copy the file and go on from there. The file
lies in the state folder, in a folder that is named after what is in it; it is written when it is
not there, and nobody else's change of it counts, because it is compared before it is used.
"""

import contextlib
import hashlib
import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from palingenesis.core.errors import PalingenesisError

NAME: Final = "from-config"
ORIGIN: Final = "[resume] in config.toml"
_PRESET: Final = "builtin:recommended@1"
_TOLD: Final = "The limit is not waited for (rate_limit_strategy is skip): ${stop.message}"
_FULL_RULE: Final = """\
  - id: context-full
    override: replace
    why: No new session is begun; the session is left to you.
    when: stop.reason == 'context_exhausted'
    do:
      - snapshot
      - notify: {severity: warning, message: "The context is full; the session is left to you."}
      - attention: {reason: "the context is full"}
"""
_WAITS: Final = {
    "own-retry-long": "{backoff: {first: 5m, factor: 2, max: 1h}}, jitter: 1m",
    "quota-still": "{backoff: {first: 30m, factor: 2, max: 1h}}, jitter: 2m",
    "quota": "{backoff: {first: 15m, factor: 2, max: 1h}}, jitter: 2m",
    "throttled": "{backoff: {first: 15s, factor: 2, max: 30m}}, jitter: 10s",
}
"""How the rules about limits wait where no time is known, as in the preset."""

_TRIES: Final = {
    "transient": ("6h", "${stop.reason}, {n} times within 6h", "1h"),
    "crash": ("30m", "crashed {n} times within 30m", ""),
    "cut-off": ("1h", "cut off {n} times within an hour", ""),
    "stalled": ("1h", "stalled {n} times within an hour", ""),
    "no-effect": ("1h", "going on had no effect", "1h"),
}
"""The rules that try again after what trying can cure: within what, and what is told at the end."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ResumeConfig:
    """Short-hands for the policy that ships; a policy of the person's own wins over them.

    None: as the policy says.
    """

    rate_limit_strategy: str | None = None
    context_strategy: str | None = None
    backup_before_new: bool | None = None
    max_retries: int | None = None


def policy_text(resume: ResumeConfig) -> str:
    """The policy that the short-hands stand for; "" when they say what the shipped one does."""
    rules = list(_rules(resume))
    if not rules:
        return ""
    head = (
        "# Written by palingenesis from [resume] in config.toml, and never read back from there.\n"
        "# To go on from here by hand, copy it to policy.yaml beside config.toml.\n"
        f"version: 1\nextends: [{_PRESET}]\nrules:\n"
    )
    return head + "\n".join(rules)


def write_policy(resume: ResumeConfig, state: Path) -> Path | None:
    """The file with that policy; None when the shipped one will do.

    Raises:
        PalingenesisError: it cannot be written.
    """
    text = policy_text(resume)
    if not text:
        return None
    mark = hashlib.sha256(text.encode()).hexdigest()[:12]
    file = state / "resume" / mark / f"{NAME}.yaml"
    with contextlib.suppress(OSError, UnicodeDecodeError):
        if file.read_text(encoding="utf-8") == text:
            return file
    try:
        file.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        import tempfile

        handle, room = tempfile.mkstemp(dir=file.parent)
        with os.fdopen(handle, "w", encoding="utf-8") as out:
            out.write(text)
        Path(room).replace(file)
    except OSError as error:
        reason = (error.strerror or str(error)).lower()
        raise PalingenesisError(
            f"cannot write {file}, which [resume] in config.toml asks for: {reason}",
            f"make {state} writable, or take [resume] out",
        ) from error
    return file


def _rules(resume: ResumeConfig) -> Iterator[str]:
    """One overridden rule after the other.

    `backup_before_new` asks for nothing: a backup is made before every new session, by a rail.
    """
    match resume.rate_limit_strategy:
        case "skip":
            yield from (_skipped(rule) for rule in _WAITS)
        case "new-session":
            yield from (_anew(rule, otherwise) for rule, otherwise in _WAITS.items())
        case _:
            pass
    if resume.context_strategy == "abort":
        yield _FULL_RULE
        yield '  - id: context-nearly-full\n    override: "off"\n'
    if (most := resume.max_retries) is not None:
        yield from (_limited(rule, most) for rule in _TRIES)


def _skipped(rule: str) -> str:
    """Tell, and leave the session to the person."""
    first = "      - interrupt\n" if rule == "own-retry-long" else ""
    return (
        f"  - id: {rule}\n    override: merge\n"
        "    why: Limits are not waited for; the session is left to you.\n"
        f'    do:\n{first}      - notify: {{severity: warning, message: "{_TOLD}"}}\n'
        '      - attention: {reason: "${stop.reason} is not waited for"}\n'
    )


def _anew(rule: str, otherwise: str) -> str:
    """Wait as the preset does, then go on in a new session."""
    said = '      - notify: {message: "${stop.reason}: a new session at ${resume_at}."}\n'
    return (
        f"  - id: {rule}\n    override: merge\n"
        "    why: A limit passes by itself; the work then goes on in a new session.\n    do:\n"
        + (said if rule in {"own-retry-long", "quota"} else "")
        + ("      - interrupt\n" if rule == "own-retry-long" else "")
        + f"      - wait: {{until: retry_after, else: {otherwise}, max: 8d}}\n"
        "      - snapshot\n      - new-session: {from: Next-step.md, if-missing: summary}\n"
        "    limit: {max: 4, per: 1h, then: [attention: "
        '{reason: "4 new sessions within an hour"}]}\n'
    )


def _limited(rule: str, most: int) -> str:
    """Try so many times within the window that the preset has for this rule."""
    per, reason, again = _TRIES[rule]
    reason = reason.replace("{n} times", f"{most} times" if most > 1 else "once")
    later = f", reopen-after: {again}" if again else ""
    return (
        f"  - id: {rule}\n    override: merge\n    limit:\n      max: {most}\n      per: {per}\n"
        f'      then:\n        - notify: {{severity: warning, message: "{reason}"}}\n'
        f'        - attention: {{reason: "{reason}"{later}}}\n'
    )
