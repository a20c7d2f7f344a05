"""What the assistant's server answers: plain questions in, plain answers out.

Executed when a request arrives, which may be after the daemon that sent it has died.
"""

from typing import Any, NamedTuple

from tests.torture.night.house import House, Said, Stopped, Talk


class View(NamedTuple):
    """A session as a poll, or the freshness check, finds it."""

    id: str
    doing: str
    block: str
    stop: Stopped | None
    said: tuple[Said, ...]
    key_seen: bool
    key_answered: bool
    done: int
    total: int
    title: str
    progress: int


def answer(house: House, what: str, *args: Any) -> Any:
    """Do what a request asks for."""
    return _ANSWERS[what](house, *args)


def _view(house: House, id_: str, key: str = "") -> View | None:
    talk = house.talks.get(id_)
    if talk is None:
        return None
    seen = talk.keys.get(key)
    if key:
        house.mark("looked", id_, key)
    return View(
        talk.id,
        talk.doing,
        talk.block,
        talk.stop,
        tuple(talk.said),
        seen is not None,
        seen is not None and seen[1],
        talk.done,
        talk.total,
        talk.title,
        talk.progress,
    )


def _list(house: House) -> tuple[View, ...]:
    return tuple(view for id_ in house.talks if (view := _view(house, id_)) is not None)


def _prompt(house: House, id_: str, key: str, meant: str) -> bool:
    """Take a prompt in. `key` "" is a prompt without one: every request is a new prompt."""
    talk = house.talks.get(id_)
    if talk is None:
        return False
    if not key:
        house.serial += 1
        key = f"keyless-{house.serial}"
    known = key in talk.keys
    if talk.block:
        house.mark("typed", id_, key)
    if talk.doing != "rest":
        if not known:
            house.mark("joined", id_, key, meant)
            talk.keys[key] = (house.say(talk, "ours"), False)
        return True
    if known and talk.keys[key][1] and key not in talk.failed:
        return True
    if not known:
        talk.keys[key] = (house.say(talk, "ours"), False)
    house.begin(talk, key=key, meant=meant, again=known)
    return True


def _abort(house: House, id_: str, key: str, quiet: bool) -> bool:
    talk = house.talks.get(id_)
    if talk is None or talk.doing not in {"work", "retry", "blocked"}:
        return False
    house.mark("abort", id_, key)
    talk.failed.add(talk.key)
    if quiet:
        # Nobody is told, but the conversation says so to whoever reads it.
        house._come_to_rest(talk, "user_abort", suffix=":abort", quietly=True)
        return True
    house._come_to_rest(talk, "user_abort", suffix=":abort")
    return True


def _find(house: House, key: str, from_: str, stop: str) -> tuple[str, bool] | None:
    """The session that this effect created, and whether it was prompted."""
    for talk in house.talks.values():
        same = talk.made_for == (from_, stop) and not talk.said
        if talk.origin == key or same:
            seen = talk.keys.get(key)
            return talk.id, seen is not None and (talk.doing != "rest" or seen[1])
    return None


def _create(house: House, key: str, from_: str, stop: str) -> str:
    house.heirs += 1
    id_ = f"ses_h{house.heirs}"
    old = house.talks[from_]
    house.talks[id_] = Talk(
        id=id_,
        script=old.script,
        total=old.total,
        done=old.done,
        title=old.title,
        origin=key,
        made_for=(from_, stop),
    )
    old.script = []
    house.mark("create", id_, key, from_)
    house.signal("new", id_)
    return id_


_ANSWERS: dict[str, Any] = {
    "list": _list,
    "look": _view,
    "prompt": _prompt,
    "abort": _abort,
    "find": _find,
    "create": _create,
}


def moved_on(view: View, stop_key: str, wall_of_down: float | None) -> str:
    """What a session did after its stop, unless it is nothing or our own doing."""
    if wall_of_down is not None:
        return _what_came([said for said in view.said if said.wall > wall_of_down], "")
    anchor = stop_key.partition(":")[0]
    place = next((i for i, said in enumerate(view.said) if said.id == anchor), None)
    if place is None:
        return "" if not stop_key or anchor == "msg_0" else "it is no longer to be found"
    return _what_came(list(view.said[place + 1 :]), anchor)


def _what_came(later: list[Said], anchor: str) -> str:
    for said in later:
        if said.who == "person":
            return "somebody has prompted it since"
        if said.who == "assistant" and said.parent != anchor:
            return "it has answered since"
    return ""
