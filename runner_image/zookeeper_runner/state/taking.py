"""Taking: what an object has become, without a word of its author: its attributes, and theirs, as nodes.

A node is a JSON value. Numbers, text, lists and objects stand for themselves; all else is an object with the key "$",
which names its kind (docs/checkpoints.md). Tensors and pickles lie beside the nodes, which name them.
"""

from __future__ import annotations

import base64
import enum
import math
import pickle
import random
import struct
import sys
import sysconfig
import types
from collections import Counter, OrderedDict, defaultdict, deque
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from itertools import count
from pathlib import Path, PurePath
from typing import Any

import numpy as np

from ..fault import first_line
from . import torches
from .columns import column_of, is_name
from .room import Room
from .tensors import Tensor, code_of

KEPT = (
    types.FunctionType, types.BuiltinFunctionType, types.MethodType, types.ModuleType, type,
    np.ufunc, np.dtype,
)  # fmt: skip
DICTS: dict[type, str] = {dict: "dict", OrderedDict: "OrderedDict", Counter: "Counter", defaultdict: "defaultdict"}
_FACTORIES = {factory: factory.__name__ for factory in (list, dict, set, int, float, str, tuple)}
_INT64 = 2**63
_MANY = 64  # a list of that many is looked at as columns
_LARGE = 1 << 16  # bytes that are kept as a tensor
_DEEPEST = 200
_LASTING = (int, float, bool, str, bytes, type(None), tuple, np.generic)  # what a list holds stays as it is


_BUILT_UPON = (tuple, dict, list, set, frozenset, deque, str, bytes, int, float, complex, np.ndarray, BaseException)


