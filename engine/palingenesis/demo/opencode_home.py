"""A home of its own for an OpenCode: nothing of the person's is read, written or downloaded.

Holds HOME, the XDG directories, a configuration that knows only the scripted provider, and a
throwaway project under git. The demo and the tests run OpenCode (or its stand-in) inside it.
"""

import json
import os
import shutil
import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import Any

GIT_S_MAX = 30.0

QUIET = {
    "OPENCODE_DISABLE_AUTOUPDATE": "1",
    "OPENCODE_DISABLE_MODELS_FETCH": "1",
    "OPENCODE_DISABLE_LSP_DOWNLOAD": "1",
    "OPENCODE_DISABLE_DEFAULT_PLUGINS": "1",
    "OPENCODE_DISABLE_SHARE": "1",
    "OPENCODE_DISABLE_EXTERNAL_SKILLS": "1",
    "OPENCODE_DISABLE_CLAUDE_CODE": "1",
    "OPENCODE_EXPERIMENTAL_DISABLE_FILEWATCHER": "1",
}
"""What keeps OpenCode from fetching, updating, sharing or reading beyond this home."""

_KEPT = ("PATH", "LANG", "LC_ALL", "TERM", "TMPDIR", "PYTHONPATH", "VIRTUAL_ENV")


class OpenCodeHome:
    """An isolated home below `root`; made by `build`, removed by `remove`."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.home = root / "home"
        self.project = root / "project"

    @property
    def config_file(self) -> Path:
        """Where OpenCode reads its configuration."""
        return self.home / ".config" / "opencode" / "opencode.json"

    @property
    def data(self) -> Path:
        """Where OpenCode keeps its sessions and its log."""
        return self.home / ".local" / "share" / "opencode"

    def build(
        self, provider_url: str, overrides: Mapping[str, Any] | None = None
    ) -> dict[str, Any]:
        """Make the directories, the configuration and the project; returns the configuration.

        `overrides` is laid over the configuration; None in it removes a key.
        """
        for directory in (self.home, self.project):
            directory.mkdir(parents=True, exist_ok=True)
        config = merged(configuration(provider_url), overrides or {})
        self.config_file.parent.mkdir(parents=True, exist_ok=True)
        self.config_file.write_text(json.dumps(config, indent=2), encoding="utf-8")
        self._forestall_npm()
        self._make_repository(self.project)
        return config

    def environment(self, extra: Mapping[str, str | None] | None = None) -> dict[str, str]:
        """The variables to start OpenCode with; None in `extra` removes one."""
        variables = {name: os.environ[name] for name in _KEPT if name in os.environ}
        variables |= {
            "HOME": str(self.home),
            "XDG_CONFIG_HOME": str(self.home / ".config"),
            "XDG_DATA_HOME": str(self.home / ".local" / "share"),
            "XDG_STATE_HOME": str(self.home / ".local" / "state"),
            "XDG_CACHE_HOME": str(self.home / ".cache"),
            "GIT_CONFIG_NOSYSTEM": "1",
            **QUIET,
        }
        for name, value in (extra or {}).items():
            if value is None:
                variables.pop(name, None)
            else:
                variables[name] = value
        return variables

    def another_project(self, name: str) -> Path:
        """A second project under git, beside the first."""
        project = self.root / name
        project.mkdir(parents=True, exist_ok=True)
        self._make_repository(project)
        return project

    def remove(self) -> None:
        """Delete everything below the root."""
        shutil.rmtree(self.root, ignore_errors=True)

    def _forestall_npm(self) -> None:
        """OpenCode installs its plugin package from npm in the background, unless it is there."""
        directory = self.config_file.parent
        (directory / "node_modules").mkdir(exist_ok=True)
        lock = {
            "lockfileVersion": 3,
            "packages": {"": {"dependencies": {"@opencode-ai/plugin": "*"}}},
        }
        (directory / "package-lock.json").write_text(json.dumps(lock), encoding="utf-8")

    def _make_repository(self, project: Path) -> None:
        """One commit, so that the project has an identity. Without git it has none, and works."""
        readme = project / "README.md"
        if readme.exists():
            return
        readme.write_text(f"# {project.name}\n", encoding="utf-8")
        if shutil.which("git") is None:
            return
        person = ("-c", "user.name=Nobody", "-c", "user.email=nobody@example.invalid")
        for words in (
            ("init", "--quiet", "--initial-branch=main"),
            ("add", "--all"),
            (*person, "commit", "--quiet", "--no-gpg-sign", "--message=Begin"),
        ):
            subprocess.run(
                ["git", *words],
                cwd=project,
                env=self.environment(),
                check=True,
                capture_output=True,
                timeout=GIT_S_MAX,
            )


def configuration(provider_url: str) -> dict[str, Any]:
    """OpenCode's configuration with the scripted models only.

    `scripted/scripted-big` speaks OpenAI's API, `scripted-anthropic/scripted-claude` Anthropic's;
    the small models write titles.
    """
    limit = {"context": 200_000, "output": 8192}
    cost = {"input": 3, "output": 15, "cache_read": 0.3, "cache_write": 3.75}
    full = {"limit": limit, "tool_call": True, "cost": cost}
    return {
        "$schema": "https://opencode.ai/config.json",
        "model": "scripted/scripted-big",
        "small_model": "scripted/scripted-small",
        "autoupdate": False,
        "share": "disabled",
        "enabled_providers": ["scripted", "scripted-anthropic"],
        "provider": {
            "scripted": {
                "npm": "@ai-sdk/openai-compatible",
                "name": "Scripted",
                "options": {"baseURL": provider_url, "apiKey": "scripted"},
                "models": {
                    "scripted-big": {"name": "Scripted Big", **full},
                    "scripted-small": {"name": "Scripted Small", "limit": limit},
                },
            },
            "scripted-anthropic": {
                "npm": "@ai-sdk/anthropic",
                "name": "Scripted Anthropic",
                "options": {"baseURL": provider_url, "apiKey": "scripted"},
                "models": {
                    "scripted-claude": {"name": "Scripted Claude", **full},
                    "scripted-claude-small": {"name": "Scripted Claude Small", "limit": limit},
                },
            },
        },
    }


def merged(under: Mapping[str, Any], over: Mapping[str, Any]) -> dict[str, Any]:
    """One configuration laid over another, object by object; None removes a key."""
    result = dict(under)
    for name, value in over.items():
        below = result.get(name)
        if value is None:
            result.pop(name, None)
        elif isinstance(value, Mapping) and isinstance(below, Mapping):
            result[name] = merged(below, value)
        else:
            result[name] = value
    return result
