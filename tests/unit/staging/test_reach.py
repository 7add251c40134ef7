"""Which modules a function can come to import."""

from __future__ import annotations

from pathlib import Path

from ainimal_zookeeper.staging.reach import imports, reached


def modules(folder: Path, files: dict[str, str]) -> dict[str, Path]:
    """Returns a package `sdk` of `files`, {module: text}; a module that has others below it is a package."""
    found: dict[str, Path] = {}
    for name, text in files.items():
        is_package = any(other.startswith(f"{name}.") for other in files)
        path = folder.joinpath(*name.split("."), "__init__.py") if is_package else folder / f"{name}.py"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
        found[name] = path
    return found


def test_what_is_imported_is_reached_with_its_packages_and_what_it_imports(tmp_path: Path) -> None:
    """A module comes with the packages above it, and with what it imports itself, relative to where it stands."""
    sdk = modules(
        tmp_path,
        {
            "sdk": "",
            "sdk.ports": "",
            "sdk.ports.store": "from ..domain import rules",
            "sdk.domain": "from . import errors",
            "sdk.domain.rules": "import sdk.time",
            "sdk.domain.errors": "",
            "sdk.time": "",
            "sdk.unused": "",
        },
    )

    assert set(reached([b"from sdk.ports.store import Store"], sdk)) == set(sdk) - {"sdk.unused"}


def test_late_imports_count_and_those_for_type_checkers_do_not(tmp_path: Path) -> None:
    """An import within a function is made one day; one under TYPE_CHECKING never is, its `else` is."""
    sdk = modules(tmp_path, {"sdk": "", "sdk.late": "", "sdk.typed": "", "sdk.other": ""})
    source = b"""
if TYPE_CHECKING:
    from sdk import typed
else:
    from sdk import other

def use():
    with open():
        from sdk.late import thing
"""

    assert set(reached([source], sdk)) == {"sdk", "sdk.late", "sdk.other"}


def test_modules_that_import_each_other_are_reached_once(tmp_path: Path) -> None:
    """A circle ends."""
    sdk = modules(tmp_path, {"sdk": "", "sdk.a": "from . import b", "sdk.b": "from . import a"})

    assert set(reached([b"import sdk.a"], sdk)) == {"sdk", "sdk.a", "sdk.b"}


def test_names_are_those_of_modules_and_of_what_is_taken_from_them() -> None:
    """Either may be a module."""
    assert list(imports(b"import a.b\nfrom c import d, e\nfrom .f import g", "package")) == [
        "a.b",
        "c.d",
        "c.e",
        "package.f.g",
    ]
