"""Blocks of a plan: every name once, the same again, and little moved by what is new."""

from __future__ import annotations

from collections.abc import Iterator

from hypothesis import given, settings
from hypothesis import strategies as st

from tintype.engines.remote import parts
from tintype.engines.remote.parts import Outcome, blocks
from tintype.engines.remote.place import Found, Place

NAMES = [f"{number % 7}/{number:05}.jpg" for number in range(5000)]


def found(names: list[str]) -> Iterator[Found]:
    return (Found(name, len(name), "1") for name in sorted(names))


def test_every_name_is_in_one_block() -> None:
    made = [block for _, block in blocks(found(NAMES))]
    assert [line.key for block in made for line in block] == sorted(NAMES)
    sizes = [len(block) for block in made[:-1]]
    assert min(sizes) >= parts.LEAST
    assert max(sizes) <= parts.MOST
    assert 50 < sum(sizes) / len(sizes) < 80


@settings(max_examples=15, deadline=None)
@given(st.lists(st.sampled_from([f"{n % 7}/{n:05}-new.jpg" for n in range(5000)]), max_size=5))
def test_what_is_new_changes_few_blocks(new: list[str]) -> None:
    before = dict(blocks(found(NAMES)))
    after = dict(blocks(found([*NAMES, *set(new)])))
    changed = [name for name, block in before.items() if after.get(name) != block]
    assert len(changed) <= 6 * len(new)


def test_rivals_are_found_wherever_they_lie() -> None:
    names = ["a/scan.bmp", "a/scan.bmp-1.jpg", "a/scan.bmp.png", "a/scan.bmp.png.tif", "b.bmp.png"]
    ((_, block),) = blocks(found(names))
    rivals = {line.key: line.rival for line in block if line.rival}
    assert rivals == {"a/scan.bmp.png": "a/scan.bmp", "a/scan.bmp.png.tif": "a/scan.bmp.png"}


def test_plan_is_written_part_by_part() -> None:
    source, destination = Place("memory://in"), Place("memory://out")
    for name in NAMES[:200]:
        source.write(name, b"x")
    names = list(parts.write_plan(source, destination))
    planned = [line.key for name in names for line in parts.read_plan(destination, name)]
    assert sorted(planned) == sorted(NAMES[:200])
    assert list(parts.write_plan(source, destination)) == names


def test_parts_of_what_is_gone_are_removed() -> None:
    source, destination = Place("memory://before"), Place("memory://told")
    for name in NAMES[:300]:
        source.write(name, b"x")
    other = list(parts.write_plan(Place("memory://in"), destination))
    for name in (*other, *parts.write_plan(source, destination)):
        failed = (
            Outcome(source.url_of(line.key), 1, "1", None, "", None, 0, "broken", "failed")
            for line in parts.read_plan(destination, name)
        )
        parts.write_manifest(destination, name, failed)
    for name in sorted(NAMES[:300])[20:200]:
        source.remove(name)
    written = list(parts.write_plan(source, destination))
    for kind in (parts.PLAN, parts.MANIFEST):
        left = {found.key for found in Place(destination.url_of(kind)).list()}
        assert left <= {*written, *other}
        assert left >= set(other)
