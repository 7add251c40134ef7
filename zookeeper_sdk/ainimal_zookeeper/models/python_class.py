"""Python classes as agents: subclasses of AInimal, and plain classes, where what is missing is inferred."""

from __future__ import annotations

import atexit
import difflib
import shutil
import tempfile
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any, cast

from ainimal_zookeeper import source
from ainimal_zookeeper.ainimal import AInimal
from ainimal_zookeeper.construction import construct
from ainimal_zookeeper.domain.errors import AInimalFault, InvalidInput
from ainimal_zookeeper.modality import Modality, ModalityKind
from ainimal_zookeeper.models import abilities, forwarding, training
from ainimal_zookeeper.models.agent import Agent, Finding, TrainOn
from ainimal_zookeeper.models.settling import dry_run
from ainimal_zookeeper.parameters import Parameter
from ainimal_zookeeper.spaces import leaves, tree_of

Modalities = Mapping[str, Modality]

_INPUT_NAMES = (
    "input_modalities", "observation_modalities", "input_spec", "obs_spec", "observation_spec", "observation_space",
)  # fmt: skip
_OUTPUT_NAMES = (
    "output_modalities", "action_modalities", "output_spec", "act_spec", "action_spec", "action_space",
)  # fmt: skip


def load(
    spec: Mapping[str, Any],
    parameters: Mapping[str, Any],
    *,
    observation: Modalities | None,
    action: Modalities | None,
    stage: Callable[[str], None],
) -> Agent:
    """Imports the file, makes the object, and finds out how it acts, learns, saves and shows itself."""
    path = spec.get("path")
    if not path:
        raise InvalidInput("a model of type python_class needs the path of its file", ("path",))
    module = source.load_module(path, AInimalFault, stage, spec.get("module"))
    found = source.find_class(
        module, spec.get("class_name"), AInimalFault, base=AInimal, methods=_acting(spec.get("act_func"))
    )
    if missing := sorted(getattr(found, "__abstractmethods__", ())):
        raise AInimalFault(f"{found.__name__} does not write {', '.join(missing)}; every AInimal needs it")
    stage(f"making {found.__name__}")
    made = construct(
        found,
        spec.get("init_params") or {},
        {**_declared_defaults(found), **parameters},
        {"save_path": spec.get("save_path") or _fresh_folder},
        AInimalFault,
        spec.get("variables"),
    )
    findings = [
        Finding(
            "parameters", f"nothing takes the parameter {name}: no argument of that name, no init_params", "inferred"
        )
        for name in made.unused
    ]
    agent = adapt(made.subject, spec, observation=observation, action=action, findings=findings)
    given = {**parameters, **(spec.get("init_params") or {})}
    agent.takes_save_path = "save_path" in made.arguments and "save_path" not in given
    return agent


def _declared_defaults(found: type) -> dict[str, Any]:
    """Returns the defaults that a class declares, for a probe and other launches that no form has filled in."""
    try:
        declared = [Parameter.from_literal(literal) for literal in getattr(found, "AINIMAL_PARAMETERS", ())]
    except InvalidInput as refusal:
        raise AInimalFault(f"AINIMAL_PARAMETERS of {found.__name__}: {refusal}") from refusal
    return {parameter.name: parameter.default for parameter in declared if not parameter.required}


def adapt(
    subject: Any,
    spec: Mapping[str, Any],
    *,
    observation: Modalities | None,
    action: Modalities | None,
    findings: list[Finding] | None = None,
) -> Agent:
    """Makes an agent of an object that is there already. Raises: AInimalFault when it cannot act in this world."""
    findings = [] if findings is None else findings
    if not isinstance(subject, AInimal):
        findings.append(Finding("class", f"{type(subject).__name__} is a plain class, not an AInimal", "inferred"))
    own_inputs = _declared(
        subject, spec, "input_modalities_func", _INPUT_NAMES, _lone(observation, "observation"), findings
    )
    own_outputs = _declared(subject, spec, "output_modalities_func", _OUTPUT_NAMES, _lone(action, "action"), findings)
    inputs, rename_in = _match(own_inputs, observation, "input", type(subject).__name__)
    outputs, rename_out = _match(own_outputs, action, "output", type(subject).__name__)
    can, more = abilities.find_abilities(subject, spec)
    findings += more
    agent = Agent(
        forward=lambda values: values,
        inputs=inputs,
        outputs=outputs,
        can=can,
        train_on=_train_on(subject),
        vectorized=bool(getattr(type(subject), "VECTORIZED", False)),
        subject=subject,
    )
    if isinstance(subject, AInimal):
        _bind_ainimal(agent, subject, spec, rename_in, rename_out, findings)
    else:
        _bind_plain(agent, subject, spec, own_inputs, rename_in, rename_out, findings)
    _train_every(agent, subject)
    if agent.can.train is not None:
        findings.append(Finding("train", _how_it_is_asked_to_learn(agent), "inferred"))
    agent.findings = tuple(findings)
    if not agent.outputs:
        dry_run(agent)
    return agent


