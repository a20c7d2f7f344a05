"""Two copies of the plugin in one OpenCode are one: the second one rests."""

import json
import shutil
import subprocess
from pathlib import Path

import pytest

from palingenesis.assistants.opencode.plugin_text import filled_in, shipped
from tests.npm import unavailable

pytestmark = pytest.mark.npm

CALLS = """
const [first, second] = await Promise.all(process.argv.slice(1).map((one) => import(one)));
const here = { client: {}, directory: "/here" };
const there = { client: {}, directory: "/there" };
const hooks = [];
const call = async (copy, input) => {
  const made = await copy.Palingenesis(input);
  hooks.push(Object.keys(made));
  return made;
};
const one = await call(first, here);
await call(second, here);
await call(first, there);
await call(second, there);
await one.dispose();
await call(second, here);
console.log(JSON.stringify(hooks));
"""


def test_of_two_copies_only_one_passes_on_what_happens_in_a_project(tmp_path: Path):
    if shutil.which("node") is None:
        unavailable("node is not installed")
    copies = [tmp_path / "plugin.mjs", tmp_path / "plugins.mjs"]
    for copy in copies:
        copy.write_text(filled_in(shipped(), socket=tmp_path / "nobody.sock", folders_made=0))

    done = subprocess.run(
        ["node", "--input-type=module", "--eval", CALLS, *(one.as_uri() for one in copies)],
        capture_output=True, text=True, timeout=60, check=True,
    )  # fmt: skip

    works, rests = ["event", "dispose"], list[str]()
    assert json.loads(done.stdout) == [works, rests, works, rests, works]
