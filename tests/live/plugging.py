"""Our plugin in the OpenCode of a night, as `palingenesis integrate opencode` puts it there."""

from pathlib import Path

from palingenesis import assistants
from tests.live.night import Night

SHIPPED = Path(assistants.__path__[0]) / "opencode" / "plugin" / "palingenesis.js"


def plug_in(night: Night) -> Path:
    """Install the plugin; every OpenCode that begins from now on has it."""
    place = night.home.config_file.parent / "plugin" / SHIPPED.name
    place.parent.mkdir(exist_ok=True)
    socket = night.root / "run" / "control.sock"
    text = SHIPPED.read_text(encoding="utf-8")
    assert 'const SOCKET = ""' in text
    place.write_text(text.replace('const SOCKET = ""', f'const SOCKET = "{socket}"'))
    return place
