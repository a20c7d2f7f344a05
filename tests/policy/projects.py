"""Policies of projects, upon the essentials."""

from palingenesis.core.policy.compile import Compiled
from palingenesis.core.policy.outside import Loaded
from palingenesis.core.policy.project import Project, compile_project
from tests.policy.texts import HERE, PRESETS, SCHEMA

ESSENTIALS = (PRESETS / "essentials@1.yaml").read_text(encoding="utf-8")


def of_project(text: str, own: str = ESSENTIALS, *, trusted: bool = False) -> Compiled:
    project = Project(directory="/home/ada/app", text=text, trusted=trusted)
    base = Loaded(name="/home/ada/policy.yaml", text=own)
    return compile_project(project, base, schema=SCHEMA, params={}, outside=HERE)
