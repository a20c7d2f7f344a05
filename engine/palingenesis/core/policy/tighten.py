"""Tightening: all that the policy of a project may do before somebody trusts it.

It may lower the limits of rules, turn rules that act to shadow or off, and add rules that tell
people or ask for one. It cannot make anything happen to a session that would not happen without
it: where a rule is turned off, a person has to look, and no later rule acts in its place.
"""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any, Final

from palingenesis.core.policy.diagnostics import Findings, Span
from palingenesis.core.policy.read import Listing, Node, Scalar, Table
from palingenesis.core.policy.spelling import span_of
from palingenesis.core.policy.steps import ACTIONS

_TELLING: Final = frozenset({"notify", "snapshot", "log"})
_MERGED: Final = frozenset({"id", "override", "why", "mode", "limit"})
_TRUST: Final = "trust it: palingenesis policy trust FILE"


def tightened(root: Table, own: Table, held: dict[str, str], findings: Findings) -> Table:
    """The document of a project that is not trusted, in the form in which it is inherited upon.

    Args:
        root: the document.
        own: the person's policy, whole.
        held: gets the ids of rules that are turned to shadow or off, with that word.
        findings: gets everything that is no tightening.
    """
    return _Tightening(own, held, findings).checked(root)


class _Tightening:
    """Looks at one document."""

    def __init__(self, own: Table, held: dict[str, str], findings: Findings) -> None:
        self.own = own
        self.held = held
        self.findings = findings
        rules = own.get("rules")
        items = rules.items if isinstance(rules, Listing) else ()
        self.inherited = {_text(rule.get("id")): rule for rule in items if isinstance(rule, Table)}

    def checked(self, root: Table) -> Table:
        """The document, with rules that are turned off written as such, and without `extends`.

        What it would extend is not even looked for: a project must not have us open files.
        """
        for word in ("extends", "default"):
            key = root.key(word)
            if key is not None:
                self._refuse(key.span, f"'{word}' in a policy that is not trusted")
        for kind in ("params", "calendars", "define"):
            self._check_names(kind, root.get(kind))
        entries = tuple(
            (key, self._rules(node) if key.text == "rules" else node)
            for key, node in root.entries
            if key.text != "extends"
        )
        return replace(root, entries=entries)

    def _refuse(self, span: Span, message: str, advice: str = _TRUST) -> None:
        self.findings.add("S021", message, span, advice)

    def _check_names(self, kind: str, node: Node | None) -> None:
        """New names are its own business; the person's names keep their meaning."""
        own = self.own.get(kind)
        known = {key.text for key, _ in own.entries} if isinstance(own, Table) else set()
        for key, _ in node.entries if isinstance(node, Table) else ():
            if key.text in known:
                self._refuse(key.span, f"'{key.text[:40]}' has a meaning in your own policy")

    def _rules(self, node: Node) -> Node:
        if not isinstance(node, Listing):
            return node
        items = (self._rule(item) if isinstance(item, Table) else item for item in node.items)
        return Listing(tuple(items), node.span)

    def _rule(self, rule: Table) -> Table:
        way = rule.get("override")
        if way is None:
            self._check_new(rule)
            return rule
        inherited = self.inherited.get(_text(rule.get("id")))
        if inherited is None or not isinstance(way, Scalar):
            return rule  # said elsewhere
        if way.text == "replace":
            self._refuse(way.span, "a rule is replaced by a policy that is not trusted")
            return rule
        for key, node in rule.entries:
            if key.text not in _MERGED:
                self._refuse(key.span, f"'{key.text[:40]}' of a rule is changed")
            elif key.text == "limit" and isinstance(node, Table):
                self._check_limit(node, inherited)
        return self._turned(rule, way, inherited)

    def _turned(self, rule: Table, way: Scalar, inherited: Table) -> Table:
        """A rule that is turned to shadow or off, which has to be one that acts."""
        word = "off" if way.text == "off" else _text(rule.get("mode"))
        if word not in {"shadow", "off"}:
            if word == "enforce" and _text(inherited.get("mode")) in {"shadow", "off"}:
                self._refuse(rule.span, "a rule is turned on by a policy that is not trusted")
            return rule
        if not any(_touches(step) for step in _steps(inherited.get("do"))):
            name = _text(rule.get("id"))
            self._refuse(rule.span, f"the rule '{name}' protects the session and is turned {word}")
        self.held[_text(rule.get("id"))] = word
        keys = tuple(entry for entry in rule.entries if entry[0].text not in {"override", "mode"})
        merge = replace(way, text="merge", value="merge")
        mode = replace(way, text=word, value=word)
        named = replace(way, text="override", value="override"), merge
        return replace(rule, entries=(*keys, named, (replace(way, text="mode"), mode)))

    def _check_new(self, rule: Table) -> None:
        limit = rule.get("limit")
        then = limit.get("then") if isinstance(limit, Table) else None
        for node in (rule.get("do"), then):
            self._check_plan(node, observes=_observes(rule))

    def _check_plan(self, node: Node | None, *, observes: bool) -> None:
        """Steps that only tell; and when they are what is decided, a person looks at the end."""
        steps = _steps(node)
        self._check_telling(steps)
        if steps and not observes and steps[-1].text != "attention":
            advice = "end with attention, or write 'continue: true'"
            message = "a rule of a policy that is not trusted decides, and no person looks"
            self._refuse(steps[-1].span, message, advice)

    def _check_telling(self, steps: list[Scalar]) -> None:
        for step in steps:
            if step.text in ACTIONS and step.text not in {*_TELLING, "attention"}:
                message = f"'{step.text}' in a policy that is not trusted"
                self._refuse(step.span, message)

    def _check_limit(self, node: Table, inherited: Table) -> None:
        own = inherited.get("limit")
        self._check_plan(node.get("then"), observes=_observes(inherited))
        if not isinstance(own, Table):
            return
        most, least = node.get("max"), own.get("max")
        if _number(most) > _number(least) and most is not None:
            self._refuse(most.span, f"a limit is raised from {_text(least)} to {_text(most)}")
        per, before = node.get("per"), own.get("per")
        span, shortest = span_of(per), span_of(before)
        if per is not None and span is not None and shortest is not None and span < shortest:
            message = f"the window of a limit is shortened from {_text(before)} to {_text(per)}"
            self._refuse(per.span, message)


