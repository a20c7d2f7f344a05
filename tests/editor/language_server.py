"""The real YAML language server, and as much of its protocol as a test needs, over stdio."""

import json
import os
import select
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from tests.npm import installed

VERSION = "1.25.0"
ANSWER_S_MAX = 60.0
SETTINGS = {
    "validate": True,
    "hover": True,
    "completion": True,
    "schemaStore": {"enable": False},  # nothing from the network
    "format": {"enable": False},
}


class LanguageServer:
    """One server, and the documents that are open in it."""

    def __init__(self, process: "subprocess.Popen[bytes]", folder: Path) -> None:
        self._process = process
        self._folder = folder
        self._buffer = b""
        self._numbers = 0
        self._opened = 0
        self.told: dict[str, list[dict[str, Any]]] = {}
        """The newest diagnostics of each document."""

    def begin(self) -> None:
        self.ask(
            "initialize",
            {
                "processId": os.getpid(),
                "rootUri": self._folder.as_uri(),
                "capabilities": {
                    "textDocument": {
                        "completion": {"completionItem": {"documentationFormat": ["plaintext"]}},
                        "hover": {"contentFormat": ["markdown"]},
                    }
                },
            },
        )
        self._tell("initialized", {})
        self._tell("workspace/didChangeConfiguration", {"settings": {"yaml": SETTINGS}})

    def open(self, text: str) -> str:
        """Open a new document; returns its URI."""
        self._opened += 1
        uri = (self._folder / f"{self._opened}.yaml").as_uri()
        document = {"uri": uri, "languageId": "yaml", "version": 1, "text": text}
        self._tell("textDocument/didOpen", {"textDocument": document})
        return uri

    def close(self, uri: str) -> None:
        self._tell("textDocument/didClose", {"textDocument": {"uri": uri}})

    def diagnostics(self, uri: str) -> list[str]:
        """What the editor would underline, once the server has looked."""
        deadline = time.monotonic() + ANSWER_S_MAX
        while uri not in self.told:
            self._take(self._read(deadline))
        return [one["message"] for one in self.told[uri]]

    def completions(self, uri: str, line: int, character: int) -> dict[str, dict[str, Any]]:
        """What would be offered at a place, counted from 0, by its label."""
        answer = self.ask("textDocument/completion", _at(uri, line, character))
        items = answer["items"] if isinstance(answer, dict) else answer
        return {item["label"]: item for item in items}

    def hover(self, uri: str, line: int, character: int) -> str:
        """What would be shown over a place."""
        answer = self.ask("textDocument/hover", _at(uri, line, character))
        if answer is None:
            return ""
        contents = answer["contents"]
        return contents["value"] if isinstance(contents, dict) else str(contents)

    def ask(self, method: str, params: dict[str, Any]) -> Any:
        """Send a request and wait for its answer."""
        self._numbers += 1
        number = self._numbers
        self._send({"id": number, "method": method, "params": params})
        deadline = time.monotonic() + ANSWER_S_MAX
        while True:
            message = self._read(deadline)
            if message.get("id") == number and "method" not in message:
                assert "error" not in message, message["error"]
                return message.get("result")
            self._take(message)

    def _tell(self, method: str, params: dict[str, Any]) -> None:
        self._send({"method": method, "params": params})

    def _take(self, message: dict[str, Any]) -> None:
        """Answer what the server asks, and remember its diagnostics."""
        if message.get("method") == "textDocument/publishDiagnostics":
            params = message["params"]
            self.told[params["uri"]] = params["diagnostics"]
        elif "id" in message and "method" in message:
            asked = message.get("params", {}).get("items", [])
            answer = [SETTINGS if item.get("section") == "yaml" else None for item in asked]
            self._send({"id": message["id"], "result": answer or None})

    def _send(self, message: dict[str, Any]) -> None:
        body = json.dumps({"jsonrpc": "2.0", **message}).encode()
        assert self._process.stdin is not None
        self._process.stdin.write(b"Content-Length: %d\r\n\r\n%b" % (len(body), body))
        self._process.stdin.flush()

    def _read(self, deadline: float) -> dict[str, Any]:
        """The next message."""
        while b"\r\n\r\n" not in self._buffer:
            self._fill(deadline)
        head, _, rest = self._buffer.partition(b"\r\n\r\n")
        fields = dict(line.split(b": ", 1) for line in head.split(b"\r\n"))
        length = int(fields[b"Content-Length"])
        self._buffer = rest
        while len(self._buffer) < length:
            self._fill(deadline)
        body, self._buffer = self._buffer[:length], self._buffer[length:]
        message: dict[str, Any] = json.loads(body)
        return message

    def _fill(self, deadline: float) -> None:
        assert self._process.stdout is not None
        handle = self._process.stdout.fileno()
        ready, _, _ = select.select([handle], [], [], max(0.0, deadline - time.monotonic()))
        assert ready, "the language server does not answer"
        more = os.read(handle, 65536)
        assert more, "the language server has ended"
        self._buffer += more


def _at(uri: str, line: int, character: int) -> dict[str, Any]:
    return {
        "textDocument": {"uri": uri},
        "position": {"line": line, "character": character},
    }


@contextmanager
def language_server(folder: Path) -> Iterator[LanguageServer]:
    """A server that works in `folder`."""
    program = installed("yaml-language-server", VERSION) / "bin" / "yaml-language-server"
    process = subprocess.Popen(
        ["node", str(program), "--stdio"],
        cwd=folder,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
    )
    try:
        server = LanguageServer(process, folder)
        server.begin()
        yield server
    finally:
        process.kill()
        process.communicate()
