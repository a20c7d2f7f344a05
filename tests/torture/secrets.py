"""Ten planted secrets, and every place where a text of ours can end up.

    python -m tests.torture.secrets --count 20 --seed 1

Each round plays a night with the real daemon, the stand-in OpenCode, a scripted provider and a
webhook. Ten fresh secrets are planted where secrets really are: the environment, the
configuration, a provider's error messages (as they are, escaped for a URL, in base64), titles,
commands that ask for permission, questions, what a hook prints, paths in errors. Then every sink
is searched for each of them in every form, and for any twelve characters of it in a row, which
finds one that was split: the daemon's log, the journal with its snapshots and everything else in
the state directory, the notices, what is sent by OpenTelemetry, what every command prints (text,
JSON, and its complaints), command lines and the environment of the agent. Exits with 1 on any hit.

Not searched, because it is the person's own or OpenCode's: session backups, the server's own log
and its record (mode 0600), and OpenCode's database.
"""

import argparse
import base64
import json
import random
import string
import sys
import time
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from urllib.parse import quote, quote_plus

import psutil

from palingenesis.demo.replies import Status, Text, Tool
from tests.live.night import Night
from tests.telemetry.collector import collecting
from tests.torture.standing_in import stand_in
from tests.torture.telling import commit

WINDOW = 12
POLICY = """\
version: 1
rules:
  - id: tell
    when: stop.reason != 'completed'
    do:
      - log: {message: "${session.title}: ${stop.message}"}
      - notify: {severity: critical, message: "${session.title}: ${stop.message}"}
      - run: {hook: leaky}
      - attention: {reason: "${stop.message}"}
default: {do: [attention]}
"""
CONFIG = """
webhook_secret = {{ env = "OUR_HOOK_SECRET" }}

[otel]
enabled = true
endpoint = "{collector}"

[hooks.leaky]
argv = ["{python}", "-c", "print('hook says {said}'); raise SystemExit(3)"]
"""
COMMANDS = (
    ("status",), ("sessions",), ("events", "--limit", "1000"), ("explain",), ("doctor",),
    ("preflight",), ("policy", "show"), ("daemon", "status"), ("replay",),
    ("daemon", "reload"), ("policy", "facts"), ("logs",), ("metrics", "export"),
)  # fmt: skip


@dataclass(frozen=True)
class Planted:
    """The secrets of one night, by what they are."""

    by_name: Mapping[str, str]

    def __getitem__(self, name: str) -> str:
        return self.by_name[name]


def planted(seed: int) -> Planted:
    """Ten fresh ones, each in the form that its kind really has."""
    dice = random.Random(seed)

    def letters(count: int, alphabet: str = string.ascii_letters + string.digits) -> str:
        text = "".join(dice.choice(alphabet) for _ in range(count - 2))
        return f"{text}7q"  # never only letters, which would be a word

    def part(count: int) -> str:
        raw = letters(count).encode()
        return base64.urlsafe_b64encode(raw).decode().rstrip("=")

    return Planted(
        {
            "provider key in the environment": letters(40, "0123456789abcdef"),
            "provider key by its looks": f"sk-proj-{letters(40)}",
            "webhook address": f"{letters(9).upper()}/{letters(11).upper()}/{letters(24)}",
            "webhook secret": f"whsec_{base64.b64encode(letters(32).encode()).decode()}",
            "bearer token": letters(36),
            "password in an address": letters(20),
            "private key": letters(64),
            "signed token": f"eyJ{part(20)}.{part(40)}.{part(30)}",
            "password by its name": letters(18),
            "cookie": letters(32),
        }
    )


