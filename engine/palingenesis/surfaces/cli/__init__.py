"""The command line: a client of the control door that speaks the glossary's words."""

import sys


def main() -> None:
    """Run the command line with the process's arguments and exit with its code."""
    from palingenesis.surfaces.cli.program import run

    sys.exit(run(sys.argv[1:]))
