"""Giving: nodes back into an object that its constructor has made, in place wherever what is there fits.

What others hold as well (an optimizer its parameters, a closure its array) is then still the same thing. What cannot
be put back is found before anything is changed.
"""

from __future__ import annotations

import base64
import pathlib
import random
import struct
from collections import Counter, OrderedDict, defaultdict, deque
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

import numpy as np
from ainimal_zookeeper.domain.errors import DataCorrupt, InvalidInput

from . import torches
from .columns import values_of
from .taking import attributes_of, authors_modules, class_name
from .tensors import Tensor

_FACTORIES = {factory.__name__: factory for factory in (list, dict, set, int, float, str, tuple)}
_DICTS = {"dict": dict, "OrderedDict": OrderedDict, "Counter": Counter, "defaultdict": defaultdict}
_SEQUENCES = {"list", "tuple", "set", "frozenset", "deque"}
_NEEDED = {
    "array": {"tensor"}, "tensor": {"tensor", "grad"}, "module": {"class", "tensors", "items"}, "pickle": {"at"},
    "stateful": {"class", "state"}, "object": {"class", "items"}, "named": {"class", "items"}, "same": {"as"},
    "enum": {"class", "name"}, "objects": {"items", "shape"}, "generator": {"class", "state"}, "deque": {"maxlen"},
}  # fmt: skip


class _Absent:
    """Stands for what is not there in the living object."""


ABSENT = _Absent()
Renewed = Sequence[tuple[Any, Any]]


def give(root: Any, tensors: Mapping[str, Tensor], rest: Sequence[Any] = (), live: Any = ABSENT) -> Any:
    """Returns what `root` stands for: `live`, changed, where that is possible. rest: what was pickled.

    Raises: DataCorrupt and InvalidInput, both before `live` changes.
    """
    giving = Giving(root, tensors, rest, live)
    giving.check()
    return giving.give()


class Giving:
    """What is given to `live`, in two steps.

    renewed: old and new value of each parameter that differs; a value that was the old one, and that the constructor
    has made the new one, stays.
    """

    def __init__(
        self,
        root: Any,
        tensors: Mapping[str, Tensor],
        rest: Sequence[Any] = (),
        live: Any = ABSENT,
        renewed: Renewed = (),
    ) -> None:
        self._root, self._tensors, self._live = root, tensors, live
        self._giver = _Giver(tensors, rest, live, renewed)

    def check(self) -> None:
        """Changes nothing. Raises: DataCorrupt; InvalidInput for what does not fit."""
        with _readable():
            for name in _tensors_in(self._root):
                if name not in self._tensors:
                    raise DataCorrupt(f"the checkpoint's tensor {name} is not in its tensor file")
            self._giver.check(self._root, self._live, "")

    def give(self) -> Any:
        """Returns what it has become."""
        with _readable():
            return self._giver.value(self._root, self._live)


@contextmanager
def _readable() -> Iterator[None]:
    try:
        yield
    except (KeyError, TypeError, ValueError, IndexError, AttributeError, struct.error) as error:
        raise DataCorrupt(f"the checkpoint's values cannot be read: {type(error).__name__}: {error}") from error