def forms(secret: str) -> Iterator[tuple[str, bytes]]:
    """The ways to write a secret that are looked for; made here without the product's help."""
    raw = secret.encode()
    yield "raw", raw
    yield "url", quote(secret, safe="").encode()
    yield "url form", quote_plus(secret).encode()
    yield "json", json.dumps(secret)[1:-1].encode()
    yield "hex", raw.hex().encode()
    for before in range(3):
        encoded = base64.b64encode(b"#" * before + raw + b"#" * 3)
        middle = encoded[4 : 4 * ((before + len(raw)) // 3)]
        yield f"base64+{before}", middle
        yield f"base64url+{before}", middle.translate(bytes.maketrans(b"+/", b"-_"))
    for start in range(len(raw) - WINDOW + 1):
        yield f"from {start}", raw[start : start + WINDOW]


@dataclass
class Round:
    """What one night came to."""

    seed: int
    bytes_searched: int = 0
    sinks: set[str] = field(default_factory=set)
    hits: list[str] = field(default_factory=list)
    redacted: int = 0
    """How often something had been redacted: without that there would be nothing to show."""

    def search(self, sink: str, data: bytes, secrets: Planted) -> None:
        """Look for all of them in what came out at one place."""
        self.sinks.add(sink)
        self.bytes_searched += len(data)
        self.redacted += data.count(b"REDACTED")
        for name, secret in secrets.by_name.items():
            found = next((how for how, form in forms(secret) if form in data), None)
            if found is not None:
                self.hits.append(f"{sink}: {name} ({found})")


def errors_of(it: Planted) -> list[tuple[str, str]]:
    """(title, message of the provider's error): what the sessions of the night meet."""
    key, address = it["provider key in the environment"], it["password in an address"]
    header = base64.b64encode(f"Authorization: Bearer {it['bearer token']}".encode()).decode()
    mark = "EC PRIVATE KEY-----"
    return [
        (f"about {it['provider key by its looks']}", f"Incorrect API key provided: {key}"),
        ("escaped", f"no: {quote('api_key=' + it['provider key by its looks'], safe='')}"),
        ("encoded", f"no {header}"),
        (f"Bearer {it['bearer token']}", f"{{'authorization': 'Bearer {it['bearer token']}'}}"),
        ("proxy", f"cannot reach http://ada:{address}@proxy.example:3128/v1 (ECONNREFUSED)"),
        ("key", f"-----BEGIN {mark}\n{it['private key']}\n-----END {mark}"),
        ("token", f"token {it['signed token']} has expired"),
        ("name", f"DB_PASSWORD={it['password by its name']} in /home/ada/.env was refused"),
        ("cookie", f"request had headers cookie: sid={it['cookie']}; path=/"),
        ("hook", f"POST https://hooks.slack.com/services/{it['webhook address']} failed"),
        ("ours", f"we know {it['webhook secret']} and {base64.b64encode(key.encode()).decode()}"),
        ("path", f"ENOENT: no such file /home/ada/{it['provider key by its looks']}/x.json"),
        ("long", "x" * 430 + f" https://ada:{address}@example.org/" + "y" * 300),
    ]  # fmt: skip


def play(opencode: Path, seed: int) -> Round:
    """One night, and the search."""
    secrets, result = planted(seed), Round(seed)
    ask = {"permission": {"bash": "ask"}}
    with (
        collecting() as collector,
        Night(opencode, policy=POLICY, config=ask, daemon_starts=False) as night,
    ):
        config = night.root / "config" / "config.toml"
        said = f"token={secrets['password by its name']} Bearer {secrets['bearer token']}"
        hook = f"{night.told.url}/{secrets['webhook address']}"
        text = config.read_text().replace(night.told.url, hook)
        more = CONFIG.format(python=sys.executable, said=said, collector=collector.url)
        config.write_text(text + more)
        night.start(
            environment={
                "OUR_HOOK_SECRET": secrets["webhook secret"],
                "MYPROVIDER_API_KEY": secrets["provider key in the environment"],
                "OTEL_EXPORTER_OTLP_HEADERS": f"x-key={secrets['webhook secret']}",
            }
        )
        _live(night, secrets)
        _search(night, secrets, result)
        for path, message in collector.taken:
            result.search(f"telemetry: {path}", str(message).encode(), secrets)
            result.search(f"telemetry: {path}", message.SerializeToString(), secrets)
    return result


def _live(night: Night, secrets: Planted) -> None:
    asked = dict(errors_of(secrets))

    def answer(request: object) -> Status | Text | Tool:
        prompt = str(getattr(request, "last_user_text", ""))
        if prompt in asked:
            body = {"error": {"message": asked[prompt], "type": "x", "code": "x"}}
            return Status(status=401, body=body)
        if prompt == "run it":
            command = f"curl -H 'x-api-key: {secrets['provider key in the environment']}' x"
            return Tool(name="bash", arguments={"command": command, "description": "x"})
        if prompt == "ask me":
            question = f"Is {secrets['signed token']} still good?"
            asking = {
                "question": question,
                "header": "x",
                "options": [{"label": "a", "description": "b"}],
            }
            return Tool(name="question", arguments={"questions": [asking]})
        return Text(text="done")

    night.provider.respond(answer)
    sessions = []
    for title in (*asked, "run it", "ask me"):
        info = night.api("POST", "/session", {"title": title})
        sessions.append(str(info["id"]))
        night.prompt(sessions[-1], title)
    *stopped, permission, question = sessions
    for session in stopped:
        night.wait_for(session, "attention", timeout_s=60)
    for session in (permission, question):
        night.wait_for(session, "blocked", timeout_s=60)
    told = len(stopped) + 2
    night.wait(lambda: len(night.told.notices) >= told, 60, lambda: f"{told} notices")


def _search(night: Night, secrets: Planted, result: Round) -> None:
    agent = night.agent_pid()
    assert agent is not None
    for words in COMMANDS:
        for more in ((), ("--json",)):
            done = night.palin(*words, *more)
            name = " ".join((*words[:2], *more))
            result.search(f"command: {name}", (done.stdout + done.stderr).encode(), secrets)
    complaints = (
        ("--debug", "daemon", "run", "--server", f"http://a:{secrets['password in an address']}@h"),
        ("policy", "validate", f"/none/{secrets['provider key by its looks']}.yaml"),
        ("--debug", "explain", f"Bearer {secrets['bearer token']}"),
    )
    for words in complaints:
        done = night.palin(*words)
        result.search("complaints", (done.stdout + done.stderr).encode(), secrets)
    result.search("notices", json.dumps(night.told.notices).encode(), secrets)
    _search_processes(night, agent, secrets, result)
    night.stop()
    result.search("log", night.log().encode(), secrets)
    for path in sorted(night.state.rglob("*")):
        ours = not path.match("opencode-*") and "backups" not in path.parts
        if path.is_file() and ours:
            result.search(f"state: {path.suffix}", path.read_bytes(), secrets)
    for words in (("events",), ("explain",), ("events", "--json"), ("explain", "--json")):
        done = night.palin(*words)
        result.search("with the daemon down", (done.stdout + done.stderr).encode(), secrets)


def _search_processes(night: Night, agent: int, secrets: Planted, result: Round) -> None:
    assert night.daemon is not None
    ours = [psutil.Process(night.daemon.pid), psutil.Process(agent)]
    for process in [*ours, *ours[0].children(recursive=True)]:
        line = Path(f"/proc/{process.pid}/cmdline").read_bytes()
        result.search("command lines", line, secrets)
    environ = Path(f"/proc/{agent}/environ").read_bytes()
    own = {"webhook secret": secrets["webhook secret"]}
    result.search("the agent's environment", environ, Planted(own))
    limits = Path(f"/proc/{night.daemon.pid}/limits").read_text()
    core = next(line for line in limits.splitlines() if line.startswith("Max core file size"))
    result.sinks.add("core image")
    if core.split()[4] != "0":
        result.hits.append(f"core image: {core}")


def main(arguments: list[str] | None = None) -> int:
    """Play the rounds; returns the exit code."""
    parser = argparse.ArgumentParser(prog="python -m tests.torture.secrets", description=__doc__)
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.add_argument("--count", type=int, default=1, help="nights (1)")
    parser.add_argument("--seed", type=int, default=1, help="of the first night (1)")
    parser.add_argument("--resume", type=Path, help="a file that keeps which seeds are done")
    asked = parser.parse_args(arguments)
    began, hits, sinks = time.monotonic(), Counter[str](), set[str]()
    searched = redacted = 0
    done = (
        set(json.loads(asked.resume.read_text()))
        if asked.resume and asked.resume.exists()
        else set()
    )
    with stand_in() as opencode:
        for seed in range(asked.seed, asked.seed + asked.count):
            if seed in done:
                continue
            night = play(opencode, seed)
            searched += night.bytes_searched
            redacted += night.redacted
            sinks |= night.sinks
            for hit in night.hits:
                hits[hit] += 1
                print(f"HIT {hit}: python -m tests.torture.secrets --seed {seed}")
            done.add(seed)
            if asked.resume:
                asked.resume.write_text(json.dumps(sorted(done)))
    print(f"nights: {len(done)} (seeds from {asked.seed}), ten secrets each")
    print(f"sinks: {len(sinks)}, {searched / 1e6:.1f} MB searched, {redacted} places redacted")
    print(f"hits: {sum(hits.values())}")
    print(
        f"date: {datetime.now(UTC):%Y-%m-%d}, commit {commit()}, {time.monotonic() - began:.0f} s"
    )
    return int(bool(hits))


if __name__ == "__main__":
    sys.exit(main())
