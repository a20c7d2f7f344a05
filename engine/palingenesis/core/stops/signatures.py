"""What providers and assistants say when they stop: the signature pack, as plain data.

Rows are tried from top to bottom, and the first that fits decides; so the order is the precedence:
the user, then what trying again cannot cure, then the context, long windows, and transient
troubles last. A row looks at one structured field only:

- `name`: the assistant's own name for the error, or its word for a limit, in lower case
- `code`: a type, code, name or quota id in the body, in lower case
- `status`: the HTTP status
- `finish`: why the last answer ended
- `text`: the *error's* message (a regular expression, any case); wording changes, so it is worth
  less than a code

`unless` is a regular expression over the message that makes a row not fit.
"""

from dataclasses import dataclass
from typing import Literal

from palingenesis.core.values import StopReason

VERSION = 1

Field = Literal["name", "code", "status", "finish", "text"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Signature:
    """One row: what to look at, what to find, and what it means."""

    id: str
    reason: StopReason
    look: Field
    find: str
    """Alternatives separated by `|`; for `text` one regular expression, for `status` a range."""
    confidence: float
    unless: str = ""


def _row(
    name: str, reason: StopReason, look: Field, find: str, confidence: float, unless: str = ""
) -> Signature:
    return Signature(
        id=name, reason=reason, look=look, find=find, confidence=confidence, unless=unless
    )


_R = StopReason
_THROTTLED = (
    r"throttl|rate.?limit|too many requests|too many tokens, please wait|per (?:minute|min|day)"
    r"|string_above_max_length|invalid 'user'"
)

PACK: tuple[Signature, ...] = (
    # ── the user ──
    _row("user.abort", _R.USER_ABORT, "name", "messageabortederror|aborterror", 1.0),
    # ── what trying again cannot cure ──
    _row(
        "model.name",
        _R.MODEL_NOT_FOUND,
        "name",
        "modelnotfounderror|providermodelnotfounderror",
        1.0,
    ),
    _row("model.code", _R.MODEL_NOT_FOUND, "code", "model_not_found|model_not_available", 1.0),
    _row(
        "model.unsupported",
        _R.MODEL_NOT_FOUND,
        "text",
        r"\bmodel\b.{0,120}\b(?:is )?not supported\b|\bunsupported model\b",
        0.95,
    ),
    _row(
        "model.text",
        _R.MODEL_NOT_FOUND,
        "text",
        r"\bmodel not found\b|\bno such model\b|\bunknown model\b"
        r"|\bmodel:? .{0,120}\bdoes not exist\b"
        r"|\bnot_found_error\b.{0,40}\bmodel\b|\bno endpoints found for\b|\binvalid model\b",
        0.9,
    ),
    _row("model.type", _R.MODEL_NOT_FOUND, "code", "modelerror", 0.8),
    _row("auth.name", _R.AUTH, "name", "providerautherror|loadapikeyerror", 1.0),
    _row(
        "auth.code",
        _R.AUTH,
        "code",
        "invalid_api_key|authentication_error|authentication|token_expired|invalid_token"
        "|unauthenticated|account_deactivated|organization_on_hold|unauthorized",
        1.0,
    ),
    _row(
        "billing.code",
        _R.BILLING,
        "code",
        "insufficient_quota|billing|billing_error|billing_not_active|insufficient_credits"
        "|credits_exhausted|creditserror|payment_required|enforced_spend_limit_reached"
        "|contract_spend_limit_reached|linked_organization_spend_limit_reached",
        1.0,
    ),
    _row("billing.status", _R.BILLING, "status", "402", 0.95),
    _row(
        "billing.text",
        _R.BILLING,
        "text",
        r"\bcredit balance is too low\b|\binsufficient (?:credits?|funds|balance)\b"
        r"|\bout of credits\b|\bspend(?:ing)? (?:limit|cap)\b|\bpayment required\b|\bno credits\b",
        0.9,
    ),
    _row(
        "billing.plan",
        _R.BILLING,
        "text",
        r"\bexceeded your current quota\b.{0,40}\bbilling\b",
        0.8,
        unless=r"quota metric|generativelanguage|per ?(?:minute|day)|retry in [0-9]",
    ),
    _row("auth.status", _R.AUTH, "status", "401", 0.9),
    _row("refused.name", _R.REFUSED, "name", "contentfiltererror|contentpolicyviolationerror", 1.0),
    _row(
        "refused.code",
        _R.REFUSED,
        "code",
        "content_filter|content_policy_violation|responsibleaipolicyviolation|refusal",
        1.0,
    ),
    _row("refused.finish", _R.REFUSED, "finish", "content-filter|content_filter|refusal", 0.95),
    # ── the context ──
    _row("context.name", _R.CONTEXT_EXHAUSTED, "name", "contextoverflowerror", 1.0),
    _row(
        "context.code",
        _R.CONTEXT_EXHAUSTED,
        "code",
        "context_length_exceeded|model_context_window_exceeded|context_window_exceeded",
        1.0,
    ),
    _row(
        "context.finish",
        _R.CONTEXT_EXHAUSTED,
        "finish",
        "model_context_window_exceeded|model-context-window-exceeded",
        0.95,
    ),
    _row(
        "context.text",
        _R.CONTEXT_EXHAUSTED,
        "text",
        r"\bprompt is too long\b|\bprompt too long\b"
        r"|\bexceeds? (?:the |your )?context (?:limit|window)\b"
        r"|\bcontext window exceeds\b|\bcontext[_ ]length[_ ]exceeded\b|\bmaximum context length\b"
        r"|\binput token count\b.{0,60}\bexceeds the maximum\b|\binput is too long for\b"
        r"|\bmaximum prompt length is [0-9]|\breduce the length of the messages\b"
        r"|\blonger than the model'?s context length\b|\binputs? tokens \+ .{0,30}must be\b"
        r"|\bexceeds the available context size\b|\bgreater than the context length\b"
        r"|\bexceeded (?:the )?(?:max )?context length\b|\bexceeded model token limit\b"
        r"|\bran out of room in the model'?s context\b|\brange of input length should be\b"
        r"|\bprompt token count of [0-9]+ exceeds the limit of [0-9]+\b|\btoken limit exceeded\b"
        r"|\bconversation history too large to compact\b",
        0.9,
        unless=_THROTTLED,
    ),
    _row("too-large.code", _R.REQUEST_TOO_LARGE, "code", "request_too_large", 1.0),
    _row("too-large.status", _R.REQUEST_TOO_LARGE, "status", "413", 0.9),
    _row(
        "too-large.text",
        _R.REQUEST_TOO_LARGE,
        "text",
        r"\brequest (?:entity )?too large\b|\bpayload too large\b",
        0.85,
    ),
    # ── what an answer's end says ──
    _row("output.name", _R.OUTPUT_LIMIT, "name", "messageoutputlengtherror", 1.0),
    _row("output.finish", _R.OUTPUT_LIMIT, "finish", "length|max_tokens|max-tokens", 0.95),
    # ── long windows ──
    _row(
        "quota.name",
        _R.QUOTA,
        "name",
        "free_tier_limit|account_rate_limit|freeusagelimiterror|gousagelimiterror"
        "|subscriptionusagelimiterror|monthlylimiterror",
        0.95,
    ),
    _row(
        "quota.code",
        _R.QUOTA,
        "code",
        "usage_limit_reached|usage_not_included|freeusagelimiterror|gousagelimiterror"
        "|subscriptionusagelimiterror|monthlylimiterror|ramp_limit_exceeded|quota_exceeded"
        "|servicequotaexceededexception|rate_limit_exceeded_daily|user_model_rate_limited",
        0.95,
    ),
    _row(
        "quota.text",
        _R.QUOTA,
        "text",
        r"\b(?:usage|session|weekly|monthly|daily|5-hour|opus|plan|subscription) limit\b"
        r".{0,30}(?:\breached\b|\bexceeded\b|[·|]|\. upgrade|\bresets?\b)"
        r"|\bhit your (?:usage|session|weekly|monthly|daily|5-hour|\w{1,12}) limit\b"
        r"|^limit reached\b.{0,5}\bresets\b|\bout of (?:extra )?usage\b"
        r"|\bexhausted (?:this|the|your) .{0,30}(?:rate limit|quota)\b|\bquota threshold\b"
        r"|\bfree usage exceeded\b|\bfree-models-per-day\b|\btoo many tokens per day\b"
        r"|\b(?:tokens|requests) per day\b|\((?:tpd|rpd)\)"
        r"|\bquota (?:has been )?(?:exceeded|exhausted)\b",
        0.85,
    ),
    # ── transient ──
    _row(
        "overloaded.burst",
        _R.OVERLOADED,
        "text",
        r"\btemporarily limiting requests\b|\bnot your usage limit\b",
        0.85,
    ),
    _row(
        "overloaded.code", _R.OVERLOADED, "code", "overloaded_error|overloaded|modelnotready", 1.0
    ),
    _row("overloaded.status", _R.OVERLOADED, "status", "529", 1.0),
    _row(
        "rate.code",
        _R.RATE_LIMIT,
        "code",
        "rate_limit_error|rate_limit_exceeded|rate_limit|throttlingexception|too_many_requests"
        "|resource_exhausted|requests|tokens|ratelimiterror",
        0.95,
    ),
    _row("rate.status", _R.RATE_LIMIT, "status", "429", 0.9),
    _row(
        "rate.text",
        _R.RATE_LIMIT,
        "text",
        r"^\W*rate limit\W*$|\brate limit (?:reached|exceeded)\b|\brate.?limited\b"
        r"|\btoo many requests\b"
        r"|\bexceed(?:ed)? .{0,40}rate limit\b|\btoo many tokens, please wait\b"
        r"|\bexceeded your current quota\b",
        0.75,
    ),
    _row(
        "overloaded.text",
        _R.OVERLOADED,
        "text",
        r"\boverloaded\b|\brequest queue is full\b|\bno healthy upstream\b|\bat capacity\b"
        r"|\bserver is busy\b|\bmodel is loading\b",
        0.8,
    ),
    _row("timeout.name", _R.TIMEOUT, "name", "timeouterror|apitimeouterror", 0.95),
    _row("timeout.code", _R.TIMEOUT, "code", "timeout_error|deadline_exceeded|etimedout", 0.9),
    _row("timeout.status", _R.TIMEOUT, "status", "408|504|524", 0.9),
    _row("server.status", _R.SERVER_ERROR, "status", "500-599", 0.9),
    _row(
        "server.code",
        _R.SERVER_ERROR,
        "code",
        "api_error|server_error|internal_server_error|internal|internal_error|unavailable",
        0.85,
    ),
    _row("timeout.text", _R.TIMEOUT, "text", r"\btimed out\b|\btimeout\b|\betimedout\b", 0.85),
    _row(
        "network.text",
        _R.NETWORK,
        "text",
        r"\bcannot connect\b|\bunable to connect\b"
        r"|\bconnection (?:was )?(?:reset|refused|closed|error|lost|aborted)\b"
        r"|\beconn(?:reset|refused|aborted)\b|\benotfound\b|\beai_again\b|\behost\w+\b"
        r"|\bgetaddrinfo\b|\bfetch failed\b|\bsocket (?:connection was closed|hang up)\b|\bepipe\b"
        r"|\bnetwork (?:error|is unreachable)\b|\btypo in the url or port\b|\bdns\b|\bcertificate\b"
        r"|\bno route to host\b|\bpremature close\b|\bclosed mid-response\b",
        0.9,
    ),
    _row(
        "server.text",
        _R.SERVER_ERROR,
        "text",
        r"\bserver had an error\b|\binternal server error\b|\bbad gateway\b|\bserver error\b"
        r"|\bservice unavailable\b|\bupstream\b.{0,30}\b(?:error|failed)\b",
        0.8,
    ),
    # ── what is left of the 400s ──
    _row("auth.forbidden", _R.AUTH, "status", "403", 0.75),
    _row("auth.permission", _R.AUTH, "code", "permission_error|permission_denied", 0.8),
    _row(
        "auth.text",
        _R.AUTH,
        "text",
        r"\b(?:invalid|incorrect|missing|expired) (?:x-)?api.?key\b|\bapi key is missing\b"
        r"|\boauth token has expired\b|\bplease run /login\b|\bunauthorized\b|\bnot logged in\b",
        0.8,
    ),
    _row("model.missing", _R.MODEL_NOT_FOUND, "status", "404", 0.6),
)
