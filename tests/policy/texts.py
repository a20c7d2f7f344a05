"""Small policies as texts, for the stories of this folder."""

from collections.abc import Mapping
from pathlib import Path

from palingenesis.core.policy.compile import Compiled, compile_text
from palingenesis.core.policy.model import Policy
from palingenesis.core.policy.outside import Loaded, Outside
from palingenesis.runtime.zones import zone_names, zones_of

ROOT = Path(__file__).parents[2]
SCHEMA = (ROOT / "schemas/policy.schema.json").read_text(encoding="utf-8")
SHIPPED = ROOT / "policies/default.yaml"
END = "default: {do: [attention]}\n"
HOOKS = frozenset({"backup"})
PRESETS = ROOT / "policies/presets"


def outside(files: Mapping[str, str] | None = None) -> Outside:
    """Ada's machine in Berlin, with some other policies."""

    def load(name: str, by: str) -> Loaded:
        if files is not None and name in files:
            return Loaded(name=name, text=files[name])
        preset = PRESETS / f"{name.removeprefix('builtin:')}.yaml"
        if name.startswith("builtin:") and preset.exists():
            return Loaded(name=name, text=preset.read_bytes())
        return Loaded(name=name, problem=f"cannot read '{name}': no such file or directory")

    return Outside(
        zones=zones_of({"TZ": "Europe/Berlin"}),
        zone_names=zone_names,
        home="/home/ada",
        load=load,
        presets=lambda: [path.stem for path in PRESETS.glob("*@?.yaml")],
        channels=frozenset({"ntfy", "webhook"}),
        hooks=HOOKS,
    )


HERE = outside()


def compiled(text: str | bytes, around: Outside = HERE, **params: str) -> Compiled:
    return compile_text(text, name="policy.yaml", schema=SCHEMA, params=params, outside=around)


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


def calendar(body: str, step: str = "attention") -> str:
    """A whole policy with a calendar called night in line 2, and one step in line 5."""
    calendars = f"calendars: {{night: {body}}}\n"
    return f"version: 1\n{calendars}rules:\n  - id: one\n    do: [{step}]\n{END}"


def found(text: str | bytes, **params: str) -> list[tuple[str, int, int, str, str]]:
    """Code, line, column, message and help of every diagnostic."""
    return [
        (one.code, one.line, one.col, one.message, one.help)
        for one in compiled(text, **params).diagnostics
    ]
