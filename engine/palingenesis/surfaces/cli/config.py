"""`config`: see, write, check and change the configuration. One module a kind of command."""

import click

from palingenesis.surfaces.cli.lazy import LazyGroup, Sections

SECTIONS: Sections = {
    "See": {
        "show": ("config_show:show", "Every value, and with --origin where it is from."),
        "path": ("config_show:path", "Where the file is."),
        "validate": ("config_show:validate", "Every mistake, and the way out."),
        "schema": ("config_show:schema", "The schema for your editor."),
    },
    "Change": {
        "init": ("config_change:init", "A commented file to begin with."),
        "set": ("config_change:set_key", "Change one value; comments stay."),
        "unset": ("config_change:unset", "Take one value out: the default holds again."),
        "edit": ("config_change:edit", "Open it in your editor, and check it after."),
        "migrate": ("config_change:migrate", "Bring an older file to the names of today."),
    },
}
"""Every command: its section, where it lives, and its one line of help."""

EXAMPLES = """\b
Examples:
  palingenesis config init                          a commented file
  palingenesis config set daemon.log_level debug
  palingenesis config show --origin                 what holds, and who said so
  palingenesis config validate
"""


@click.group(cls=LazyGroup, sections=SECTIONS, epilog=EXAMPLES)
def config() -> None:
    """See and change how the daemon runs and whom it tells.

    A flag wins over a variable of the environment, that over the file, that over the default.
    """
