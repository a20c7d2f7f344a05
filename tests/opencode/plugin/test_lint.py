"""The plugin has a linter of its language, strictly: it also guards what the plugin promises."""

from pathlib import Path

import pytest

from tests.oxlint import PLUGIN, complaints

pytestmark = pytest.mark.npm


def test_the_linter_has_nothing_to_complain_about():
    assert complaints(PLUGIN) == []


@pytest.mark.parametrize(
    ("code", "rule"),
    [
        ('import os from "node:os"\nexport const a = os.hostname()\n', "no-restricted-imports"),
        (
            'import fs from "node:fs"\nexport const a = fs.existsSync("/")\n',
            "no-restricted-imports",
        ),
        ('import { open } from "node:fs"\nexport const a = open\n', "no-restricted-imports"),
        (
            'import { createServer } from "node:net"\nexport const a = createServer\n',
            "no-restricted-imports",
        ),
        ('import pad from "left-pad"\nexport const a = pad("")\n', "no-restricted-imports"),
        ('export const a = () => import("node:http")\n', "no-restricted-imports"),
        ('export const a = () => fetch("http://x/")\n', "no-restricted-globals"),
        ('export const a = () => globalThis.fetch("http://x/")\n', "no-restricted-properties"),
        ("export const a = () => Bun.serve({})\n", "no-restricted-globals"),
        ('export const a = () => new WebSocket("ws://x/")\n', "no-restricted-globals"),
        ('export const a = () => console.log("")\n', "no-console"),
        ('export const a = () => process.stdout.write("")\n', "no-restricted-properties"),
        ("export const a = () => process.exit(1)\n", "no-restricted-properties"),
        ('export const a = () => eval("1")\n', "no-eval"),
        ("export const a = () => nobody\n", "no-undef"),
        ("const unused = 1\nexport const a = 2\n", "no-unused-vars"),
        ("const a = () => 1\nexport default a\n", "no-default-export"),
    ],
)
def test_what_the_plugin_must_never_do_is_a_complaint(tmp_path: Path, code: str, rule: str):
    file = tmp_path / "plugin.js"
    file.write_text(code)

    assert any(f"({rule})]" in one for one in complaints(file))


def test_ci_runs_it():
    steps = (PLUGIN.parents[5] / ".ci" / "run").read_text(encoding="utf-8")

    (lint,) = [line for line in steps.splitlines() if line.startswith("lint()")]
    assert "tests.oxlint" in lint
