"""Test files on disk: which there are, which policy each tests, and what came of running them."""

import contextlib
import os
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

from palingenesis import shipped
from palingenesis.core.errors import InvalidConfigError
from palingenesis.core.policy.compile import Compiled
from palingenesis.core.policy.diagnostics import Diagnostic, Span
from palingenesis.core.policy.model import Policy
from palingenesis.runtime.bounded_file import why_not
from palingenesis.runtime.zones import zones_of
from palingenesis.simulation.testing.coverage import Coverage, coverage_of
from palingenesis.simulation.testing.model import TestFile
from palingenesis.simulation.testing.reading import check_against, is_test_file, read_tests
from palingenesis.simulation.testing.running import TestResult, observations, run
from palingenesis.surfaces.cli.given_file import read_given
from palingenesis.surfaces.cli.other_kinds import other_kind
from palingenesis.surfaces.cli.policy_text import compile_here

SUFFIX = ".test.yaml"


@dataclass(frozen=True, slots=True, kw_only=True)
class Ran:
    """One test file that was run, or was not because of `diagnostics` (those of `blamed`)."""

    path: Path
    text: bytes = field(repr=False)
    blamed: Path
    blamed_text: bytes = field(repr=False)
    diagnostics: tuple[Diagnostic, ...] = ()
    sources: Mapping[str, str] = field(default_factory=dict, repr=False)
    """The texts of the files that the policy extends, by their names."""
    file: TestFile | None = None
    policy: Policy | None = None
    policy_path: Path | None = None
    policy_text: bytes = field(default=b"", repr=False)
    results: tuple[TestResult, ...] = ()


@dataclass(frozen=True, kw_only=True)
class Suite:
    """Every test file of one run."""

    ran: tuple[Ran, ...]

    def count(self, outcome: str) -> int:
        """How many tests ended so: `passed`, `failed`, `todo`."""
        return sum(test.outcome == outcome for one in self.ran for test in one.results)

    @property
    def unreadable(self) -> bool:
        """Whether a test file, or its policy, could not be used."""
        return any(one.policy is None for one in self.ran)

    @cached_property
    def coverage(self) -> tuple[tuple[Path, Policy, Coverage], ...]:
        """The coverage of each policy by all the tests that were run on it."""
        by_policy: dict[tuple[Path, str], list[Ran]] = {}
        for one in self.ran:
            if one.policy is not None and one.policy_path is not None:
                by_policy.setdefault((one.policy_path, one.policy.digest), []).append(one)
        found = []
        for (path, _), ran in by_policy.items():
            policy = ran[0].policy
            assert policy is not None, "only what has a policy is grouped by it"
            seen = (one for it in ran for one in observations(it.results))
            found.append((path, policy, coverage_of(policy, seen, own=True)))
        return tuple(found)

    def contents(self) -> dict[Path, bytes]:
        """Every file that was read, and what was in it."""
        found = {one.path: one.text for one in self.ran}
        for one in self.ran:
            if one.policy_path is not None:
                found[one.policy_path] = one.policy_text
            files = {name: text for name, text in one.sources.items() if name.startswith("/")}
            found |= {Path(name): text.encode() for name, text in files.items()}
        return found


def find_files(paths: Sequence[Path]) -> list[Path]:
    """The test files meant: each file given, and below each directory all `*.test.yaml`.

    A policy stands for the tests beside it.

    Raises:
        InvalidConfigError: there is no such path, or no test in it.
    """
    found: dict[Path, None] = {}
    for path in paths:
        if not path.exists():
            raise InvalidConfigError(
                f"cannot read {path}: no such file or directory",
                hint=f"give a directory, or a file named like night{SUFFIX}",
            )
        if path.is_dir():
            inside = (one for one in sorted(path.rglob(f"*{SUFFIX}")) if one.is_file())
            found |= dict.fromkeys(one for one in inside if not _is_hidden(one, path))
        else:
            found[_tests_in(path)] = None
    return list(found)


def _tests_in(path: Path) -> Path:
    """A file of tests itself, or the one beside a policy."""
    beside = path.with_name(path.stem + SUFFIX)
    if path.name.endswith(SUFFIX) or is_test_file(read_given(path)):
        return path
    if not beside.is_file():
        raise InvalidConfigError(
            f"{path} has no 'tests', and there is no {beside.name} beside it",
            hint=other_kind(read_given(path), str(path)) or f"write its tests into {beside.name}",
        )
    return beside


