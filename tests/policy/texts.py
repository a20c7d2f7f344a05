"""Small policies as texts, for the stories of this folder."""

from pathlib import Path

from palingenesis.core.policy.compile import Compiled, compile_text
from palingenesis.core.policy.model import Policy

ROOT = Path(__file__).parents[2]
SCHEMA = (ROOT / "schemas/policy.schema.json").read_text(encoding="utf-8")
SHIPPED = ROOT / "policies/default.yaml"
END = "default: {do: [attention]}\n"


def compiled(text: str | bytes, **params: str) -> Compiled:
    return compile_text(text, name="policy.yaml", schema=SCHEMA, params=params)


def policy(text: str, **params: str) -> Policy:
    result = compiled(text, **params)
    assert result.policy is not None, result.diagnostics
    return result.policy


def rules(body: str) -> str:
    """A whole policy around some rules, which begin in line 3."""
    return f"version: 1\nrules:\n{body}{END}"


def with_when(expression: str) -> str:
    """A whole policy whose one condition begins at line 4, column 11."""
    return rules(f"  - id: one\n    when: {expression}\n    do: [finish]\n")


def with_do(steps: str) -> str:
    """A whole policy whose one list of steps stands in line 4, from column 9."""
    return rules(f"  - id: one\n    do: {steps}\n")


def found(text: str | bytes, **params: str) -> list[tuple[str, int, int, str, str]]:
    """Code, line, column, message and help of every diagnostic."""
    return [
        (one.code, one.line, one.col, one.message, one.help)
        for one in compiled(text, **params).diagnostics
    ]
