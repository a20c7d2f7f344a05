"""What a project may say about the configuration: nothing, and that is said.

One daemon serves all projects of a person, and whoever works in a project, an agent too, can write
its files. A file there could name the program that is run, or send what happens to strangers. What
a project may ask for it asks in its policy, which can only tighten the person's own.
"""

from pathlib import Path
from typing import Final

FILE: Final = ".palingenesis/config.toml"


def told_of_project(directory: Path) -> list[str]:
    """A warning about a project's file, for the folder that somebody stands in or one above."""
    for folder in (directory, *directory.parents):
        file = folder / FILE
        if file.exists():
            why = "a project cannot configure the daemon; its policy may tighten yours"
            return [f"{file}: warning: it is not read: {why} (.palingenesis/policy.yaml)"]
    return []