def _is_hidden(file: Path, below: Path) -> bool:
    """Whether a directory on the way is hidden, or holds somebody else's packages."""
    inside = file.parts[len(below.parts) : -1]
    return any(part.startswith(".") or part == "node_modules" for part in inside)


def run_files(files: Iterable[Path], named: str, progress: Callable[[Ran], None]) -> Suite:
    """Run test files, one after the other; `progress` is told of each as it is done."""
    compiled: dict[tuple[Path, tuple[tuple[str, str], ...]], tuple[bytes, Compiled]] = {}
    ran: list[Ran] = []
    for path in files:
        one = _run_file(path, named, compiled)
        progress(one)
        ran.append(one)
    return Suite(ran=tuple(ran))


def _run_file(
    path: Path,
    named: str,
    compiled: dict[tuple[Path, tuple[tuple[str, str], ...]], tuple[bytes, Compiled]],
) -> Ran:
    text = read_given(path)
    read = read_tests(text, zones_of(os.environ))
    if read.file is None:
        return Ran(
            path=path, text=text, blamed=path, blamed_text=text, diagnostics=read.diagnostics
        )
    policy_path, trouble = policy_of(path, read.file)
    if trouble:
        return Ran(
            path=path,
            text=text,
            blamed=path,
            blamed_text=text,
            diagnostics=_about_policy(read.file, trouble),
        )
    key = (policy_path, tuple(sorted(read.file.params.items())))
    if key not in compiled:
        compiled[key] = _compile(policy_path, read.file)
    source, made = compiled[key]
    if made.policy is None:
        return Ran(
            path=path,
            text=text,
            blamed=policy_path,
            blamed_text=source,
            diagnostics=made.diagnostics,
            sources=made.sources,
            policy_path=policy_path,
            policy_text=source,
        )
    told = check_against(read.file, made.policy)
    fine = not read.file.findings.refused
    return Ran(
        path=path,
        text=text,
        blamed=path,
        blamed_text=text,
        diagnostics=told,
        file=read.file,
        policy=made.policy if fine else None,
        policy_path=policy_path,
        policy_text=source,
        sources=made.sources,
        results=run(read.file, made.policy, named=named) if fine else (),
    )


def policy_of(path: Path, file: TestFile) -> tuple[Path, str]:
    """The policy that a test file tests, and why there is none ("" if there is one)."""
    name = file.policy
    if not name:
        beside = path.with_name(path.name.removesuffix(SUFFIX) + ".yaml")
        if beside != path and beside.is_file():
            return beside, ""
        return beside, f"it names no policy, and there is no {beside.name} beside it"
    here = path.parent / Path(name).expanduser()
    if here.is_file():
        return here, ""
    if name in shipped.policy_names():
        return shipped.policy(name), ""
    return here, f"there is no policy '{name}' beside it, and none of that name ships"


def _about_policy(file: TestFile, trouble: str) -> tuple[Diagnostic, ...]:
    node = file.policy_node
    advice = f"'policy: night.yaml', or a shipped one: {', '.join(shipped.policy_names())}"
    if node is not None:
        file.findings.add("T203", trouble, node.span, advice)
    else:
        file.findings.add("T202", trouble, Span(0, 1), advice)
    return file.findings.in_order()


def write(ran: Ran, text: str) -> None:
    """Put a new text in the place of a test file, all at once.

    Raises:
        InvalidConfigError: it cannot be written.
    """
    path = Path(os.path.realpath(ran.path))
    mark = b"\xef\xbb\xbf" if ran.text.startswith(b"\xef\xbb\xbf") else b""
    fresh = path.with_name(f".{path.name}.{os.getpid()}.new")
    try:
        mode = path.stat().st_mode
        fresh.write_bytes(mark + text.encode("utf-8"))
        fresh.chmod(mode & 0o7777)
        fresh.replace(path)
    except OSError as error:
        with contextlib.suppress(OSError):
            fresh.unlink()
        raise InvalidConfigError(f"cannot write {ran.path}: {why_not(error)}") from error


def _compile(path: Path, file: TestFile) -> tuple[bytes, Compiled]:
    source = read_given(path)
    return source, compile_here(source, path, params=file.params)
