"""Turns a checked configuration and the files it names into the documents of the catalogue.

It runs at the start, where every mistake is a problem, and again every few seconds, where a file that has just become
unreadable is a finding of its model: the zoo goes on.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, cast

from ainimal_zookeeper.domain.documents import MODEL_FILES, EnvironmentDoc, ModelDoc, ParameterDoc
from ainimal_zookeeper.domain.errors import InvalidInput
from ainimal_zookeeper.domain.keywords import keywords
from ainimal_zookeeper.domain.names import CAMEL, id_of, slug
from ainimal_zookeeper.parameters import Parameter, check_parameters

from .check import Section
from .compilation import LaunchDoc
from .home import Home
from .keys import AUTOSAVE, TYPES
from .packed import packed_type, read_packed
from .problems import Problems, nearest
from .references import references
from .source import ClassFacts, SourceFacts, read_source
from .specification import EnvironmentSpec, ModelSpec
from .values import CreateParam, InitParams

_FUNCTIONS: Final = ("act_func", "train_func", "reset_func", "input_modalities_func", "output_modalities_func",
                     "save_func", "load_func")  # fmt: skip
_WORLD_KEYS: Final = ("env_name", "step_function", "reset_function", "render_function", "num_envs", "step_timeout")
_SKIPPED_FOLDERS: Final = {"tests", "test", "node_modules", "site-packages", "build", "dist"}


@dataclass(frozen=True, slots=True)
class Catalogue:
    models: list[ModelDoc]
    environments: list[EnvironmentDoc]
    launches: list[LaunchDoc]


def files_of(zoo: Section) -> list[Path]:
    """Returns every file that the catalogue reads, in order."""
    named = [section.get("path") for key in ("models", "environments") for section in zoo.get(key, [])]
    found = [path for section in zoo.get("model_providers", []) for path in model_files(section.get("root"))]
    return [path for path in [*named, *found] if path is not None]


def make_catalogue(zoo: Section, home: Home, problems: Problems) -> Catalogue:
    """Returns the documents; what is wrong goes to `problems`, and to the findings of what it concerns."""
    maker = _Maker(home, problems)
    models = [maker.model(section) for section in zoo.get("models", []) if "path" in section.values]
    environments: list[EnvironmentDoc] = []
    for section in zoo.get("environments", []):
        environment = maker.environment(section)
        if environment is not None:
            environments.append(environment)
    maker.refuse_twins(zoo.get("models", []), models, "models")
    maker.refuse_twins(zoo.get("environments", []), environments, "environments")
    maker.refuse_twin_providers(zoo.get("model_providers", []))
    taken = {environment["id"] for environment in environments}
    named = len(models)
    for section in zoo.get("model_providers", []):
        if "root" in section.values:
            models += maker.provided_models(section)
            for world in maker.provided_worlds(section):
                if world["id"] not in taken:  # one that is named one by one, or found before, goes first
                    taken.add(world["id"])
                    environments.append(world)
    launches = maker.launches(zoo.get("launch", []), models, named, environments)
    return Catalogue(models, environments, launches)


class _Maker:
    def __init__(self, home: Home, problems: Problems) -> None:
        self._home = home
        self._problems = problems
        self._opaque: set[str] = set()  # ids of what could not be read: nothing is known of its parameters
        self._unread = False

    # --- models ------------------------------------------------------------------------------------------------------

    def model(self, section: Section) -> ModelDoc:
        """Returns the document of a model that the configuration names."""
        packed = self._packed_type(section)
        if packed is not None:
            return self._packed_model(section, packed)
        source = read_source(section.values["path"])
        facts, findings = self._class(section, source, source.models, "model")
        class_name = section.get("class_name") or (facts.name if facts is not None else source.path.stem)
        name = section.get("name") or class_name
        parameters = self._parameters(section, facts)
        spec: ModelSpec = {"type": "python_class", "name": name, "class_name": class_name}
        self._describe_model(spec, section)
        return self._model(
            spec, section, source, facts, id=id_of("mod", name, "", name), parameters=parameters, findings=findings
        )

    def provided_models(self, section: Section) -> Iterator[ModelDoc]:
        """Yields the documents of all models under the root of a provider, by file and name."""
        root: Path = section.values["root"]
        provider = _provider_id(section)
        for path in model_files(root):
            place = path.relative_to(root).as_posix()
            if (packed := packed_type(path)) is not None:
                yield self._model(
                    {"type": packed, "name": path.stem},
                    section,
                    read_packed(path),
                    None,
                    id=id_of("mod", path.stem, provider, place),
                    parameters=[],
                    findings=[],
                )
                continue
            source = read_source(path)
            if source.problem is not None:
                self._unread = True
                name = path.stem
                spec: ModelSpec = {"type": "python_class", "name": name}
                findings = [f"{place} {source.problem}"]
                yield self._model(
                    spec,
                    section,
                    source,
                    None,
                    id=id_of("mod", name, provider, place),
                    parameters=[],
                    findings=findings,
                )
            for facts in source.models:
                spec = {"type": "python_class", "name": facts.name, "class_name": facts.name}
                yield self._model(
                    spec,
                    section,
                    source,
                    facts,
                    id=id_of("mod", facts.name, provider, f"{place}:{facts.name}"),
                    parameters=list(facts.parameters),
                    findings=list(facts.findings),
                )

    def _packed_type(self, section: Section) -> str | None:
        """Returns the type of an entry that is a pickle, a zip or an ONNX file, by its file or by its `type`."""
        path: Path = section.values["path"]
        by_name = packed_type(path)
        if section.type and section.type != (by_name or "python_class"):
            ends = " or ".join(end for end, kind in MODEL_FILES.items() if kind == section.type) or ".py"
            message = f"{path.name} does not end in {ends}, as type {section.type} does; correct the path or the type"
            self._problems.add(section.place_of("path"), f"{section.path}.path", message)
        return section.type if section.type in MODEL_FILES.values() else by_name

    def _packed_model(self, section: Section, of_type: str) -> ModelDoc:
        """Returns the document of a file that the configuration names; nothing in it is looked at."""
        source = read_packed(section.values["path"])
        name = section.get("name") or source.path.stem
        spec: ModelSpec = {"type": of_type, "name": name}
        self._describe_model(spec, section)
        if section.get("class_name") is not None:
            spec["class_name"] = section.get("class_name")
        parameters = self._parameters(section, None)
        return self._model(
            spec, section, source, None, id=id_of("mod", name, "", name), parameters=parameters, findings=[]
        )

    @staticmethod
    def _describe_model(spec: ModelSpec, section: Section) -> None:
        """Adds to `spec` how the object is made and which of its methods do what."""
        spec.update(cast(ModelSpec, {key: section.get(key) for key in _FUNCTIONS if section.get(key) is not None}))
        if isinstance(arguments := section.get("init_params"), InitParams):
            spec["init_params"] = arguments.values
        if "create_params" in section.values:
            spec["create_params"] = [part.literal for part in section.values["create_params"]]

    def _model(
        self,
        spec: ModelSpec,
        section: Section,
        source: SourceFacts,
        facts: ClassFacts | None,
        *,
        id: str,
        parameters: list[ParameterDoc],
        findings: list[str],
    ) -> ModelDoc:
        if facts is None and "create_params" not in section.values:
            self._opaque.add(id)
        if section.get("rate") is not None:
            spec["rate"] = section.get("rate")
        if any(section.get(key) is not None for key in AUTOSAVE):
            spec["autosave"] = {
                "steps": section.get("autosave_steps"),
                "minutes": section.get("autosave_minutes"),
                "keep": section.get("keep_checkpoints"),
            }
        if section.get("flight_seconds") is not None:
            spec["flight"] = {"seconds": section.get("flight_seconds")}
        if section.get("push_checkpoints") is False:
            spec["push_checkpoints"] = False
        if python := section.get("python"):
            spec["python"] = python
        name, path = spec["name"], self._home.relative(source.path)
        spec["path"] = path
        return {
            "id": id,
            "name": name,
            "type": spec["type"],
            "source": path,
            "revision": source.revision,
            "description": section.get("description") or (facts.description if facts is not None else None),
            "providerId": _provider_id(section) if section.type in TYPES["model_providers"] else None,
            "parameters": parameters,
            "findings": findings,
            "defect": None if source.problem is None else findings[0] if findings else f"{path} {source.problem}",
            "keywords": keywords(name, CAMEL.sub(" ", name)),
            "specJson": json.dumps(spec, sort_keys=True),
        }

    # --- environments ------------------------------------------------------------------------------------------------

    def environment(self, section: Section) -> EnvironmentDoc | None:
        """Returns the document of an environment that the configuration names, None when it lacks too much."""
        of_type = section.type or ("gymnasium" if section.get("env_name") else "python_class")
        path: Path | None = section.get("path")
        if path is None and "path" in section.places:
            return None  # it was reported already
        if path is None and not (of_type == "gymnasium" and "env_name" in section.places):
            missing = "'env_name' (or 'path' and 'class_name')" if of_type == "gymnasium" else "'path'"
            self._problems.add(section.place, section.path, f"the key {missing} is missing")
            return None
        facts: ClassFacts | None = None
        class_name = section.get("class_name")
        if path is not None and (class_name is not None or "env_name" not in section.places):
            source = read_source(path)
            facts, _ = self._class(section, source, source.worlds, "environment")
            class_name = class_name or (facts.name if facts is not None else None)
        if "name" not in section.places and references(section.get("env_name", "")):
            message = "the key 'name' is missing: 'env_name' holds a variable, which is filled in when it runs"
            self._problems.add(section.place, section.path, message)
        name = section.get("name") or section.get("env_name") or class_name or str(path and path.stem)
        parameters = self._parameters(section, facts)
        spec: EnvironmentSpec = {
            "type": of_type,
            "name": name,
            "path": None if path is None else self._home.relative(path),
            "max_connected": section.get("max_connected", 1),
        }
        spec.update(cast(EnvironmentSpec, {key: section.get(key) for key in _WORLD_KEYS if key in section.values}))
        if class_name is not None:
            spec["class_name"] = class_name
        if isinstance(arguments := section.get("init_params"), InitParams):
            spec["init_params"] = arguments.values
        if "create_params" in section.values:
            spec["create_params"] = [part.literal for part in section.values["create_params"]]
        document = self._environment(spec, section, parameters)
        if path is not None and facts is None and "create_params" not in section.values:
            self._opaque.add(document["id"])
        return document

    def provided_worlds(self, section: Section) -> Iterator[EnvironmentDoc]:
        """Yields the documents of all environments under the root of a provider that offers them."""
        if not section.get("environments"):
            return
        for path in python_files(section.values["root"]):
            for facts in read_source(path).worlds:
                spec: EnvironmentSpec = {
                    "type": "python_class",
                    "name": facts.name,
                    "path": self._home.relative(path),
                    "class_name": facts.name,
                    "max_connected": 1,
                }
                yield self._environment(spec, section, list(facts.parameters))

    def _environment(self, spec: EnvironmentSpec, section: Section, parameters: list[ParameterDoc]) -> EnvironmentDoc:
        if python := section.get("python"):
            spec["python"] = python
        return {
            "id": f"world_{slug(spec['name'])}",
            "name": spec["name"],
            "type": spec["type"],
            "parameters": parameters,
            "maxInstances": section.get("max_instances"),
            "maxConnected": spec["max_connected"],
            "autostart": section.get("autostart", False),
            "specJson": json.dumps(spec, sort_keys=True),
        }

    # --- what both have ----------------------------------------------------------------------------------------------

    def _class(
        self, section: Section, source: SourceFacts, candidates: Sequence[ClassFacts], what: str
    ) -> tuple[ClassFacts | None, list[str]]:
        """Returns the class that an entry means, as far as its file tells, and findings."""
        if source.problem is not None:
            return None, [f"{source.path.name} {source.problem}"]
        wanted, place = section.get("class_name"), self._home.relative(source.path)
        message = ""
        if wanted is not None:
            found = source.named(wanted)
            if found is not None:
                return found, list(found.findings)
            if source.names is None or wanted.split(".")[0] in source.names:
                return None, []  # made by an import or a call, which only a run can follow
            names = [facts.name for facts in source.classes]
            message = f"there is no {wanted!r} in {place}; {nearest(wanted, names)}"
        elif len(candidates) == 1:
            return candidates[0], list(candidates[0].findings)
        elif "class_name" not in section.places:
            names = [facts.name for facts in candidates]
            listed = f"it has {', '.join(names)}" if names else f"no class in it looks like an {what}"
            if what == "model" and not names:
                listed = "no class in it has forward, act, predict or __call__"
            message = f"the key 'class_name' is missing: {place} does not tell which class is meant; {listed}"
        if not message:
            return None, []
        path = f"{section.path}.class_name" if wanted is not None else section.path
        self._problems.add(section.place_of("class_name"), path, message)
        return None, [message]

    def _parameters(self, section: Section, facts: ClassFacts | None) -> list[ParameterDoc]:
        """Returns what a launch may choose: `create_params`, else what the class shows."""
        arguments = section.get("init_params")
        written: list[CreateParam] | None = section.get("create_params")
        if written is None:
            documents = list(facts.parameters) if facts is not None else []
            known = facts is not None or "path" not in section.values
        else:
            documents = []
            known = True
            for part in written:
                try:
                    document = Parameter.from_literal(part.literal).to_document()
                except (InvalidInput, TypeError, ValueError) as error:
                    self._problems.add(part.place, part.path, str(error))
                    known = False
                    continue
                if any(document["name"] == other["name"] for other in documents):
                    self._problems.add(part.place, part.path, f"parameter {document['name']!r} is declared twice")
                documents.append(document)
        names = [document["name"] for document in documents]
        if known and isinstance(arguments, InitParams):
            for name, place, path in arguments.uses:
                if name not in names:
                    self._problems.add(
                        place, path, f"${{params.{name}}} names no parameter; {_near_parameter(name, names)}"
                    )
        return documents

    def refuse_twins(
        self, sections: Sequence[Section], documents: Sequence[ModelDoc] | Sequence[EnvironmentDoc], what: str
    ) -> None:
        """Reports two entries of one list whose names make the same id."""
        by_id: dict[str, str] = {}
        by_path = {section.get("name"): section for section in sections}
        for document in documents:
            if document["id"] in by_id:
                section = by_path.get(document["name"])
                place = sections[-1].place if section is None else section.place_of("name")
                where = what if section is None else section.path
                self._problems.add(
                    place, where, f"there are two {what} called {by_id[document['id']]!r}; give one another name"
                )
            by_id[document["id"]] = document["name"]

    def refuse_twin_providers(self, sections: Sequence[Section]) -> None:
        """Reports two providers whose names make the same id; the name of one without is its folder's."""
        found: dict[str, Path] = {}
        for section in sections:
            if "root" not in section.values:
                continue
            other = found.setdefault(_provider_id(section), section.values["root"])
            if other is not section.values["root"]:
                message = f"has the same name as the provider of {other}; give one of them another 'name'"
                self._problems.add(section.place, section.path, message)

    # --- launches ----------------------------------------------------------------------------------------------------

    def launches(
        self,
        sections: Sequence[Section],
        models: Sequence[ModelDoc],
        named: int,
        environments: Sequence[EnvironmentDoc],
    ) -> list[LaunchDoc]:
        """Returns the launches whose model and environment exist. The first `named` models go before the others."""
        launches: list[LaunchDoc] = []
        for section in sections:
            if "model" not in section.values:
                continue
            model = self._offered(section, "model", models[:named]) or self._offered(section, "model", models)
            world = self._offered(section, "environment", environments)
            if model is None and not self._unread:  # an unreadable file may be the one that has it
                self._not_offered(section, "model", [model["name"] for model in models])
            if world is None and "environment" in section.values:
                self._not_offered(section, "environment", [world["name"] for world in environments])
            if model is None or (world is None and "environment" in section.places):
                continue
            launch: LaunchDoc = {
                "name": section.get("name") or model["name"],
                "modelId": model["id"],
                "environmentId": None if world is None else world["id"],
                "parameters": self._given(section, "parameters", model),
                "environmentParameters": self._given(section, "environment_parameters", world),
                "mode": section.get("mode", {"training": True, "inference": True}),
                "seed": section.get("seed"),
            }
            if any(launch["name"] == other["name"] for other in launches):
                message = f"there are two launches called {launch['name']!r}; give one another name"
                self._problems.add(section.place_of("name"), section.path, message)
            launches.append(launch)
        return launches

    def _offered(self, section: Section, key: str, offers: Sequence[Any]) -> Any:
        wanted = section.get(key)
        found = [offer for offer in offers if wanted in {offer["id"], offer["name"]}]
        if len(found) > 1:
            listed = ", ".join(f"{offer['id']} ({offer['source']})" for offer in found)
            message = f"there are {len(found)} called {wanted!r}; write the id of one: {listed}"
            self._problems.add(section.place_of(key), f"{section.path}.{key}", message)
        return found[0] if found else None

    def _not_offered(self, section: Section, key: str, names: list[str]) -> None:
        wanted = section.values[key]
        message = f"there is no {key} {wanted!r}; {nearest(wanted, names)}"
        self._problems.add(section.place_of(key), f"{section.path}.{key}", message)

    def _given(self, section: Section, key: str, offer: ModelDoc | EnvironmentDoc | None) -> dict[str, Any]:
        """Returns the parameters of a launch as they were written: the API fills in the others."""
        given: dict[str, Any] = section.get(key, {})
        if offer is not None and offer["id"] in self._opaque:
            return given
        try:
            check_parameters([] if offer is None else offer["parameters"], given)
        except InvalidInput as error:
            self._problems.add(section.place_of(key), f"{section.path}.{key}", error.message)
        return given


