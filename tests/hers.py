"""A program of the person's own, as far as its name, its home and its age go: it is a `cat`."""

import shutil
import subprocess
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def an_opencode(folder: Path, environment: Mapping[str, str]) -> Iterator[int]:
    """A process that is called `opencode`; its pid, once it is wholly there."""
    program = folder / "own" / "opencode"
    program.parent.mkdir()
    shutil.copy(shutil.which("cat") or "", program)
    with subprocess.Popen(
        [program], env=dict(environment), stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        process.stdin.write(b"are you there?\n")
        process.stdin.flush()
        process.stdout.readline()
        try:
            yield process.pid
        finally:
            process.kill()
