"""What the stand-in is told: environment, configuration file, inline configuration."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from palingenesis.demo.opencode_home import merged

Json = dict[str, Any]

SPEED_VARIABLE = "PALINGENESIS_STAND_IN_SPEED"
DEFAULT_TIMEOUT_MS = 300_000
DEFAULT_RESERVE = 20_000
OUTPUT_MAX = 32_000


class InvalidSettingsError(Exception):
    """The configuration cannot be read; OpenCode refuses to start then, and so do we."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Model:
    """Where a model is asked, and its limits in tokens."""

    provider: str
    name: str
    url: str
    is_anthropic: bool
    key: str
    context: int
    output: int
    cost: Mapping[str, float]
    header_timeout_ms: float
    chunk_timeout_ms: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """Everything that the stand-in was started with."""

    config: Json
    directory: Path
    """Where sessions live that name no directory: the one it was started in."""
    data: Path
    user: str
    password: str | None
    compacts: bool
    speed: float
    """How much faster than real the stand-in waits before it tries again."""

    @property
    def default_model(self) -> tuple[str, str]:
        """(provider, model) of the configuration."""
        provider, _, name = str(self.config.get("model", "/")).partition("/")
        return provider, name

    def model(self, provider: str, name: str) -> Model | None:
        """A configured model; None when there is no such model."""
        entry = self.config.get("provider", {}).get(provider)
        if entry is None or name not in entry.get("models", {}):
            return None
        options = entry.get("options", {})
        model = entry["models"][name]
        limit = model.get("limit", {})
        return Model(
            provider=provider,
            name=name,
            url=str(options.get("baseURL", "")),
            is_anthropic="anthropic" in str(entry.get("npm", "")),
            key=str(options.get("apiKey", "")),
            context=int(limit.get("context", 0)),
            output=int(limit.get("output", 0)),
            cost=model.get("cost", {}),
            header_timeout_ms=float(options.get("headerTimeout", DEFAULT_TIMEOUT_MS)),
            chunk_timeout_ms=float(options.get("chunkTimeout", DEFAULT_TIMEOUT_MS)),
        )

    def is_full(self, model: Model, tokens: int) -> bool:
        """Whether a finished answer leaves too little of the window, as OpenCode computes it."""
        if not self.compacts or not model.context:
            return False
        output = min(model.output or OUTPUT_MAX, OUTPUT_MAX)
        return tokens >= model.context - output

    def permission(self, tool: str) -> str:
        """`allow`, `ask` or `deny` for a tool."""
        given = self.config.get("permission", "allow")
        if isinstance(given, str):
            return given
        rule = given.get(tool, given.get("*", "allow"))
        if isinstance(rule, dict):
            rule = rule.get("*", "allow")
        return str(rule)


def read_settings(environment: Mapping[str, str], directory: Path) -> Settings:
    """The settings from the environment and the files that it points to.

    Raises:
        InvalidSettingsError: a configuration is not a JSON object, or the speed no number.
    """
    home = Path(environment.get("HOME", str(directory)))
    configs = Path(environment.get("XDG_CONFIG_HOME", str(home / ".config")))
    data = Path(environment.get("XDG_DATA_HOME", str(home / ".local" / "share")))
    config: Json = {}
    file = configs / "opencode" / "opencode.json"
    if file.is_file():
        config = _object(file.read_text(encoding="utf-8"), str(file))
    inline = environment.get("OPENCODE_CONFIG_CONTENT")
    if inline:
        config = merged(config, _object(inline, "OPENCODE_CONFIG_CONTENT"))
    try:
        speed = float(environment.get(SPEED_VARIABLE, "1"))
    except ValueError as error:
        raise InvalidSettingsError(f"{SPEED_VARIABLE} is not a number") from error
    compacts = config.get("compaction", {}).get("auto", True)
    return Settings(
        config=config,
        directory=directory,
        data=data / "opencode" / "stand-in",
        user=environment.get("OPENCODE_SERVER_USERNAME", "opencode"),
        password=environment.get("OPENCODE_SERVER_PASSWORD") or None,
        compacts=bool(compacts) and not environment.get("OPENCODE_DISABLE_AUTOCOMPACT"),
        speed=max(speed, 0.01),
    )


def _object(text: str, origin: str) -> Json:
    try:
        value = json.loads(text)
    except ValueError as error:
        raise InvalidSettingsError(f"Configuration is invalid at {origin}: {error}") from error
    if not isinstance(value, dict):
        raise InvalidSettingsError(f"Configuration is invalid at {origin}: not an object")
    return value
