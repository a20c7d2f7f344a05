"""Ground: what every check of a policy stands on."""

from collections.abc import Mapping
from dataclasses import dataclass

from palingenesis.core.policy.calendar_check import Calendars
from palingenesis.core.policy.definitions import Names
from palingenesis.core.policy.diagnostics import Findings
from palingenesis.core.policy.expressions import Scope
from palingenesis.core.policy.outside import Outside


@dataclass(frozen=True, slots=True, kw_only=True)
class Ground:
    """The names and calendars of the policy, what lies outside it, and where problems go."""

    names: Names
    calendars: Calendars
    outside: Outside
    findings: Findings

    @property
    def scope(self) -> Scope:
        """The names that an expression may use."""
        return self.names.scope

    @property
    def texts(self) -> Mapping[str, str]:
        """The parameters' values as text, for messages."""
        return self.names.texts
