"""What goes wrong in authors' files, and what is said of it."""

from __future__ import annotations

import sys

import pytest
from ainimal_zookeeper.domain.errors import AInimalFault, InvalidInput

from tests.unit.sdk.author import Author

ACTS = "def act(self, obs): return 0"


def test_a_syntax_error_names_file_and_line(author: Author) -> None:
    """The file is not run; the line is shown."""
    with pytest.raises(AInimalFault, match=r"model.py:3: .*: def act\(self obs\):") as caught:
        author.load("\nclass Plain:\n    def act(self obs):\n        return 0\n")
    assert caught.value.traceback is not None
    assert "SyntaxError" in caught.value.traceback


def test_a_constructor_that_raises_shows_only_the_authors_frames(author: Author) -> None:
    """The traceback begins in the author's file, and the message says where it was raised."""
    with pytest.raises(AInimalFault, match=r"Plain.__init__ raised ValueError: too small \(.*model.py:4\)") as caught:
        author.load("""
        class Plain:
            def __init__(self):
                raise ValueError("too small")
            def act(self, obs): return 0
        """)
    assert caught.value.traceback is not None
    assert "construction.py" not in caught.value.traceback
    assert "model.py" in caught.value.traceback


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("1 / 0\n", r"importing model.py raised ZeroDivisionError: .*model.py:1"),
        ("import sys\nsys.exit(3)\n", "raised SystemExit: 3"),
        ("import no_such_package\n", "needs the package no_such_package, which .* does not have"),
        ("x = '\0'\n", "null bytes|no Python source"),
    ],
)
def test_a_file_that_cannot_be_imported_says_why(author: Author, text: str, told: str) -> None:
    """Whatever happens at import, only this model fails."""
    with pytest.raises(AInimalFault, match=told):
        author.load(text)


def test_a_missing_class_is_answered_with_the_nearest(author: Author) -> None:
    """All classes of the file are listed."""
    with pytest.raises(AInimalFault, match=r"no class Pilto; it has: Pilot, Other; did you mean Pilot?"):
        author.load(f"class Pilot:\n    {ACTS}\nclass Other: ...\n", class_name="Pilto")


def test_a_missing_file_and_a_missing_path_are_told(author: Author) -> None:
    """The path is in the message."""
    with pytest.raises(AInimalFault, match=r"there is no file /nowhere/model.py"):
        author.load("", path="/nowhere/model.py")
    with pytest.raises(InvalidInput, match="needs the path"):
        author.load("", path="")
    with pytest.raises(InvalidInput, match="model type is 'keras'"):
        author.load("", type="keras")


def test_files_beside_the_model_can_be_imported(author: Author) -> None:
    """A model's folder is on the path."""
    author.write("ANSWER = 2\n", "sibling_of_model.py")
    agent = author.load(f"import sibling_of_model\nclass Plain:\n    answer = sibling_of_model.ANSWER\n    {ACTS}\n")
    assert agent.subject.answer == 2
    sys.modules.pop("sibling_of_model")


def test_slow_imports_are_announced_before_they_begin(author: Author) -> None:
    """The stage names the packages that take seconds, and only those that the file imports as it runs."""
    with pytest.raises(AInimalFault, match="needs the package"):
        author.load("try:\n    import tensorflow.keras\nfinally:\n    pass\ndef later():\n    import jax\n")
    assert author.stages == ["importing tensorflow"]


def test_an_abstract_class_names_what_is_missing(author: Author) -> None:
    """A subclass of AInimal without forward cannot act."""
    with pytest.raises(AInimalFault, match="Half does not write forward"):
        author.load("from ainimal_zookeeper import AInimal\nclass Half(AInimal): ...\n", class_name="Half")


def test_a_changed_file_is_read_anew(author: Author) -> None:
    """The same text is the same module; another text is not."""
    first = author.load(f"class Plain:\n    {ACTS}\n")
    again = author.load(f"class Plain:\n    {ACTS}\n")
    other = author.load(f"class Plain:\n    changed = True\n    {ACTS}\n")
    assert type(first.subject) is type(again.subject)
    assert other.subject.changed
