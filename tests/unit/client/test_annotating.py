"""Notes at the steps of an instance."""

from __future__ import annotations

from ainimal_zookeeper.client import Zookeeper

from tests.fakes.zoo_api import FakeZoo, instance_row


def test_notes_are_made_listed_and_deleted() -> None:
    """At a step that is named, or at the newest."""
    fake = FakeZoo()
    fake.instances = [instance_row("Rex")]
    with Zookeeper("http://zoo.test", transport=fake.transport) as zoo:
        rex = zoo.instance("Rex")
        note = rex.annotate("it turns", 3, 5)
        assert (note.step, note.end_step, note.text) == (3, 5, "it turns")
        assert rex.annotate("here").step == 7
        assert [each.text for each in rex.annotations()] == ["it turns", "here"]
        note.delete()
    assert fake.asked[-1] == ("annotationDelete", {"annotationId": "ann_1"})