class Taken:
    """What was taken. `finish`, in any thread, does what need not be done between two steps."""

    def __init__(self, *, copies: bool = True) -> None:
        self.copies = copies
        self.root: Any = None
        self.tensors: dict[str, Tensor] = {}
        self.pickles: list[bytes] = []
        self.left: dict[str, str] = {}  # what could not be taken, and why, by path
        self.numbers = count()  # of what is there more than once
        self._later: list[Callable[[], None]] = []
        self._room = Room()
        self._names: set[str] = set()

    def postpone(self, work: Callable[[], None]) -> None:
        self._later.append(work)

    def finish(self) -> Taken:
        """Makes the rest of it. Idempotent."""
        while self._later:
            self._later.pop()()
        self.root = _tidy(self.root)
        return self

    def held(self, array: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
        """Returns `array` as it is now, C-contiguous, whatever becomes of it; itself where nothing is copied."""
        return self._room.copy(array) if self.copies else np.asarray(array, order="C")

    def put(self, tensor: Tensor, path: str) -> str:
        """Keeps a tensor by `path`, or a name like it, which is returned."""
        path = path.encode("utf-8", "replace").decode()
        name, number = path, 1
        while name in self._names:
            number += 1
            name = f"{path}~{number}"
        self._names.add(name)
        self.tensors[name] = tensor
        return name


class Later:
    """Stands for a list that `make` returns, whenever: what it is made of stays as it is."""

    def __init__(self, make: Callable[[], list[Any]]) -> None:
        self.make = make


def take(value: Any) -> Taken:
    """Copies what `value` is made of. Step thread only, as nothing may change meanwhile."""
    taken = Taken()
    taken.root = _Taker(taken, value).node(value, "", 0)
    return taken


@dataclass(frozen=True, slots=True)
class Measured:
    """How much `take` would take. pickled: things that it would pickle. left: what it could not take, and why."""

    tensors: int
    size_bytes: int
    pickled: int
    left: dict[str, str]
    late: list[str]  # of `made_late`


def measure(value: Any, made: Mapping[str, str] | None = None) -> Measured:
    """Looks at what `value` is made of without copying it; long lists are not looked at. made: of `made_late`."""
    taken = Taken(copies=False)
    taken.root = _Taker(taken, value).node(value, "", 0)
    size = sum(tensor.size_bytes for tensor in taken.tensors.values())
    return Measured(len(taken.tensors), size, len(taken.pickles), taken.left, made_late(taken, made))


def made_late(taken: Taken, made: Mapping[str, str] | None) -> list[str]:
    """Returns which attributes could not be put back: networks and the like that the constructor does not make.

    made: the classes of the attributes after it, by name; None where nobody knows.
    """
    items = taken.root.get("items") if made is not None and isinstance(taken.root, dict) else None
    if made is None or not isinstance(items, dict):
        return []
    late = []
    for name, node in items.items():
        kind = node.get("$") if isinstance(node, dict) else None
        loads = kind in {"module", "stateful"} and made.get(name) != node["class"]
        if loads or (kind == "torch_generator" and name not in made):
            late.append(name)
    return late


def late(names: list[str]) -> str:
    """Returns what is to be said of what `made_late` found."""
    several = len(names) > 1
    return (
        f"{', '.join(names)} {'are' if several else 'is'} made later than in the constructor; make "
        f"{'them' if several else 'it'} there, or write save and load"
    )


def class_name(value: Any) -> str:
    return type(value).__qualname__


def attributes_of(value: Any) -> dict[str, Any]:
    """Returns an object's own attributes by name, those in slots as well."""
    found = dict(getattr(value, "__dict__", {}))
    for each in type(value).__mro__:
        slots = each.__dict__.get("__slots__", ())
        for slot in (slots,) if isinstance(slots, str) else slots:
            name = f"_{each.__name__.lstrip('_')}{slot}" if slot.startswith("__") and not slot.endswith("__") else slot
            if slot not in {"__dict__", "__weakref__"} and hasattr(value, name):
                found[name] = getattr(value, name)
    return found


def authors_modules(subject: Any) -> Iterator[types.ModuleType]:
    """Yields the modules that the author of `subject` wrote, as far as they are imported: its own first."""
    own = sys.modules.get(type(subject).__module__)
    if own is not None:
        yield own
    for module in list(sys.modules.values()):
        if module is not own and _is_authors(module):
            yield module


def is_authored(value: Any, subject: Any) -> bool:
    """Tells whether the class of `value` is written by whoever wrote `subject`: neither Python's, nor installed."""
    module = type(value).__module__
    return module == type(subject).__module__ or _is_authors(sys.modules.get(module))


def plain(value: Any) -> Any:
    """Returns the node of a number, a text or bytes; NotImplemented for all else."""
    kind = type(value)
    if value is None or isinstance(value, bool):
        return value
    if kind is str:
        whole = is_name(value)
        return value if whole else {"$": "text", "base64": _base64(value.encode("utf-8", "surrogatepass"))}
    if kind is int:
        return value if -_INT64 <= value < _INT64 else {"$": "int", "hex": hex(value)}
    if kind is float:
        return value if math.isfinite(value) else {"$": "float", "bits": struct.pack(">d", value).hex()}
    if kind is complex:
        return {"$": "complex", "parts": [plain(value.real), plain(value.imag)]}
    if isinstance(value, np.generic) and value.dtype.kind in "biufcmMSU":
        return {"$": "scalar", "dtype": value.dtype.str, "hex": value.tobytes().hex()}
    if kind is range:
        return {"$": "range", "of": [plain(each) for each in (value.start, value.stop, value.step)]}
    if isinstance(value, PurePath):
        return {"$": "path", "of": str(value)}
    return NotImplemented


class _Taker:
    def __init__(self, taken: Taken, subject: Any) -> None:
        self._taken = taken
        self._known: dict[int, tuple[Any, dict[str, Any]]] = {}  # with the objects, so that no id is used again
        self._seen: dict[int, int] = {}  # of `column_of`
        self._open: set[int] = set()  # what can only be made again when all in it has been
        self._subject = subject

    def _apart(self) -> _Taker:
        """Returns one who knows nothing yet: what is made later must not name what stands behind it."""
        return _Taker(self._taken, self._subject)

    def node(self, value: Any, path: str, depth: int) -> Any:
        """Returns the node of `value`. path: its name for people.

        Whatever an object does when it is looked at, it is left out then, and the rest is taken.
        """
        before = len(self._known)
        try:
            node = plain(value)
            if node is not NotImplemented:
                return node
            known = self._known.get(id(value))
            if known is not None:
                found = known[1]
                if found.get("$") == "kept":
                    return {"$": "kept"}  # each place keeps what the constructor puts there
                if id(value) in self._open:
                    return self._leave(path, f"it is in a {type(value).__name__} that leads back to itself")
                if "id" not in found:
                    found["id"] = next(self._taken.numbers)
                return {"$": "same", "as": found["id"]}
            if depth > _DEEPEST:
                return self._leave(path, "it is nested too deeply")
            made: dict[str, Any] = {}
            self._known[id(value)] = (value, made)
            self._fill(made, value, path, depth + 1)
            return made
        except Exception as error:
            if not path or isinstance(error, MemoryError):
                raise
            while len(self._known) > before:
                self._known.popitem()  # nothing that comes later may name what is left out with it
            return self._leave(path, f"it raised {first_line(error)}"[:200])

    def _fill(self, made: dict[str, Any], value: Any, path: str, depth: int) -> None:
        """Makes the node of `value` of `made`, which is known by then to what leads back to it."""
        kind = type(value)
        if kind in {bytes, bytearray}:
            made["$"] = kind.__name__
            if len(value) > _LARGE:
                made["tensor"] = self._put(np.frombuffer(bytes(value), np.uint8), path)
            else:
                made["base64"] = _base64(value)
        elif kind in {list, tuple, set, frozenset, deque}:
            self._fill_sequence(made, value, path, depth)
        elif kind in DICTS:
            self._fill_mapping(made, value, path, depth)
        elif kind in {np.ndarray, np.memmap} and not (value.dtype.hasobject and value.dtype.kind != "O"):
            self._fill_array(made, value, path, depth)
        elif isinstance(value, np.random.Generator):
            state = value.bit_generator.state
            made |= {"$": "generator", "class": type(value.bit_generator).__name__}
            made["state"] = self.node(state, path, depth)
        elif isinstance(value, np.random.RandomState):
            made |= {"$": "random_state", "state": self.node(value.get_state(legacy=False), path, depth)}
        elif kind is random.Random:
            made |= {"$": "random", "state": self.node(value.getstate(), path, depth)}
        elif isinstance(value, KEPT):
            made["$"] = "kept"
        elif kind is Later:
            self._taken.postpone(lambda: self._apart()._fill_later(made, value.make(), path, depth))
        elif not torches.fill(
            made, value, path, lambda each, name: self.node(each, name, depth), self._taken.put, self._taken.held
        ):
            self._fill_object(made, value, path, depth)

    def _fill_sequence(self, made: dict[str, Any], value: Any, path: str, depth: int) -> None:
        made["$"] = type(value).__name__
        if isinstance(value, deque):
            made["maxlen"] = value.maxlen
        values = list(value)
        kinds = set(map(type, values))
        if len(values) >= _MANY and not self._taken.copies:
            return
        if len(values) >= _MANY and len(kinds) <= 2 and type(value) in {list, deque, tuple}:
            if all(issubclass(each, _LASTING) for each in kinds):
                self._taken.postpone(lambda: made.update(column=self._apart()._column(values, path, depth)))
                return
            if kinds <= {np.ndarray, dict, list, type(None)}:
                self._open |= {id(value)} if type(value) is tuple else set()
                made["column"] = self._column(values, path, depth)
                self._open.discard(id(value))
                return
        if type(value) in {tuple, frozenset}:
            self._open.add(id(value))
        made["items"] = [self.node(each, f"{path}.{index}", depth) for index, each in enumerate(values)]
        self._open.discard(id(value))

    def _fill_later(self, made: dict[str, Any], values: list[Any], path: str, depth: int) -> None:
        made["$"] = "list"
        if values:
            made["column"] = self._column(values, path, depth)
        else:
            made["items"] = []

    def _column(self, values: list[Any], path: str, depth: int) -> dict[str, Any]:
        put, node = (lambda array: self._put(array, path)), (lambda each: self.node(each, path, depth))
        return column_of(values, put, node, self._seen)

    def _fill_mapping(self, made: dict[str, Any], value: Any, path: str, depth: int) -> None:
        made["$"] = DICTS[type(value)]
        if isinstance(value, defaultdict) and value.default_factory in _FACTORIES:
            made["factory"] = _FACTORIES[value.default_factory]
        items = list(value.items())
        if all(is_name(key) for key, _ in items):
            made["items"] = {key: self.node(part, _join(path, key), depth) for key, part in items}
        else:
            made["pairs"] = [
                [self.node(key, path, depth), self.node(part, _join(path, str(key)), depth)] for key, part in items
            ]

    def _fill_array(self, made: dict[str, Any], value: Any, path: str, depth: int) -> None:
        if value.dtype.kind == "O":
            items = [self.node(each, f"{path}.{index}", depth) for index, each in enumerate(value.reshape(-1).tolist())]
            made |= {"$": "objects", "shape": list(value.shape), "items": items}
            return
        made["$"] = "array"
        if value.ndim > 1 and value.flags.f_contiguous and not value.flags.c_contiguous:
            made["order"] = "F"  # sums over it may round in another order otherwise
        if not value.flags.owndata:
            made["view"] = True
        if code_of(value.dtype) is None:
            made |= {"dtype": _descr(value.dtype), "shape": list(value.shape)}
            value = np.frombuffer(value.tobytes(), np.uint8)
        made["tensor"] = self._put(value, path)

    def _put(self, array: Any, path: str) -> str:
        held = self._taken.held(np.asarray(array))
        return self._taken.put(Tensor(str(code_of(held.dtype)), held.shape, held), path)

    def _fill_object(self, made: dict[str, Any], value: Any, path: str, depth: int) -> None:
        authored = is_authored(value, self._subject)
        if authored and isinstance(value, enum.Enum):
            made |= {"$": "enum", "class": class_name(value), "name": value.name}
            if isinstance(value, enum.Flag):
                made["value"] = plain(value.value)  # several at once have no name of their own
            return
        built_upon = isinstance(value, _BUILT_UPON) and not _is_named(value)
        if not authored or built_upon:
            try:
                data = pickle.dumps(value, protocol=4)
                if isinstance(value, BaseException):
                    pickle.loads(data)  # noqa: S301 - made above; those with arguments of their own often cannot be
            except Exception as error:  # noqa: BLE001 - whatever an object does when it is asked
                if built_upon or not hasattr(value, "__dict__") or _is_pythons(type(value).__module__):
                    made |= self._leave(path, f"{type(value).__name__} cannot be pickled: {error}"[:200])
                    return
            else:
                made |= {"$": "pickle", "at": len(self._taken.pickles)}
                self._taken.pickles.append(data)
                return
        made |= {"$": "named" if _is_named(value) else "object", "class": class_name(value)}
        if _is_named(value):
            self._open.add(id(value))
        attributes = dict(zip(value._fields, value, strict=True)) if _is_named(value) else attributes_of(value)
        made["items"] = {name: self.node(part, _join(path, name), depth) for name, part in attributes.items()}
        self._open.discard(id(value))

    def _leave(self, path: str, reason: str) -> dict[str, Any]:
        self._taken.left[path] = reason
        return {"$": "kept"}


def _tidy(node: Any) -> Any:
    """Returns `node` with lists and objects that nothing else names as JSON's own."""
    if isinstance(node, list):
        return [_tidy(each) for each in node]
    if not isinstance(node, dict):
        return node
    kind = node.get("$")
    if "id" not in node and "items" in node:
        if kind == "list":
            return [_tidy(each) for each in node["items"]]
        if kind == "dict" and "$" not in node["items"]:
            return {key: _tidy(part) for key, part in node["items"].items()}
    return {key: _tidied_items(part) if key == "items" else _tidy(part) for key, part in node.items()}


def _tidied_items(items: Any) -> Any:
    return {key: _tidy(part) for key, part in items.items()} if isinstance(items, dict) else _tidy(items)


def _is_named(value: Any) -> bool:
    return isinstance(value, tuple) and isinstance(getattr(value, "_fields", None), tuple)


def _is_authors(module: types.ModuleType | None) -> bool:
    """Tells whether a module is neither Python's, nor installed, nor the zoo's."""
    file = getattr(module, "__file__", None)
    if (
        not isinstance(file, str) or not Path(file).is_absolute()
    ):  # torch has modules that are none, of files that are none
        return False
    return not file.startswith(_INSTALLED) and "-packages" not in file


def _is_pythons(module: str) -> bool:
    return module.partition(".")[0] in sys.stdlib_module_names


def _descr(dtype: np.dtype[Any]) -> Any:
    return np.lib.format.dtype_to_descr(dtype)


def _join(path: str, name: str) -> str:
    return f"{path}.{name}" if path else name


def _base64(data: bytes) -> str:
    return base64.b64encode(data).decode()


def _installed() -> tuple[str, ...]:
    import ainimal_zookeeper

    ours = (str(Path(__file__).parents[1]), str(Path(ainimal_zookeeper.__path__[0])))
    return tuple({path for name, path in sysconfig.get_paths().items() if name.endswith("lib")} | set(ours))


_INSTALLED = _installed()
