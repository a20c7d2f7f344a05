"""`python -m palingenesis.demo.stand_in serve --port N --hostname 127.0.0.1`."""

import argparse
import asyncio
import os
import signal
import socket
import sys
from pathlib import Path

from palingenesis.demo import http11
from palingenesis.demo.stand_in import shapes
from palingenesis.demo.stand_in.bus import Bus
from palingenesis.demo.stand_in.house import House
from palingenesis.demo.stand_in.server import Server
from palingenesis.demo.stand_in.settings import InvalidSettingsError, Settings, read_settings
from palingenesis.demo.stand_in.store import Store
from palingenesis.demo.stand_in.turns import Turns
from palingenesis.runtime.clock import SystemClock, SystemDice


def main(arguments: list[str] | None = None) -> int:
    """Serve until a signal; returns the exit status of a start that failed."""
    parser = argparse.ArgumentParser(prog="stand-in", description="A stand-in for OpenCode.")
    parser.add_argument(
        "--version", action="version", version=f"stand-in for OpenCode {shapes.VERSION}"
    )
    commands = parser.add_subparsers(required=True)
    serve = commands.add_parser("serve", help="serve OpenCode's API on a loopback port")
    serve.add_argument("--port", type=int, default=0)
    serve.add_argument("--hostname", default="127.0.0.1")
    serve.add_argument("--print-logs", action="store_true")
    serve.add_argument("--log-level")
    asked = parser.parse_args(arguments)

    # OpenCode dies at once of these two, marking nothing, and ignores the third.
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    signal.signal(signal.SIGHUP, signal.SIG_IGN)
    try:
        settings = read_settings(os.environ, Path.cwd())
        with socket.create_server((asked.hostname, asked.port)) as door:
            asyncio.run(_serve(settings, door))
    except InvalidSettingsError as error:
        _say(f"Error: {error}", sys.stderr.fileno())
        return 1
    except OSError as error:
        _say(f"Error: Unexpected error\n\nServeError: {error}", sys.stderr.fileno())
        return 1
    return 0


async def _serve(settings: Settings, door: socket.socket) -> None:
    clock, dice = SystemClock(), SystemDice()
    ids = shapes.Ids(clock, dice)
    house = House(
        settings=settings,
        store=Store(settings.data),
        bus=Bus(ids),
        ids=ids,
        clock=clock,
        dice=dice,
    )
    if settings.password is None:
        _say("Warning: OPENCODE_SERVER_PASSWORD is not set; server is unsecured.")
    async with asyncio.TaskGroup() as group:
        server = Server(house, Turns(house, group))
        listening = await asyncio.start_server(server.serve, sock=door, limit=http11.LINE_BYTES_MAX)
        hostname, port = door.getsockname()[:2]
        _say(f"opencode server listening on http://{hostname}:{port}")
        async with listening:
            await listening.serve_forever()


def _say(line: str, stream: int | None = None) -> None:
    os.write(sys.stdout.fileno() if stream is None else stream, f"{line}\n".encode())


if __name__ == "__main__":
    sys.exit(main())
