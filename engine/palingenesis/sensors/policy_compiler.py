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
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from palingenesis.core.errors import InvalidConfigError
from palingenesis.core.policy.build import digest_of
from palingenesis.core.policy.compile import compile_text
from palingenesis.core.policy.diagnostics import Diagnostic, Grade
from palingenesis.core.policy.outside import Loaded
from palingenesis.runtime.outside import Neighbours, outside_of
from palingenesis.runtime.project_policy import Base, Found, find_project
from palingenesis.runtime.project_trust import TrustStore
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
    projects: list[str] = field(default_factory=list)
    """Directories that sessions work in, which may have a policy of their own."""
    trusted: str = ""
    """The file that says which of these are trusted."""


def compile_policy(data: bytes, job: Job, outside: Neighbours) -> Any:
    """Compile a text to the plain answer that is printed."""
    schema = Path(job.schema).read_text(encoding="utf-8")
    compiled = compile_text(
        data, name=job.name, schema=schema, params=job.params, outside=outside.outside
    )
    files = [str(path) for path in outside.asked]
    if compiled.policy is not None:
        base = Base(
            own=Loaded(name=os.path.realpath(job.place), text=data),
            schema=schema,
            presets=Path(job.presets),
            environ=os.environ,
            params=job.params,
        )
        return {"files": files, **with_projects(compiled.policy.resolved, job, base)}
    errors = [one for one in compiled.diagnostics if one.severity is Grade.ERROR]
    problems = [render(job.place, error) for error in errors[:PROBLEMS_MAX]]
    if len(errors) > PROBLEMS_MAX:
        problems.append(f"{job.place}: and {len(errors) - PROBLEMS_MAX} more errors")
    return {"resolved": None, "problems": problems, "files": files}


def with_projects(resolved: Mapping[str, Any], job: Job, base: Base) -> dict[str, Any]:
    """The answer for a good policy, with what the projects of its sessions ask for."""
    pins, remarks = {}, []
    if job.projects:
        try:
            pins = dict(TrustStore(Path(job.trusted)).pins())
        except InvalidConfigError as error:
            remarks.append(f"no project is trusted: {error.message}")
    overlays = []
    for directory in job.projects:
        found = find_project(directory, base, pins)
        overlay = found.overlay() if found is not None else None
        if overlay is not None:
            overlays.append(overlay)
        elif found is not None:
            remarks += why_unused(found)
    whole = {**resolved, "overlays": overlays} if overlays else dict(resolved)
    return {"resolved": whole, "digest": digest_of(whole), "remarks": remarks}


def why_unused(found: Found) -> list[str]:
    """What is told about a project's policy that cannot be used."""
    if found.compiled is None:
        return [f"{found.file}: {found.trouble}: the project's policy is not used"]
    errors = [one for one in found.compiled.diagnostics if one.severity is Grade.ERROR]
    return [render(str(found.file), error) for error in errors[:PROBLEMS_MAX]]


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
