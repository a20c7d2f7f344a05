"""The command line: a client of the control door that speaks the glossary's words."""

import signal
import sys


def main() -> None:
    """Run the command line with the process's arguments and exit with its code.

    Ctrl-C ends it without a word at any moment: by the signal itself while modules are imported
    and after everything was said, and with exit code 130 in between, where there is to tidy up.
    Whoever had us started with the signal ignored, as `nohup` does, is not interrupted.
    """
    ours = signal.getsignal(signal.SIGINT) is signal.default_int_handler
    if ours:
        signal.signal(signal.SIGINT, signal.SIG_DFL)
    from palingenesis.surfaces.cli.program import run

    try:
        if ours:
            signal.signal(signal.SIGINT, signal.default_int_handler)
        code = run(sys.argv[1:])
    except KeyboardInterrupt:
        code = 130
    if ours:
        signal.signal(signal.SIGINT, signal.SIG_DFL)
    sys.exit(code)
