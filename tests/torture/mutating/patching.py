"""A change put into a process that has loaded the module already.

Functions get the changed code in place, so that everybody who imported them has it; constants
are bound anew wherever they were imported. What cannot be changed that way (a class, a table that
was built while the module was loaded) says so, and takes a process of its own.
"""

import functools
import gc
import sys
from collections import defaultdict
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from types import CodeType, FunctionType, ModuleType
from typing import Any, Final

_PLAIN: Final = (int, float, str, timedelta)
_Key = tuple[str, int]


class Loaded:
    """A module as it is loaded: its functions, by the place where they are written."""

    def __init__(self, file: Path, module: ModuleType) -> None:
        self.module = module
        text = file.read_text(encoding="utf-8")
        self._itself = _own(compile(text, str(file), "exec", dont_inherit=True))
        self._functions: dict[_Key, list[FunctionType]] = defaultdict(list)
        for it in gc.get_objects():
            if isinstance(it, FunctionType) and it.__code__.co_filename == str(file):
                self._functions[_key(it.__code__)].append(it)

    def patch(self, code: CodeType) -> bool:
        """Change what is loaded; False: nothing that is loaded could be changed."""
        done = self._patch_functions(code)
        if _own(code) != self._itself:
            done = self._patch_constants(code) or done
        return done

    def _patch_functions(self, code: CodeType) -> bool:
        new: dict[_Key, list[CodeType]] = defaultdict(list)
        for inner in _inside(code):
            new[_key(inner)].append(inner)
        done = False
        for key, functions in self._functions.items():
            candidates = new.get(key, [])
            if len(candidates) != 1:  # two lambdas on a line: nobody knows which is which
                continue
            for function in functions:
                old, new_code = function.__code__, candidates[0]
                if old != new_code and len(old.co_freevars) == len(new_code.co_freevars):
                    function.__code__ = new_code
                    done = True
        return done

    def _patch_constants(self, code: CodeType) -> bool:
        fresh = ModuleType(self.module.__name__)
        exec(code, fresh.__dict__)
        done = False
        for name, old in list(vars(self.module).items()):
            new = vars(fresh).get(name)
            if isinstance(old, FunctionType) and isinstance(new, FunctionType):
                done = _patch_defaults(old, new) or done
            elif _is_plain(old) and type(new) is type(old) and new != old:
                _bind_anew(name, old, new)
                done = True
        return done


def _key(code: CodeType) -> _Key:
    return code.co_qualname, code.co_firstlineno


def _inside(code: CodeType) -> Iterator[CodeType]:
    for constant in code.co_consts:
        if isinstance(constant, CodeType):
            yield constant
            yield from _inside(constant)


def _own(code: CodeType) -> tuple[Any, ...]:
    """What the module itself does while it is loaded, apart from the functions that it makes."""
    constants = [it for it in code.co_consts if not isinstance(it, CodeType)]
    classes = [
        _own(it)
        for it in code.co_consts
        if isinstance(it, CodeType) and not it.co_flags & 0x2  # CO_NEWLOCALS: a function
    ]
    return code.co_code, repr(constants), code.co_names, tuple(classes)


def _is_plain(value: object) -> bool:
    if isinstance(value, tuple | frozenset):
        return all(_is_plain(item) for item in value)
    return isinstance(value, _PLAIN)


def _bind_anew(name: str, old: object, new: object) -> None:
    for module in list(sys.modules.values()):
        names = getattr(module, "__dict__", {})
        if names.get(name, name) is old:
            names[name] = new


def _patch_defaults(old: FunctionType, new: FunctionType) -> bool:
    before = old.__defaults__, old.__kwdefaults__
    if repr(before) == repr((new.__defaults__, new.__kwdefaults__)):
        return False
    old.__defaults__, old.__kwdefaults__ = new.__defaults__, new.__kwdefaults__
    return True


def memories() -> list[Any]:
    """Whatever keeps results of functions of ours: a changed function must not find the old ones.

    Has to be asked before the collector's objects are frozen, as a `Loaded` has to be made.
    """
    kind = type(functools.cache(len))
    ours = ("palingenesis", "tests")
    return [
        it
        for it in gc.get_objects()
        if isinstance(it, kind) and str(getattr(it, "__module__", "")).startswith(ours)
    ]