def _bind_ainimal(
    agent: Agent,
    subject: AInimal,
    spec: Mapping[str, Any],
    rename_in: Mapping[str, str],
    rename_out: Mapping[str, str],
    findings: list[Finding],
) -> None:
    forward = getattr(subject, spec.get("act_func") or "forward", None)
    if not callable(forward):
        raise AInimalFault(f"act_func names {spec.get('act_func')}, which {type(subject).__name__} does not have")
    findings.append(Finding("forward", f"{type(subject).__name__} is an AInimal: {forward.__name__} acts", "declared"))
    agent.forward_kind = forwarding.kind_of(forward)
    agent.forward = _in_own_words(forward, agent.forward_kind, rename_in, rename_out)
    for world, own in {**rename_in, **rename_out}.items():
        findings.append(
            Finding("names", f"the world's {world} is the AInimal's {own}, as each has only one", "inferred")
        )
    configured = spec.get("train_func")
    if configured or (abilities.is_written(subject, "train") and training.is_own(subject, "train")):
        train = getattr(subject, configured or "train", None)
        if not callable(train):
            raise AInimalFault(f"train_func names {configured}, which {type(subject).__name__} does not have")
        agent.can.train = training.renamed(train, rename_in, rename_out)
    else:
        findings.append(
            Finding("train", f"{type(subject).__name__} does not write train: it does not learn", "declared")
        )


def _bind_plain(
    agent: Agent,
    subject: Any,
    spec: Mapping[str, Any],
    own_inputs: Modalities,
    rename: dict[str, str],
    rename_out: dict[str, str],
    findings: list[Finding],
) -> None:
    known = agent.inputs or None
    forward = forwarding.find_forward(subject, spec.get("act_func"), known if not rename else own_inputs)
    findings += forward.findings
    if known is None:
        agent.inputs = forwarding.inputs_of_signature(forward)
    agent.forward_kind = forward.kind
    agent.forward = forwarding.adapt(forward, agent.inputs, agent.outputs, rename, rename_out)
    bare = forward.form != "dict" and len(agent.inputs) == 1

    def seen(values: Mapping[str, Any]) -> Any:
        if bare:
            return next(iter(values.values()))
        return {rename.get(name, name): value for name, value in values.items()}

    learns = training.find_training(subject, spec.get("train_func"), seen)
    findings += learns.findings
    agent.can.train = learns.train
    if learns.per_transition:
        agent.train_every = 1


def _declared(
    subject: Any,
    spec: Mapping[str, Any],
    key: str,
    names: tuple[str, ...],
    lone: str,
    findings: list[Finding],
) -> dict[str, Modality]:
    configured = spec.get(key)
    value, name = abilities.declared(subject, configured, names, key)
    if value is None:
        return {}
    try:
        modalities = leaves(tree_of(value, lone))
    except InvalidInput as error:
        raise AInimalFault(f"{type(subject).__name__}.{name}: {error}") from error
    side = "inputs" if "input" in key else "outputs"
    certain: Any = "configured" if configured else "declared"
    findings.append(Finding(side, f"{type(subject).__name__}.{name} names {', '.join(modalities)}", certain))
    return modalities


