"""What ships with palingenesis: schemas/ and policies/, found in a wheel and in a checkout.

In a wheel they lie inside the package, in `_shipped/`; in a checkout they are the repository's own
top-level folders. This module is the only code that knows the difference.
"""

from pathlib import Path

from palingenesis.core.errors import InvalidConfigError, PalingenesisError

_PACKAGE = Path(__file__).resolve().parent


def folder(name: str) -> Path:
    """The shipped folder `schemas` or `policies`.

    Raises:
        PalingenesisError: the installation is damaged.
    """
    for root in (_PACKAGE / "_shipped", _PACKAGE.parent.parent):
        if (root / name).is_dir():
            return root / name
    raise PalingenesisError(
        f"the shipped folder '{name}' is missing from this installation",
        hint="install palingenesis again",
    )


def policy_names() -> tuple[str, ...]:
    """The names of the shipped policies, sorted."""
    names = (path.stem for path in folder("policies").glob("*.yaml"))
    return tuple(sorted(name for name in names if "." not in name))


def policy(name: str = "default") -> Path:
    """The file of a shipped policy.

    Raises:
        InvalidConfigError: no policy of that name ships.
    """
    if name not in (names := policy_names()):
        raise InvalidConfigError(
            f"no policy named '{name}' ships with palingenesis",
            hint=f"one of: {', '.join(names)}",
        )
    return folder("policies") / f"{name}.yaml"


def presets() -> Path:
    """The folder of the presets that a policy can extend, each NAME@VERSION.yaml.

    Raises:
        PalingenesisError: the installation is damaged.
    """
    return folder("policies") / "presets"


def starts() -> Path:
    """The folder of the policies that `policy init` begins with.

    Raises:
        PalingenesisError: the installation is damaged.
    """
    return folder("policies") / "starts"


def schema(name: str) -> Path:
    """The file of a shipped JSON Schema, by the name before `.schema.json`.

    Raises:
        PalingenesisError: the installation is damaged.
    """
    path = folder("schemas") / f"{name}.schema.json"
    if not path.is_file():
        raise PalingenesisError(
            f"the shipped schema '{path.name}' is missing from this installation",
            hint="install palingenesis again",
        )
    return path