class _Giver:
    def __init__(self, tensors: Mapping[str, Tensor], rest: Sequence[Any], subject: Any, renewed: Renewed) -> None:
        self._tensors = tensors
        self._rest = rest
        self._subject = subject
        self._renewed = [(old, new) for old, new in renewed if isinstance(old, (bool, int, float, str))]
        self._made: dict[int, Any] = {}
        self._taken: set[int] = set()  # what lives and was used: each thing for one node only

    # --- before anything changes -----------------------------------------------------------------------------------

    def check(self, node: Any, live: Any, path: str) -> None:
        """Raises: InvalidInput for what does not fit the living object."""
        if isinstance(node, list):
            for index, part in enumerate(node):
                self.check(part, _at(live, index), f"{path}.{index}")
            return
        if not isinstance(node, dict):
            return
        kind = node.get("$")
        if kind is None:
            self._check_items(node, live, path)
            return
        if missing := _NEEDED.get(kind, set()) - node.keys():
            raise DataCorrupt(f"the checkpoint's values cannot be read: {path} has no {', '.join(sorted(missing))}")
        if kind in {"object", "module", "stateful", "enum", "named"}:
            self._check_class(node, live, path)
        for key, part in node.get("pairs", ()):
            self.check(key, ABSENT, path)
            if not isinstance(key, (dict, list)):  # what else it is the key of is not known before it is made
                self.check(part, live.get(key, ABSENT) if isinstance(live, dict) else ABSENT, f"{path}.{key}")
        if kind == "module":
            shapes = {name: self._shape(part) for name, part in node["tensors"].items()}
            torches.check_module(live, shapes, path)
            inside = dict(live.named_modules())
            for name, part in node["items"].items():
                self._check_items(part, inside.get(name, ABSENT), f"{path}.{name}" if path and name else path or name)
        elif isinstance(node.get("items"), (dict, list)):
            self._check_items(node["items"], live, path)

    def _check_items(self, items: Any, live: Any, path: str) -> None:
        named = items.items() if isinstance(items, dict) else enumerate(items)
        for key, part in named:
            self.check(part, _at(live, key), f"{path}.{key}" if path else str(key))

    def _check_class(self, node: Mapping[str, Any], live: Any, path: str) -> None:
        if live is not ABSENT and class_name(live) == node["class"]:
            return
        if node["$"] in {"object", "enum", "named"} and path and self._class(node["class"]) is not None:
            return
        have = "nothing of that name" if live is ABSENT else f"a {class_name(live)}"
        raise InvalidInput(
            f"the checkpoint holds {path or 'the model'} as a {node['class']}, and the constructor makes {have}; "
            "make it there, or write save and load"
        )

    def _shape(self, node: Any) -> tuple[int, ...] | None:
        if not isinstance(node, dict) or "tensor" not in node:
            return None
        return tuple(node["shape"]) if "shape" in node else self._tensors[node["tensor"]].shape

    # --- back again --------------------------------------------------------------------------------------------------

    def value(self, node: Any, live: Any = ABSENT) -> Any:
        if isinstance(node, list):
            return self._into_list([self.value(part, _at(live, index)) for index, part in enumerate(node)], live)
        if not isinstance(node, dict):
            return self._plain(node, live)
        kind = node.get("$")
        if kind is None:
            return self._mapping(node, {}, live)
        if kind == "same":
            return self._made[node["as"]]
        read = getattr(self, f"_read_{kind}", None)
        if kind in _DICTS:
            made = self._mapping(node.get("items"), node, live)
        elif kind in _SEQUENCES:
            made = self._sequence(node, live)
        elif read is not None:
            made = read(node, live)
        else:
            raise DataCorrupt(f"the checkpoint holds a value of kind {kind!r}, which this version cannot read")
        if "id" in node:
            self._made[node["id"]] = made
        return made

    def _plain(self, value: Any, live: Any) -> Any:
        for old, new in self._renewed:
            if type(value) is type(old) and value == old and type(live) is type(new) and live == new:
                return live
        return value

    def _is_free(self, live: Any, kind: type) -> bool:
        """Tells whether `live` is of `kind` and stands for no other node yet; from now on it does."""
        if type(live) is not kind or id(live) in self._taken:
            return False
        self._taken.add(id(live))
        return True

    def _mapping(self, items: Any, node: Mapping[str, Any], live: Any) -> Any:
        kind = _DICTS[node.get("$", "dict")]
        made: Any
        if self._is_free(live, kind):
            made = live
        elif kind is defaultdict:
            factory = live.default_factory if isinstance(live, defaultdict) else _FACTORIES.get(node.get("factory", ""))
            made = defaultdict(factory)
        else:
            made = kind()
        before = dict(made)
        if "id" in node:
            self._made[node["id"]] = made
        dict.clear(made)
        pairs = items.items() if items is not None else [(self.value(key), part) for key, part in node["pairs"]]
        for key, part in pairs:
            dict.__setitem__(made, key, self.value(part, before.get(key, ABSENT)))
        return made

    def _sequence(self, node: Mapping[str, Any], live: Any) -> Any:
        kind = node["$"]
        made: Any = None
        if kind in {"list", "deque", "set"}:
            # It is there before its items, which may lead back to it.
            if kind == "list":
                made = live if self._is_free(live, list) else []
            elif kind == "set":
                made = live if self._is_free(live, set) else set()
            else:
                fits = isinstance(live, deque) and live.maxlen == node["maxlen"] and self._is_free(live, deque)
                made = live if fits else deque(maxlen=node["maxlen"])
            if "id" in node:
                self._made[node["id"]] = made
        before = list(live) if isinstance(live, (list, tuple, deque)) else []
        if "column" in node:
            values = values_of(node["column"], self._array_named, self.value)
        else:
            values = [self.value(part, _at(before, index)) for index, part in enumerate(node["items"])]
        if kind == "tuple":
            same = isinstance(live, tuple) and len(live) == len(values) and all(map(_is, live, values))
            return live if same else tuple(values)
        if kind == "frozenset":
            return frozenset(values)
        made.clear()
        made.update(values) if kind == "set" else made.extend(values)
        return made

    def _into_list(self, values: list[Any], live: Any) -> list[Any]:
        if not self._is_free(live, list):
            return values
        live[:] = values
        return live  # type: ignore[no-any-return]

    def _array_named(self, name: str) -> np.ndarray[Any, Any]:
        return self._tensors[name].data

    def _read_int(self, node: Mapping[str, Any], _live: Any) -> int:
        return int(node["hex"], 16)

    def _read_float(self, node: Mapping[str, Any], _live: Any) -> float:
        return float(struct.unpack(">d", bytes.fromhex(node["bits"]))[0])

    def _read_complex(self, node: Mapping[str, Any], _live: Any) -> complex:
        return complex(*(self.value(part) for part in node["parts"]))

    def _read_text(self, node: Mapping[str, Any], _live: Any) -> str:
        return base64.b64decode(node["base64"]).decode("utf-8", "surrogatepass")

    def _read_range(self, node: Mapping[str, Any], _live: Any) -> range:
        return range(*(self.value(part) for part in node["of"]))

    def _read_path(self, node: Mapping[str, Any], live: Any) -> Any:
        return (type(live) if isinstance(live, pathlib.PurePath) else pathlib.Path)(node["of"])

    def _read_scalar(self, node: Mapping[str, Any], _live: Any) -> Any:
        return np.frombuffer(bytes.fromhex(node["hex"]), np.dtype(node["dtype"]))[0]

    def _read_bytes(self, node: Mapping[str, Any], _live: Any) -> bytes:
        if "tensor" in node:
            return self._array_named(node["tensor"]).tobytes()
        return base64.b64decode(node["base64"])

    def _read_bytearray(self, node: Mapping[str, Any], live: Any) -> bytearray:
        data = self._read_bytes(node, live)
        if not self._is_free(live, bytearray):
            return bytearray(data)
        live[:] = data
        return live  # type: ignore[no-any-return]

    def _read_array(self, node: Mapping[str, Any], live: Any) -> Any:
        data = self._array_named(node["tensor"])
        if "dtype" in node:
            data = np.frombuffer(data.tobytes(), np.lib.format.descr_to_dtype(node["dtype"])).reshape(node["shape"])
        column_major = node.get("order") == "F"
        if type(live) in {np.ndarray, np.memmap} and (live.dtype, live.shape) == (data.dtype, data.shape):
            in_order = live.flags.f_contiguous if column_major else live.flags.c_contiguous
            alike = live.flags.writeable and in_order and live.flags.owndata != node.get("view", False)
            if alike and self._is_free(live, type(live)):
                live[...] = data
                return live
        return np.array(data, order="F" if column_major else "C")

    def _read_objects(self, node: Mapping[str, Any], live: Any) -> Any:
        made = np.empty(len(node["items"]), object)
        before: Any = live.reshape(-1) if isinstance(live, np.ndarray) and live.dtype == object else ()
        for index, part in enumerate(node["items"]):
            made[index] = self.value(part, _at(before, index))
        return made.reshape(node["shape"])

    def _read_generator(self, node: Mapping[str, Any], live: Any) -> Any:
        fits = isinstance(live, np.random.Generator) and type(live.bit_generator).__name__ == node["class"]
        if not fits or not self._is_free(live, type(live)):
            if node["class"] not in {"PCG64", "PCG64DXSM", "MT19937", "Philox", "SFC64"}:
                raise DataCorrupt(f"the checkpoint holds a source of chance {node['class']}, which NumPy does not have")
            live = np.random.Generator(getattr(np.random, node["class"])())
        live.bit_generator.state = self.value(node["state"])
        return live

    def _read_random_state(self, node: Mapping[str, Any], live: Any) -> Any:
        made = live if self._is_free(live, np.random.RandomState) else np.random.RandomState()
        made.set_state(self.value(node["state"]))
        return made

    def _read_random(self, node: Mapping[str, Any], live: Any) -> Any:
        made = live if self._is_free(live, random.Random) else random.Random()  # noqa: S311 - an author's own
        made.setstate(self.value(node["state"]))
        return made

    def _read_kept(self, _node: Mapping[str, Any], live: Any) -> Any:
        return None if live is ABSENT else live

    def _read_pickle(self, node: Mapping[str, Any], _live: Any) -> Any:
        return self._rest[node["at"]]

    def _read_enum(self, node: Mapping[str, Any], live: Any) -> Any:
        found = type(live) if class_name(live) == node["class"] else self._class(node["class"])
        if found is None:
            raise DataCorrupt(f"the checkpoint holds {node['name']} of {node['class']}, which the model does not have")
        return found(self.value(node["value"])) if "value" in node else found[node["name"]]

    def _read_named(self, node: Mapping[str, Any], live: Any) -> Any:
        found = type(live) if class_name(live) == node["class"] else self._class(node["class"])
        values = {name: self.value(part, _at(live, name)) for name, part in node["items"].items()}
        if found is None:
            raise DataCorrupt(f"the checkpoint holds a {node['class']}, which the model does not have")
        return found(**values)

    def _read_object(self, node: Mapping[str, Any], live: Any) -> Any:
        if live is ABSENT or class_name(live) != node["class"] or id(live) in self._taken:
            found = self._class(node["class"]) or type(live)
            live = object.__new__(found)
        self._taken.add(id(live))
        if "id" in node:
            self._made[node["id"]] = live
        self._attributes(live, node["items"], attributes_of(live))
        return live

    def _attributes(self, live: Any, items: Mapping[str, Any], before: Mapping[str, Any]) -> None:
        own = getattr(live, "__dict__", {})
        for name in before.keys() - items.keys():
            own.pop(name, None)
        for name, part in items.items():
            if isinstance(part, dict) and part.get("$") == "kept":
                continue
            value = self.value(part, before.get(name, ABSENT))
            if name in own or not any(name in getattr(each, "__slots__", ()) for each in type(live).__mro__):
                own[name] = value
            else:
                object.__setattr__(live, name, value)

    def _read_tensor(self, node: Any, live: Any) -> Any:
        free = live is not ABSENT and self._is_free(live, type(live))
        return torches.tensor_of(node, self._tensors[node["tensor"]], live if free else None)

    def _read_torch_generator(self, node: Mapping[str, Any], live: Any) -> Any:
        live.set_state(self.value(node["state"]))
        return live

    def _read_module(self, node: Mapping[str, Any], live: Any) -> Any:
        if "id" in node:
            self._made[node["id"]] = live
        live.load_state_dict({name: self._entry(part) for name, part in node["tensors"].items()})
        for name, module in list(live.named_modules()):
            items = node["items"].get(name, {})
            buffers = {key: part for key, part in items.items() if key in module._buffers}
            for key, part in buffers.items():
                module._buffers[key] = self.value(part, module._buffers[key])
            mine = {key: part for key, part in items.items() if key not in buffers}
            self._attributes(module, mine, {key: vars(module)[key] for key in mine if key in vars(module)})
        return live

    def _entry(self, node: Any) -> Any:
        """Returns an entry of a module's state_dict, which is copied from there."""
        if isinstance(node, dict) and node.get("$") == "tensor" and "id" not in node:
            return torches.tensor_of(node, self._tensors[node["tensor"]], None, copy=False)
        return self.value(node)

    def _read_stateful(self, node: Mapping[str, Any], live: Any) -> Any:
        state = self.value(node["state"])
        groups = getattr(live, "param_groups", None)
        if groups and self._renewed and isinstance(state, dict):
            for group, before in zip(state.get("param_groups", ()), groups, strict=False):
                group.update({key: self._plain(part, before.get(key, ABSENT)) for key, part in group.items()})
        live.load_state_dict(state)
        return live

    def _class(self, name: str) -> Any:
        """Returns the author's class of that name, None without one."""
        if self._subject is ABSENT:
            return None
        for module in authors_modules(self._subject):
            found: Any = module
            for part in name.split("."):
                found = getattr(found, "__dict__", {}).get(part)  # asking it might run code
            if isinstance(found, type):
                return found
        return None


