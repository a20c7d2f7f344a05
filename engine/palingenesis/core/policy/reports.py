"""Reports: diagnostics as plain data for programs: JSON, GitHub's workflow commands, SARIF.

Every command that finds something in a file speaks this one shape, documented in
docs/reference/diagnostics.md. What people read is made by the surface.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from palingenesis.core.policy.codes.registry import CODES, url
from palingenesis.core.policy.diagnostics import Diagnostic, Grade, Related

SCHEMA_VERSION: Final = 1
"""Of the shape of a diagnostic; fields may be added, and none is renamed within a version."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Checked:
    """What was found in one file; `file` as the person called it."""

    file: str
    diagnostics: tuple[Diagnostic, ...]


def as_plain(one: Diagnostic, file: str) -> dict[str, Any]:
    """A diagnostic of a file as JSON."""
    return {
        "code": one.code,
        "severity": one.severity.value,
        "message": one.message,
        "help": one.help,
        "url": url(one.code),
        "file": one.file or file,
        "range": _range(one),
        "related": [
            {"message": it.message, "file": it.file or file, "range": _range(it)}
            for it in one.related
        ],
    }


def _range(one: Diagnostic | Related) -> dict[str, Any]:
    return {
        "start": {"line": one.line, "column": one.col},
        "end": {"line": one.line, "column": one.col + one.length},
    }


# ── GitHub ────────────────────────────────────────────────────────────────────────────────────

_COMMANDS: Final = {Grade.ERROR: "error", Grade.WARNING: "warning", Grade.NOTE: "notice"}


def as_workflow_commands(found: Iterable[Checked]) -> list[str]:
    """One line a diagnostic, as GitHub Actions reads it to annotate a pull request."""
    return [_command(one, checked.file) for checked in found for one in checked.diagnostics]


def _command(one: Diagnostic, file: str) -> str:
    properties = {
        "file": one.file or file,
        "line": one.line,
        "col": one.col,
        "endLine": one.line,
        "endColumn": one.col + one.length,
        "title": one.code,
    }
    listed = ",".join(f"{key}={_property(str(value))}" for key, value in properties.items())
    words = f"{one.message}\nhelp: {one.help}" if one.help else one.message
    return f"::{_COMMANDS[one.severity]} {listed}::{_data(words)}"


def _data(text: str) -> str:
    """What GitHub unescapes again; a line break would end the command and begin another."""
    return text.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")


def _property(text: str) -> str:
    return _data(text).replace(":", "%3A").replace(",", "%2C")


# ── SARIF ─────────────────────────────────────────────────────────────────────────────────────


def as_sarif(found: Sequence[Checked], *, version: str) -> dict[str, Any]:
    """A SARIF 2.1.0 log with one run of palingenesis `version`; codes become its rules."""
    used = sorted({one.code for checked in found for one in checked.diagnostics})
    places = {code: index for index, code in enumerate(used)}
    driver = {"name": "palingenesis", "version": version, "rules": [_sarif_rule(it) for it in used]}
    results = [_sarif_result(one, it.file, places) for it in found for one in it.diagnostics]
    run = {"tool": {"driver": driver}, "columnKind": "unicodeCodePoints", "results": results}
    return {
        "$schema": "https://json.schemastore.org/sarif-2.1.0.json",
        "version": "2.1.0",
        "runs": [run],
    }


def _sarif_rule(code: str) -> dict[str, Any]:
    known = CODES[code]
    return {
        "id": code,
        "shortDescription": {"text": f"{known.title}."},
        "fullDescription": {"text": known.why},
        "help": {"text": f"{known.why}\n\nTold about:\n{known.bad}\nBetter:\n{known.good}"},
        "defaultConfiguration": {"level": known.severity.value},
    }


def _sarif_result(one: Diagnostic, file: str, places: Mapping[str, int]) -> dict[str, Any]:
    result: dict[str, Any] = {
        "ruleId": one.code,
        "ruleIndex": places[one.code],
        "level": one.severity.value,
        "message": {"text": f"{one.message}\nhelp: {one.help}" if one.help else one.message},
        "locations": [{"physicalLocation": _sarif_place(one, file)}],
    }
    if one.related:
        result["relatedLocations"] = [
            {"physicalLocation": _sarif_place(it, file), "message": {"text": it.message}}
            for it in one.related
        ]
    return result


def _sarif_place(one: Diagnostic | Related, file: str) -> dict[str, Any]:
    return {
        "artifactLocation": {"uri": _uri(one.file or file)},
        "region": {
            "startLine": one.line,
            "startColumn": one.col,
            "endLine": one.line,
            "endColumn": one.col + one.length,
        },
    }


_PLAIN: Final = frozenset(b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~/")


def _uri(file: str) -> str:
    """A path as a URI: relative ones stay so, which is how code scanning finds the file."""
    raw = file.encode("utf-8", "surrogateescape")
    quoted = "".join(chr(byte) if byte in _PLAIN else f"%{byte:02X}" for byte in raw)
    return f"file://{quoted}" if file.startswith("/") else quoted
