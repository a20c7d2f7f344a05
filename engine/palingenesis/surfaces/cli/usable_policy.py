"""A policy that was named on the command line, ready to be worked with."""

import click

from palingenesis.core.errors import InvalidConfigError
from palingenesis.core.policy.model import Policy
from palingenesis.surfaces.cli.given_policy import GivenPolicy
from palingenesis.surfaces.cli.other_kinds import way_out
from palingenesis.surfaces.cli.policy_text import compile_here, render


def usable_given(given: GivenPolicy) -> Policy:
    """The policy; what is wrong with it is on stderr.

    Raises:
        InvalidConfigError: it cannot be used.
    """
    compiled = compile_here(given.raw, given.path)
    if compiled.policy is None:
        told = render(compiled.diagnostics, given.raw, given.said, compiled.sources)
        click.echo(told, err=True, nl=False)
        raise InvalidConfigError(
            f"the policy {given.said} cannot be used",
            hint=way_out(given.raw, given.said),
        )
    return compiled.policy
