"""How to call what an author wrote: which method acts, what it takes, what it returns.

The outside always sees the world's names (`inputs -> outputs`, dicts); the author's code sees what it was written
for: its own names, a bare observation, or one argument per input.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Literal

from ainimal_zookeeper.domain.errors import AInimalFault
from ainimal_zookeeper.modality import Modality, ModalityKind
from ainimal_zookeeper.models.agent import Finding
from ainimal_zookeeper.spaces import as_array

ACT_NAMES = ("act", "predict", "forward", "__call__")
ForwardKind = Literal["plain", "async", "generator"]
Form = Literal["dict", "bare", "keywords", "nothing"]

_DICT_NAMES = frozenset({"inputs", "input_dict", "observations", "obs_dict"})
_KIND_OF_ANNOTATION = {
    "str": (ModalityKind.TEXT, "str"),
    "float": (ModalityKind.SCALAR, "float64"),
    "int": (ModalityKind.SCALAR, "int64"),
}


@dataclass(frozen=True, slots=True)
class Forward:
    """The method that acts, and the form in which it takes inputs."""

    method: Callable[..., Any]
    name: str
    kind: ForwardKind
    form: Form
    arguments: tuple[inspect.Parameter, ...]
    findings: tuple[Finding, ...]


def find_forward(subject: Any, configured: str | None, inputs: Mapping[str, Modality] | None) -> Forward:
    """Finds how a plain class acts. `inputs`: what the world or the model declares, None when nobody does.

    Raises: AInimalFault when there is no such method, or what it needs cannot be given.
    """
    label = type(subject).__name__
    name = configured or next((each for each in ACT_NAMES if _has(subject, each)), None)
    if name is None:
        raise AInimalFault(
            f"{label} has none of the methods {', '.join(ACT_NAMES)}; name the one that acts as act_func, "
            f"or subclass AInimal"
        )
    method = getattr(subject, name, None)
    if not callable(method):
        raise AInimalFault(f"act_func names {name}, which {label} does not have; {_methods_of(subject)}")
    certain: Literal["configured", "inferred"] = "configured" if configured else "inferred"
    findings = [Finding("forward", f"{label}.{name} acts", certain)]
    arguments = positional(method)
    form, finding = _form(arguments, inputs, f"{label}.{name}")
    findings.append(finding)
    kind = kind_of(method)
    if name in ("forward", "__call__") and is_torch_module(subject) and kind == "plain":
        method = _on_tensors(subject)
        findings.append(
            Finding("forward", "numbers reach the module as float32 tensors, without gradients", "inferred")
        )
    return Forward(method, name, kind, form, arguments, tuple(findings))


def is_torch_module(subject: Any) -> bool:
    return any(base.__module__.startswith("torch.nn") for base in type(subject).__mro__)


def _on_tensors(module: Any) -> Callable[..., Any]:
    """Returns a module as a function of arrays. It is called itself, not its `forward`, so that its hooks fire."""
    import torch

    def tensor(value: Any) -> Any:
        if isinstance(value, dict):
            return {name: tensor(part) for name, part in value.items()}
        return value if isinstance(value, str) else torch.as_tensor(value, dtype=torch.float32)

    def call(*arguments: Any, **keywords: Any) -> Any:
        with torch.no_grad():
            return module(*map(tensor, arguments), **{name: tensor(value) for name, value in keywords.items()})

    return call


def kind_of(method: Callable[..., Any]) -> ForwardKind:
    """Tells whether `method` is a coroutine function, a generator function, or neither.

    Raises: AInimalFault for both at once, which nothing can drive.
    """
    called = method if inspect.isroutine(method) else type(method).__call__
    if inspect.isasyncgenfunction(called):
        raise AInimalFault(f"{called.__qualname__} is an async generator; make it `async def` or a plain generator")
    if inspect.iscoroutinefunction(called):
        return "async"
    return "generator" if inspect.isgeneratorfunction(called) else "plain"


def positional(method: Callable[..., Any]) -> tuple[inspect.Parameter, ...]:
    """Returns the arguments that a call must give, in order; all of them when none must be."""
    try:
        signature = inspect.signature(method)
    except (ValueError, TypeError):
        return ()
    kinds = (inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD, inspect.Parameter.KEYWORD_ONLY)
    own = [argument for argument in signature.parameters.values() if argument.kind in kinds]
    required = [argument for argument in own if argument.default is argument.empty]
    if required:
        return tuple(required)
    variable = [each for each in signature.parameters.values() if each.kind is each.VAR_POSITIONAL]
    return tuple(own[:1] or variable[:1])


def inputs_of_signature(forward: Forward) -> dict[str, Modality]:
    """Returns inputs as far as annotations tell: one per argument; none for a dict of anything."""
    if forward.form == "dict":
        return {}
    found: dict[str, Modality] = {}
    for argument in forward.arguments:
        kind, dtype = _KIND_OF_ANNOTATION.get(annotation_of(argument), (ModalityKind.TREE, "object"))
        found[argument.name] = Modality(argument.name, kind, (), dtype)
    return found


def annotation_of(argument: inspect.Parameter) -> str:
    """Returns an annotation's outermost name: "dict" for `dict[str, Any]`, "" when there is none."""
    annotation = argument.annotation
    if annotation is argument.empty:
        return ""
    text = annotation if isinstance(annotation, str) else getattr(annotation, "__name__", str(annotation))
    return text.partition("[")[0].rpartition(".")[2].strip("'\" ")


