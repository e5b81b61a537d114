"""A file is on its way to the provider while it is still arriving, and is never whole there before it may be."""

from __future__ import annotations

from typing import Final

import pytest

from app.local.processes import wait_until
from app.providers import registry
from app.providers.operation import MIB
from tests.relay.files import MAKERS, SPOILT
from tests.relay.house import House
from tests.relay.samples import SAMPLES, STREAMED, Sample
from tests.relay.sending import ask

pytestmark = pytest.mark.live

SECONDS: Final = 10.0
LARGE: Final = [one for one in STREAMED if registry.operation(one.operation).parts[0].max_bytes > MIB]
#: What is looked for in a document of any type, beside what belongs to its own.
EVERYWHERE: Final = ("eicar",)


def kinds(sample: Sample) -> list[str]:
    """Types that the operation takes and that can be spoilt at their very end."""
    declared = registry.operation(sample.operation).parts[0].types or (sample.type,)
    own = [name for name in declared if name in SPOILT]
    return own if registry.operation(sample.operation).check == "image" else [*own, *EVERYWHERE]


LAST: Final = [(sample, kind) for sample in STREAMED for kind in kinds(sample)]


def test_every_operation_has_a_sample() -> None:
    assert {sample.operation for sample in SAMPLES} == {one.slug for one in registry.operations()}
    assert {sample.operation for sample in STREAMED} == {
        one.slug for one in registry.operations() if one.modes[0] != "direct"
    }


def test_the_last_byte_is_tried_for_every_type_that_can_be_made() -> None:
    assert {kind for _, kind in LAST} == {*MAKERS, *EVERYWHERE}
    assert len(LAST) == 19


@pytest.mark.parametrize("sample", LARGE, ids=lambda one: one.operation)
def test_the_provider_has_the_first_byte_before_the_second_half_is_given(house: House, sample: Sample) -> None:
    with sample.sending(house) as sending:
        sending.give_share(0.5)
        assert wait_until(lambda: any(one["bytes"] for one in sample.arrivals(house)), SECONDS)
        (arrival,) = sample.arrivals(house)
        assert not arrival["complete"]
        answer = sending.give().answer()
    assert answer.status == 201, answer.body
    (arrival,) = sample.arrivals(house)
    assert arrival["complete"]


@pytest.mark.parametrize(("sample", "kind"), LAST, ids=lambda one: getattr(one, "operation", one))
def test_what_is_refused_at_its_last_byte_was_never_whole_there(house: House, sample: Sample, kind: str) -> None:
    filename, content_type, content = sample.file(type=kind if kind in MAKERS else sample.type)
    with sample.sending(house, (filename, content_type, SPOILT[kind](content))) as sending:
        sending.give_share(0.5)
        assert wait_until(lambda: bool(sample.arrivals(house)), SECONDS)
        answer = sending.give().answer()
    assert answer.status == 422, answer.body
    assert wait_until(lambda: all(one["status"] is None for one in sample.arrivals(house)), SECONDS)
    assert [one["complete"] for one in sample.arrivals(house)] == [False]
    upload = ask(house, "GET", f"/api/v1/uploads/{answer.body['upload']}").body
    assert upload["state"] == "rejected"


@pytest.mark.parametrize(
    ("sample", "kind"), [one for one in LAST if one[1] in MAKERS], ids=lambda one: getattr(one, "operation", one)
)
def test_the_same_file_unspoilt_is_delivered(house: House, sample: Sample, kind: str) -> None:
    with sample.sending(house, sample.file(type=kind)) as sending:
        answer = sending.give().answer()
    assert answer.status == 201, answer.body
    assert answer.body["state"] == "delivered"
