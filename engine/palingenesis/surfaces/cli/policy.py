"""`policy`: write a policy, check it, rehearse it, and see what it does. One module a command."""

import click

from palingenesis.surfaces.cli.lazy import LazyGroup, Sections

SECTIONS: Sections = {
    "Write": {
        "init": ("policy_init:init", "A commented policy to begin with."),
        "fmt": ("policy_fmt:fmt", "The canonical layout; what a policy does stays the same."),
        "migrate": ("policy_migrate:migrate", "Bring an older policy to this version."),
        "schema": ("policy_schema:schema", "The schema for your editor."),
        "facts": ("policy_facts:facts", "What a condition may ask about."),
        "actions": ("policy_actions:actions", "What a rule may do."),
    },
    "Check": {
        "validate": ("policy_validate:validate", "Every mistake of a policy, and the way out."),
        "trust": ("policy_trust:trust", "Let a project's policy do more than tighten your own."),
        "lint": ("policy_lint:lint", "What a careful author would want to know about it."),
        "prove": ("policy_prove:prove", "What holds whatever happens, or the example against it."),
    },
    "Rehearse": {
        "record": ("policy_record:record", "An incident of the journal becomes a test."),
        "test": ("policy_test:test", "Run the unit tests of policies, and say what they cover."),
        "coverage": ("policy_coverage:coverage", "Which parts of a policy its life never used."),
        "simulate": ("simulate:simulate", "A night on a virtual clock, before the real one."),
    },
    "In the running daemon": {
        "reload": ("policy_reload:reload", "Read the policy again, or tell what that would do."),
        "shadow": ("policy_shadow:shadow", "Try a policy beside the one in force."),
    },
    "Understand": {
        "diff": ("policy_diff:diff", "For which facts two policies do different things."),
        "explain": ("policy_explain:explain", "Why it decides so, and what would change it."),
        "graph": ("policy_graph:graph", "How a policy decides, and how a session lives."),
        "show": ("policy_show:show", "The policy in force, or the one that would be."),
    },
}
"""Every command: its section, where it lives, and its one line of help."""


@click.group(cls=LazyGroup, sections=SECTIONS)
def policy() -> None:
    """Write, check and rehearse policies, and see what they do."""
