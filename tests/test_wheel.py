"""The wheel is the same file whoever builds it, and whenever."""

import hashlib
import os
import subprocess
import sys
from pathlib import Path
from zipfile import ZipFile

from palingenesis.surfaces.cli.lessons import TOPICS

ROOT = Path(__file__).parents[1]


def built(folder: Path, zone: str, mask: int) -> str:
    subprocess.run(
        [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(folder)],
        cwd=ROOT,
        env={**os.environ, "TZ": zone},
        umask=mask,
        check=True,
        capture_output=True,
        timeout=120,
    )
    (wheel,) = folder.glob("*.whl")
    return hashlib.sha256(wheel.read_bytes()).hexdigest()


def test_two_builds_make_the_same_file(tmp_path: Path):
    first = built(tmp_path / "a", "UTC", 0o022)
    second = built(tmp_path / "b", "Asia/Tokyo", 0o077)

    assert first == second


def test_it_brings_manual_pages_completions_schemas_the_plugin_and_pages(tmp_path: Path):
    built(tmp_path, "UTC", 0o022)
    (wheel,) = tmp_path.glob("*.whl")
    inside = {name.partition("/data/")[2] or name for name in ZipFile(wheel).namelist()}

    wanted = {
        *(f"share/man/man1/{page.name}" for page in (ROOT / "man").glob("*.1")),
        "share/bash-completion/completions/palingenesis",
        "share/bash-completion/completions/palin",
        "share/zsh/site-functions/_palingenesis",
        "share/fish/vendor_completions.d/palingenesis.fish",
        *(f"palingenesis/_shipped/schemas/{it.name}" for it in (ROOT / "schemas").glob("*.json")),
        "palingenesis/assistants/opencode/plugin/palingenesis.js",
        *(f"palingenesis/_shipped/docs/reference/{topic}.md" for topic in TOPICS),
    }
    assert wanted - inside == set()
