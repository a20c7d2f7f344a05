"""The real Mermaid parser, without a browser: it reads a diagram, or says what is wrong."""

import json
import subprocess

from tests.npm import installed

VERSION = "11.12.0"
DOM = "jsdom@26.1.0"
"""Mermaid cleans labels with a browser's document, even when it only parses."""

PROGRAM = """
import { readFileSync } from 'node:fs';
import { JSDOM } from 'jsdom';
const { window } = new JSDOM('');
globalThis.window = window;
globalThis.document = window.document;
const mermaid = (await import('mermaid')).default;
const answers = [];
for (const text of JSON.parse(readFileSync(0, 'utf8'))) {
  try { answers.push((await mermaid.parse(text)).diagramType); }
  catch (error) { answers.push(String(error)); }
}
console.log(JSON.stringify(answers));
"""


def read_by_mermaid(*texts: str) -> list[str]:
    """What kind of diagram each text is, or why it is none."""
    place = installed("mermaid", VERSION, DOM)
    done = subprocess.run(
        ["node", "--input-type=module", "--eval", PROGRAM],
        cwd=place.parents[1], input=json.dumps(texts), capture_output=True, text=True,
        timeout=120, check=True,
    )  # fmt: skip
    answers: list[str] = json.loads(done.stdout)
    return answers
