"""Digest what the code of a bundle keeps between two calls: a score must not depend on what was asked before."""

import functools
import gc
import hashlib
from collections import deque
from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from itertools import count, pairwise
from types import CellType, FunctionType, GeneratorType, ModuleType
from typing import Any

import numpy as np

_PLAIN = (type(None), bool, int, float, complex, str, bytes, range, np.generic)
_CACHE = type(functools.cache(len))
# Values of a cache that are looked at.
_MOST_KEPT = 1000
# Attributes of what wraps a function: decorators, methods, partial functions.
_WRAPPED = ("__func__", "__wrapped__", "__self__", "func", "args", "keywords", "fget")
# Python's own attributes of a class, and of a module, keep nothing of a call.
_PYTHONS = ("__builtins__", "__dict__", "__weakref__", "__loader__", "__spec__")


_MOVED = count()
State = dict[str, str]


def digest_state(modules: Iterable[ModuleType]) -> State:
    """Return digests of the values that `modules` hold: in globals, classes, defaults, closures and iterators.

    Under "" is that of all but what `functools.cache` keeps; each value of a cache has a digest of its own.
    """
    modules = [*modules]
    own = {module.__name__ for module in modules}
    caches: list[Any] = []
    found = {"": _digest([vars(module) for module in modules], own, caches)}
    for cache in caches:
        parts = gc.get_referents(cache)
        for kept in parts:
            if isinstance(kept, dict) and kept is not vars(cache):
                items = [*_kept_items(kept, parts)][:_MOST_KEPT]
                found |= {f"{cache.__qualname__} {key!r}": _digest([value], own, []) for key, value in items}
    return found


def _kept_items(kept: dict[Any, Any], parts: list[Any]) -> Iterator[tuple[Any, Any]]:
    """Yield keys and values of a cache; one with a largest size has places in a list, told one after another."""
    keys = {id(key) for key in kept}
    listed = [pair for pair in pairwise(parts) if id(pair[0]) in keys]
    yield from listed or kept.items()


def is_same_state(before: State, after: State) -> bool:
    """Return whether nothing changed but that caches have more, or less."""
    return all(after.get(name, "" if not name else digest) == digest for name, digest in before.items())


def _digest(values: Iterable[Any], own: set[str], caches: list[Any]) -> str:
    found = hashlib.blake2b(digest_size=16)
    # With the values, so that none of their places in memory is used again.
    seen: dict[int, Any] = {}
    waiting = [*values]
    while waiting:
        value = waiting.pop()
        if isinstance(value, _PLAIN):
            found.update(f"{type(value).__name__} {value!r}\n".encode(errors="surrogatepass"))
            # Of an instance of a subclass.
            waiting += [value.__dict__] if hasattr(value, "__dict__") else []
        elif id(value) not in seen:
            seen[id(value)] = value
            found.update(f"{type(value).__name__}\n".encode())
            if isinstance(value, np.ndarray) and value.dtype.kind != "O":
                found.update(value.tobytes())
                waiting.append(getattr(value, "__dict__", None))
            elif isinstance(value, (bytearray, memoryview)):
                found.update(bytes(value))
            else:
                caches += [value] if isinstance(value, _CACHE) else []
                waiting.extend(_parts(value, own))
    return found.hexdigest()


def _parts(value: Any, own: set[str]) -> Iterator[Any]:
    """Yield the values that a value holds; classes and functions of other modules than `own` are left out."""
    if isinstance(value, (Mapping, list, tuple, deque, set, frozenset, np.ndarray)):
        yield getattr(value, "__dict__", None)
    if isinstance(value, Mapping):
        yield from (part for item in value.items() if item[0] not in _PYTHONS for part in item)
    elif isinstance(value, (list, tuple, deque)):
        yield len(value)
        yield from value
    elif isinstance(value, (set, frozenset)):
        yield from sorted(map(repr, value))
    elif isinstance(value, np.ndarray):
        yield value.tolist()
    elif isinstance(value, (FunctionType, type)):
        yield from _code_parts(value) if value.__module__ in own else ()
    elif not isinstance(value, ModuleType):
        yield from _instance_parts(value)


def _code_parts(value: Any) -> Iterator[Any]:
    if isinstance(value, type):
        yield dict(vars(value))
    else:
        yield from (value.__defaults__, value.__kwdefaults__, value.__closure__, vars(value))


def _instance_parts(value: Any) -> Iterator[Any]:
    yield getattr(value, "__dict__", None)
    names = [*getattr(type(value), "__struct_fields__", ()), *getattr(type(value), "__slots__", ())]
    yield {name: getattr(value, name, None) for name in (*names, *_WRAPPED)}
    if isinstance(value, CellType):
        with suppress(ValueError):
            yield value.cell_contents
    elif isinstance(value, GeneratorType):
        yield value.gi_frame and (value.gi_frame.f_lasti, dict(value.gi_frame.f_locals))
    elif hasattr(value, "__next__"):
        # Of an iterator of Python's own: where it stands. One that does not tell counts as moved.
        try:
            yield value.__reduce__()
        except (TypeError, AttributeError):
            yield next(_MOVED)