def adapt(
    forward: Forward,
    inputs: Mapping[str, Modality],
    outputs: Mapping[str, Modality],
    rename: Mapping[str, str],
    rename_out: Mapping[str, str],
) -> Callable[[dict[str, Any]], Any]:
    """Returns a callable from inputs by the world's names to outputs by the world's names.

    `rename`, `rename_out`: the world's name of an input or output -> the author's, for those that differ.
    """
    take = _taker(forward, inputs, rename)
    give = _giver(forward, outputs, {own: world for world, own in rename_out.items()})
    method = forward.method
    if forward.kind == "async":

        async def forward_async(values: dict[str, Any]) -> dict[str, Any]:
            arguments, keywords = take(values)
            return give(await method(*arguments, **keywords))

        return forward_async
    if forward.kind == "generator":

        def forward_generator(values: dict[str, Any]) -> Any:
            arguments, keywords = take(values)
            for part in method(*arguments, **keywords):
                yield give(part)

        return forward_generator
    if forward.form == "bare" and len(inputs) == 1:
        (key,) = inputs

        def forward_bare(values: dict[str, Any]) -> dict[str, Any]:
            return give(method(values[key]))

        return forward_bare

    def forward_plain(values: dict[str, Any]) -> dict[str, Any]:
        arguments, keywords = take(values)
        return give(method(*arguments, **keywords))

    return forward_plain


def _form(
    arguments: tuple[inspect.Parameter, ...], inputs: Mapping[str, Modality] | None, label: str
) -> tuple[Form, Finding]:
    if not arguments:
        return "nothing", Finding("inputs", f"{label} takes no inputs", "inferred")
    names = [argument.name for argument in arguments]
    if inputs and len(names) > 1 and set(names) == set(inputs):
        return "keywords", Finding("inputs", f"{label} takes {', '.join(names)}, each its own argument", "inferred")
    if len(names) > 1:
        if inputs is None:
            return "keywords", Finding("inputs", f"{label} takes {', '.join(names)}, each its own argument", "inferred")
        raise AInimalFault(
            f"{label} needs {', '.join(names)}, but what there is to give is {', '.join(inputs) or 'nothing'}; "
            f"give the others defaults, or name another method as act_func"
        )
    annotation = annotation_of(arguments[0])
    if annotation in ("dict", "Dict", "Mapping", "MutableMapping"):
        return "dict", Finding("inputs", f"{label} takes a dict of inputs, as it is annotated", "inferred")
    if not annotation and names[0] in _DICT_NAMES:
        return "dict", Finding(
            "inputs", f"{label} takes a dict of inputs, as its argument is called {names[0]}", "guessed"
        )
    if inputs is not None and len(inputs) > 1:
        return "dict", Finding("inputs", f"{label} takes a dict, as there are {len(inputs)} inputs", "inferred")
    certain: Literal["inferred", "guessed"] = "inferred" if annotation else "guessed"
    return "bare", Finding("inputs", f"{label} takes a bare value as {names[0]}", certain)


def _taker(
    forward: Forward, inputs: Mapping[str, Modality], rename: Mapping[str, str]
) -> Callable[[dict[str, Any]], tuple[tuple[Any, ...], dict[str, Any]]]:
    if forward.form == "nothing":
        return lambda _values: ((), {})
    if forward.form == "keywords":
        names = [argument.name for argument in forward.arguments]
        return lambda values: ((), {name: values[name] for name in names})
    if forward.form == "bare" and len(inputs) <= 1:
        return lambda values: ((next(iter(values.values())),), {})
    if rename:
        return lambda values: (({rename.get(name, name): value for name, value in values.items()},), {})
    return lambda values: ((values,), {})


def _giver(
    forward: Forward, outputs: Mapping[str, Modality], back: Mapping[str, str]
) -> Callable[[Any], dict[str, Any]]:
    key = next(iter(outputs)) if len(outputs) == 1 else "output" if not outputs else None
    pairs = forward.name == "predict" and (key is None or outputs.get(key) is None or _is_numeric(outputs[key]))
    usual = (int, float, str)

    def give(returned: Any) -> dict[str, Any]:
        kind = type(returned)
        if kind is dict:
            return {back.get(name, name): value for name, value in returned.items()} if back else returned
        if kind not in usual:
            if pairs and kind is tuple and len(returned) == 2:  # (action, recurrent state), as many libraries do
                returned = returned[0]
            if hasattr(returned, "detach"):
                array = as_array(returned)
                returned = returned if array is None else array[()]
            if isinstance(returned, Mapping):
                return dict(returned)
        if key is None:
            raise AInimalFault(
                f"{forward.name} returned a bare {type(returned).__name__} where a dict with "
                f"{', '.join(outputs)} is needed"
            )
        return {key: returned}

    return give


def _is_numeric(modality: Modality) -> bool:
    return modality.kind not in (ModalityKind.TREE, ModalityKind.TEXT)


def _has(subject: Any, name: str) -> bool:
    if name == "__call__":
        return callable(subject)
    return callable(getattr(subject, name, None))


def _methods_of(subject: Any) -> str:
    names = [name for name in dir(type(subject)) if not name.startswith("_") and callable(getattr(type(subject), name))]
    return f"it has: {', '.join(names) or 'no methods'}"