def _match(
    own: dict[str, Modality], world: Modalities | None, side: str, label: str
) -> tuple[dict[str, Modality], dict[str, str]]:
    """Returns the channels by the world's names, and the author's names where they differ.

    Raises: AInimalFault when the model needs an input, or the world an output, that the other does not have.
    """
    if world is None:
        return own, {}
    if not own:
        return dict(world), {}
    rename: dict[str, str] = {}
    if len(own) == 1 and len(world) == 1 and set(own) != set(world):
        ((own_name, modality),) = own.items()
        (world_name,) = world
        rename[world_name] = own_name
        own = {world_name: modality}
    needed, offered = (own, world) if side == "input" else (world, own)
    for name in needed:
        if name not in offered:
            close = difflib.get_close_matches(name, offered, n=1)
            hint = f"; did it mean {close[0]}?" if close else ""
            have = ", ".join(offered)
            if side == "input":
                raise AInimalFault(f"{label} needs the input {name}, but the world shows {have}{hint}")
            raise AInimalFault(f"the world takes {name}, but {label} returns {have}{hint}")
    filled = dict(own)
    for name, modality in own.items():
        if name not in world:
            continue
        filled[name] = _filled(modality, world[name])
        if not _agree(modality, world[name]):
            raise AInimalFault(
                f"{label}: {side} {rename.get(name, name)} is declared as {modality.describe()}, but the world's "
                f"{name} is {world[name].describe()}"
            )
    return filled, rename


def _filled(own: Modality, world: Modality) -> Modality:
    """Returns what the author declares, with what they leave open taken from the world."""
    if own.kind is not world.kind or own.shape != world.shape:
        return own
    open_fields = ("low", "high", "neutral", "labels", "names", "unit", "layout", "max_delta")
    return replace(own, **{each: getattr(world, each) for each in open_fields if getattr(own, each) is None})


def _agree(own: Modality, world: Modality) -> bool:
    """Tells whether shapes and kinds can stand for each other; what one leaves open, the other may fix."""
    loose = (ModalityKind.TREE,)
    if own.kind in loose or world.kind in loose:
        return True
    if (own.kind is ModalityKind.TEXT) != (world.kind is ModalityKind.TEXT):
        return False
    return len(own.shape) == len(world.shape) and all(
        mine is None or theirs is None or mine == theirs for mine, theirs in zip(own.shape, world.shape, strict=True)
    )


def _in_own_words(
    forward: Callable[..., Any], kind: str, rename_in: Mapping[str, str], rename_out: Mapping[str, str]
) -> Callable[[dict[str, Any]], Any]:
    if not rename_in and not rename_out:
        return forward
    back = {own: world for world, own in rename_out.items()}

    def take(values: dict[str, Any]) -> dict[str, Any]:
        return {rename_in.get(name, name): value for name, value in values.items()}

    def give(values: Any) -> Any:
        return (
            {back.get(name, name): value for name, value in values.items()} if isinstance(values, Mapping) else values
        )

    if kind == "async":

        async def forward_async(values: dict[str, Any]) -> Any:
            return give(await forward(take(values)))

        return forward_async
    if kind == "generator":

        def forward_generator(values: dict[str, Any]) -> Any:
            for part in forward(take(values)):
                yield give(part)

        return forward_generator
    return lambda values: give(forward(take(values)))


def _train_on(subject: Any) -> TrainOn:
    value = getattr(type(subject), "TRAIN_ON", "executed")
    if value not in ("executed", "proposed", "skip"):
        raise AInimalFault(
            f'{type(subject).__name__}.TRAIN_ON is {value!r}; it must be "executed", "proposed" or "skip"'
        )
    return cast("TrainOn", value)


def _train_every(agent: Agent, subject: Any) -> None:
    value = getattr(type(subject), "TRAIN_EVERY", None)
    if value is None or (value == AInimal.TRAIN_EVERY and agent.train_every != AInimal.TRAIN_EVERY):
        return
    if value != "episode" and (isinstance(value, bool) or not isinstance(value, int) or value < 1):
        raise AInimalFault(f'{type(subject).__name__}.TRAIN_EVERY is {value!r}; it must be "episode" or at least 1')
    agent.train_every = value


def _how_it_is_asked_to_learn(agent: Agent) -> str:
    often = {"episode": "at the end of each episode", 1: "after every timestep"}
    driven = {"executed": "what was done then", "proposed": "what it proposed", "skip": "nothing of that"}
    when = often.get(agent.train_every, f"every {agent.train_every} timesteps")
    return f"it is asked to learn {when}; when somebody else drove, it learns from {driven[agent.train_on]}"


def _lone(modalities: Modalities | None, name: str) -> str:
    """Returns the name that a lone channel without a name of its own gets: the world's."""
    return next(iter(modalities)) if modalities is not None and len(modalities) == 1 else name


def _acting(configured: str | None) -> tuple[str, ...]:
    return (configured,) if configured else forwarding.ACT_NAMES


def _fresh_folder() -> str:
    folder = tempfile.mkdtemp(prefix="ainimal-")
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    return folder