def python_files(root: Path | None) -> Iterator[Path]:
    """Yields the .py files below `root` by name; see `_files`."""
    return (path for path in _files(root) if path.suffix == ".py")


def model_files(root: Path | None) -> Iterator[Path]:
    """Yields the .py files, pickles, zips and ONNX files below `root` by name; see `_files`."""
    return (path for path in _files(root) if path.suffix == ".py" or packed_type(path) is not None)


def _files(root: Path | None) -> Iterator[Path]:
    """Yields the files below `root` by name.

    Hidden, private and test files and folders are left out, and names that are no UTF-8: no document can hold those.
    """
    if root is None:
        return
    try:
        entries = sorted(os.scandir(root), key=lambda entry: entry.name)
    except OSError:  # it went away after the start: nothing is offered until it is back
        return
    for entry in entries:
        name = entry.name
        if name.startswith(("_", ".")) or name in _SKIPPED_FOLDERS or not _is_text(name):
            continue
        if entry.is_dir(follow_symlinks=False):
            if not (Path(entry.path) / "pyvenv.cfg").exists():
                yield from _files(Path(entry.path))
        elif not name.startswith("test_") and name != "conftest.py" and entry.is_file():
            yield Path(entry.path)


def _is_text(name: str) -> bool:
    try:
        name.encode()
    except UnicodeEncodeError:
        return False
    return True


def _near_parameter(name: str, names: list[str]) -> str:
    return nearest(name, names) if names else "declare it in create_params"


def _provider_id(section: Section) -> str:
    return f"hub_{slug(section.get('name') or section.values['root'].name)}"
