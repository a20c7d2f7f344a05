"""What stays in memory for months must be worth it."""

import json
import subprocess
import sys

RESIDENT = """
import json, sys
import palingenesis.app.daemon
import palingenesis.surfaces.cli.resident
import palingenesis.wire.plain
print(json.dumps(sorted({name.partition(".")[0] for name in sys.modules})))
"""

HEAVY = {
    "anyio", "click", "frontmatter", "httpcore", "httpx", "jsonschema", "opentelemetry", "pygments",
    "rich", "yaml",
}  # fmt: skip


def test_the_daemon_carries_nothing_heavy_that_it_does_not_need_while_it_rests() -> None:
    done = subprocess.run(
        [sys.executable, "-c", RESIDENT], capture_output=True, text=True, check=True, timeout=60
    )

    loaded = set(json.loads(done.stdout))

    assert loaded & HEAVY == set()


def test_httpx_can_still_be_imported_whole_by_others() -> None:
    code = (
        "from palingenesis.wire.tls import httpx; import importlib, sys; "
        "assert 'httpx._main' not in sys.modules; httpx.Client(verify=False).close()"
    )

    subprocess.run([sys.executable, "-c", code], check=True, timeout=60)