def _tensors_in(node: Any) -> Iterator[str]:
    """Yields the names of the tensors that a node needs."""
    if isinstance(node, list):
        for part in node:
            yield from _tensors_in(part)
        return
    if not isinstance(node, dict):
        return
    if "$" not in node:
        for part in node.values():
            yield from _tensors_in(part)
        return
    if "tensor" in node:
        yield node["tensor"]
    if "column" in node:
        yield from _tensors_in_column(node["column"])
    for key in ("pairs", "state"):
        yield from _tensors_in(node.get(key))
    for key in ("items", "tensors"):
        inside = node.get(key)
        for part in inside.values() if isinstance(inside, dict) else inside or ():
            yield from _tensors_in(part)


def _tensors_in_column(column: Mapping[str, Any]) -> Iterator[str]:
    for key in ("tensor", "at"):
        if key in column:
            yield column[key]
    if "column" in column:
        yield from _tensors_in_column(column["column"])
    parts = column.get("parts", ())
    for part in parts.values() if isinstance(parts, dict) else parts:
        yield from _tensors_in_column(part)
    yield from _tensors_in(column.get("nodes"))


def _at(live: Any, key: Any) -> Any:
    """Returns the part of a living thing that has the place `key`, ABSENT without one."""
    if isinstance(key, int):
        inside = isinstance(live, (list, tuple, deque, np.ndarray)) and key < len(live)
        return live[key] if inside else ABSENT
    if isinstance(live, dict):
        return live.get(key, ABSENT)
    return ABSENT if live is ABSENT else attributes_of(live).get(key, ABSENT)


def _is(one: Any, other: Any) -> bool:
    return one is other