def _observes(rule: Table) -> bool:
    goes_on = rule.get("continue")
    return isinstance(goes_on, Scalar) and goes_on.value is True


def _text(node: Node | None) -> str:
    return node.text if isinstance(node, Scalar) else ""


def _number(node: Node | None) -> float:
    value = node.value if isinstance(node, Scalar) else None
    return float(value) if isinstance(value, int | float) else 0.0


def _steps(node: Node | None) -> list[Scalar]:
    """The words of the actions under a `do:` or `then:`, with their places."""
    found = []
    for item in node.items if isinstance(node, Listing) else ():
        if isinstance(item, Scalar):
            found.append(item)
        elif isinstance(item, Table) and item.entries:
            found.append(item.entries[0][0])
    return found


def _touches(step: Scalar) -> bool:
    action = ACTIONS.get(step.text)
    return action is not None and action.group in {"control", "gate"}


def guarded(resolved: Mapping[str, Any], held: Mapping[str, str]) -> dict[str, Any]:
    """Behind every rule that was turned to shadow or off, one that asks for a person instead."""
    rules: list[Mapping[str, Any]] = []
    for rule in resolved["rules"]:
        rules.append(rule)
        word = held.get(rule["id"])
        if word is not None:
            same = {key: rule[key] for key in _KEPT if key in rule}
            reason = f"the project's policy has turned the rule '{rule['id']}' to {word}"
            step = {"attention": {"reason": reason}}
            rules.append({**same, "id": f"{rule['id']}-held", "do": [step]})
    return {**resolved, "rules": rules}


_KEPT: Final = ("line", "file", "event", "match", "when", "for")
