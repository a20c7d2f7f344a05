"""A short-lived process that compiles one policy: `python -m palingenesis.sensors.policy_compiler`.

Its argument is a `Job` as a JSON object. The policy comes on standard input; one JSON object goes
to standard output: `resolved` with its `digest`, or `resolved` null and `problems`, one line each;
and `files`, the other files that it extends or would like to. Memory and processor time are
limited, whatever the text is.
"""

import contextlib
import json
import os
import resource
import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from palingenesis.core.policy.compile import compile_text
from palingenesis.core.policy.diagnostics import Diagnostic, Grade
from palingenesis.runtime.outside import Neighbours, outside_of
from palingenesis.runtime.trust import why_untrusted

MEMORY_BYTES_MAX = 1024**3
PROCESSOR_S_MAX = 20
TEXT_BYTES_MAX = 1024**2
PROBLEMS_MAX = 50


@dataclass(frozen=True, slots=True, kw_only=True)
class Job:
    """What the compiler is asked for."""

    name: str
    schema: str
    """The schema's file."""
    presets: str
    """The folder of the shipped presets."""
    place: str
    """The policy's file: what it extends is looked for beside it, and problems are told in it."""
    params: dict[str, str] = field(default_factory=dict)


def compile_policy(data: bytes, job: Job, outside: Neighbours) -> Any:
    """Compile a text to the plain answer that is printed."""
    schema = Path(job.schema).read_text(encoding="utf-8")
    compiled = compile_text(
        data, name=job.name, schema=schema, params=job.params, outside=outside.outside
    )
    files = [str(path) for path in outside.asked]
    if compiled.policy is not None:
        made = compiled.policy
        return {"resolved": made.resolved, "digest": made.digest, "files": files}
    errors = [one for one in compiled.diagnostics if one.severity is Grade.ERROR]
    problems = [render(job.place, error) for error in errors[:PROBLEMS_MAX]]
    if len(errors) > PROBLEMS_MAX:
        problems.append(f"{job.place}: and {len(errors) - PROBLEMS_MAX} more errors")
    return {"resolved": None, "problems": problems, "files": files}


def render(place: str, problem: Diagnostic) -> str:
    """A diagnostic on one line, with its way out."""
    where = f"{problem.file or place}:{problem.line}:{problem.col}"
    advice = f" (help: {problem.help})" if problem.help else ""
    return f"{where}: {problem.severity.value}[{problem.code}]: {problem.message}{advice}"


def main() -> None:
    """Read, compile, print."""
    with contextlib.suppress(OSError, ValueError):
        resource.setrlimit(resource.RLIMIT_AS, (MEMORY_BYTES_MAX, MEMORY_BYTES_MAX))
        resource.setrlimit(resource.RLIMIT_CPU, (PROCESSOR_S_MAX, PROCESSOR_S_MAX))
    job = Job(**json.loads(sys.argv[1]))
    outside = outside_of(
        Path(job.place), presets=Path(job.presets), environ=os.environ, distrust=why_untrusted
    )
    answer = compile_policy(sys.stdin.buffer.read(TEXT_BYTES_MAX), job, outside)
    sys.stdout.write(json.dumps(answer))


if __name__ == "__main__":
    main()
