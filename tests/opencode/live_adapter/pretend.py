"""A program that pretends to be `opencode serve`: enough to be started, adopted and ended.

Run as `python pretend.py MODE serve --port N --hostname H`. It stands alone, because the server
under test starts it as a process.
"""

import base64
import json
import os
import subprocess
import sys
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

mode = sys.argv[1]
if sys.argv[2] == "--version":
    print("2.0.1" if mode == "next" else "1.18.33")
    sys.exit(0)
port = int(sys.argv[sys.argv.index("--port") + 1])
password = os.environ["OPENCODE_SERVER_PASSWORD"]
good = "Basic " + base64.b64encode(f"opencode:{password}".encode()).decode()

if mode == "broken":
    sys.stderr.write("Configuration is invalid at opencode.json, password=hunter2hunter2\n")
    sys.exit(1)
if mode == "tools":
    tool = [sys.executable, "-c", "import time; time.sleep(60)"]
    subprocess.Popen(tool, env={**os.environ, "OPENCODE_PID": str(os.getpid())})


class Handler(BaseHTTPRequestHandler):
    hung_up = mode != "shy"

    def do_GET(self) -> None:
        denied = self.headers.get("authorization") != good and mode != "open"
        if denied and not Handler.hung_up:
            Handler.hung_up = True
            return  # the first stranger gets no answer at all
        body = json.dumps({} if denied else {"healthy": True, "version": "1.18.33"}).encode()
        self.send_response(401 if denied else 200)
        self.send_header("content-type", "application/json")
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def do_POST(self) -> None:
        self.do_GET()

    def log_message(self, *_: object) -> None:
        pass


ThreadingHTTPServer(("127.0.0.1", port), Handler).serve_forever()
