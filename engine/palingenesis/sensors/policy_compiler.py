"""A short-lived process that compiles one policy: `python -m palingenesis.sensors.policy_compiler`.

Arguments: the policy's name, the schema's file, parameters as a JSON object, and what the file is
called where a problem is told. The policy comes on standard input; one JSON object goes to standard
output: `resolved` with its `digest`, or `resolved` null and `problems`, one line each. Memory and
processor time are limited, whatever the text is.
"""

import contextlib
import json
import resource
import sys
from pathlib import Path
from typing import Any

from palingenesis.core.policy.compile import compile_text
from palingenesis.core.policy.diagnostics import Diagnostic, Grade

MEMORY_BYTES_MAX = 1024**3
PROCESSOR_S_MAX = 20
TEXT_BYTES_MAX = 1024**2
PROBLEMS_MAX = 50


def compile_policy(
    data: bytes, *, name: str, schema: str, params: dict[str, str], place: str
) -> Any:
    """Compile a text to the plain answer that is printed."""
    compiled = compile_text(data, name=name, schema=schema, params=params)
    if compiled.policy is not None:
        return {"resolved": compiled.policy.resolved, "digest": compiled.policy.digest}
    errors = [one for one in compiled.diagnostics if one.severity is Grade.ERROR]
    problems = [render(place, error) for error in errors[:PROBLEMS_MAX]]
    if len(errors) > PROBLEMS_MAX:
        problems.append(f"{place}: and {len(errors) - PROBLEMS_MAX} more errors")
    return {"resolved": None, "problems": problems}


def render(place: str, problem: Diagnostic) -> str:
    """A diagnostic on one line, with its way out."""
    where = f"{place}:{problem.line}:{problem.col}"
    advice = f" (help: {problem.help})" if problem.help else ""
    return f"{where}: {problem.severity.value}[{problem.code}]: {problem.message}{advice}"


def main() -> None:
    """Read, compile, print."""
    with contextlib.suppress(OSError, ValueError):
        resource.setrlimit(resource.RLIMIT_AS, (MEMORY_BYTES_MAX, MEMORY_BYTES_MAX))
        resource.setrlimit(resource.RLIMIT_CPU, (PROCESSOR_S_MAX, PROCESSOR_S_MAX))
    name, schema, params, place = sys.argv[1:5]
    answer = compile_policy(
        sys.stdin.buffer.read(TEXT_BYTES_MAX),
        name=name,
        schema=Path(schema).read_text(encoding="utf-8"),
        params=json.loads(params),
        place=place,
    )
    sys.stdout.write(json.dumps(answer))


if __name__ == "__main__":
    main()
