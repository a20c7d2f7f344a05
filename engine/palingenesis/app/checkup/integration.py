"""Our plugin in the person's own OpenCode: there or not, whose, how old, for which daemon."""

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Final

from palingenesis.app.checkup.finding import Finding, good, note, warning
from palingenesis.app.checkup.patient import Patient
from palingenesis.app.integrating import Integration, Standing, running
from palingenesis.core.errors import PalingenesisError
from palingenesis.core.values import Way
from palingenesis.runtime.trust import way_out, why_untrusted

_ACTED_UPON: Final = frozenset({Way.MANAGED.value, Way.INTEGRATED.value})
_INTEGRATE: Final = "palingenesis integrate opencode"


def plugin(patient: Patient) -> Iterator[Finding]:
    """Whether the plugin is there, and as it should be."""
    found = Integration.find(patient.environ, patient.paths.socket)
    path = found.place.path
    match found.standing:
        case Standing.ABSENT:
            yield _absent(patient)
        case Standing.FOREIGN:
            yield warning(f"{path} is not ours: your own OpenCode is only watched", _way(found))
        case Standing.EDITED:
            yield warning(f"{path} was changed by hand", _way(found))
        case Standing.OUTDATED:
            told = found.differences or ("in other words",)
            yield warning(f"{path} is not as it should be: {'; '.join(told)}", _way(found))
        case Standing.CURRENT:
            yield good(f"your own OpenCode lets us in: version {found.version} at {path}")
    for copy in found.copies:
        yield warning(f"OpenCode loads {copy}, too", f"rm {copy}")
    if found.place.installed is not None:
        yield from _changeable(found)
        yield from _older_programs(patient, found)


def _absent(patient: Patient) -> Finding:
    try:
        found = patient.executable
    except PalingenesisError:
        return note("not there: there is no OpenCode that could load the plugin")
    return note(f"{found} in a terminal is only watched: our plugin is not there", _INTEGRATE)


def _way(found: Integration) -> str:
    """What makes it as it should be."""
    try:
        found.installation()
    except PalingenesisError as error:
        return f"{error.hint}, then: {_INTEGRATE}"
    return _INTEGRATE


def _changeable(found: Integration) -> Iterator[Finding]:
    """Whoever can change the file runs what they like in the person's name."""
    if why := why_untrusted(found.place.path):
        yield warning(why, way_out(found.place.path))


def _older_programs(patient: Patient, found: Integration) -> Iterator[Finding]:
    """Programs that were started before the plugin was written do not have it, or an older one.

    One that loaded it late lets us in all the same, and a daemon that runs knows it.
    """
    written = datetime.fromtimestamp(found.place.path.stat().st_mtime, UTC)
    agents = patient.running["agents"] if patient.running is not None else ()
    known = {one["pid"] for one in agents if one["pid"] and one["way"] in _ACTED_UPON}
    for one in running(found.place.path, besides=known):
        if one.started_at < written:
            said = f"OpenCode (pid {one.identity.pid}) was started before the plugin was written"
            yield note(said, "end it and start it anew when it suits you: it is only watched")
