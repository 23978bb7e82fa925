"""Several photographs at a time: all of them, whatever happens to one, in bounded memory."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from functools import partial
from pathlib import Path

import pytest

from tintype.batch import Item, Result, colorize_one, plan
from tintype.batch.one import Room
from tintype.colorizer import Colorizer
from tintype.engines.local import PIXELS_PER_JOB, run
from tintype.errors import OutputUnavailable

Draw = Callable[..., Path]
ITEMS = [Item(Path(f"{number}.jpg"), Path(f"out/{number}.jpg")) for number in range(40)]


def test_every_item_ends_once(draw: Draw, colorizer: Colorizer) -> None:
    for number in range(20):
        draw(f"in/{number:02}.jpg")
    Path("in/broken.jpg").write_bytes(b"\xff\xd8\xff and no more")
    work = partial(colorize_one, colorizer=colorizer)
    ended = list(run(plan(["in"], "out"), work, jobs=3))
    status = {result.item.source.name: result.status for result, _ in ended}
    assert len(ended) == len(status) == 21
    assert status.pop("broken.jpg") == "failed"
    assert set(status.values()) == {"colored"}
    assert len(list(Path("out").iterdir())) == 20


def test_number_of_jobs_changes_no_byte(draw: Draw, colorizer: Colorizer) -> None:
    for number in range(6):
        draw(f"in/{number}.png")
    work = partial(colorize_one, colorizer=colorizer)
    for jobs in (1, 3):
        assert len(list(run(plan(["in"], f"out{jobs}"), work, jobs=jobs))) == 6
    for path in Path("out1").iterdir():
        assert path.read_bytes() == Path("out3", path.name).read_bytes()


def test_jobs_overlap_and_are_no_more_than_said() -> None:
    together, most = 0, 0
    lock = threading.Lock()

    def work(item: Item, *, room: Room) -> Result:
        nonlocal together, most
        with lock:
            together += 1
            most = max(most, together)
        time.sleep(0.01)
        with lock:
            together -= 1
        return Result(item, "colored")

    assert len(list(run(ITEMS, work, jobs=4))) == len(ITEMS)
    assert most == 4


def test_memory_is_shared_by_pixels_not_by_photographs() -> None:
    inside: list[int] = []
    most: list[tuple[int, ...]] = []
    lock = threading.Lock()

    def work(item: Item, *, room: Room) -> Result:
        pixels = (PIXELS_PER_JOB // 5, 3 * PIXELS_PER_JOB, PIXELS_PER_JOB)[
            int(item.source.stem) % 3
        ]
        with room(pixels):
            with lock:
                inside.append(pixels)
                most.append(tuple(inside))
            time.sleep(0.002)
            with lock:
                inside.remove(pixels)
        return Result(item, "colored")

    assert len(list(run(ITEMS, work, jobs=2))) == len(ITEMS)
    assert max(map(len, most)) == 2
    # what is larger than all the room is alone in it
    assert all(sum(held) <= 2 * PIXELS_PER_JOB or len(held) == 1 for held in most)


def test_plan_is_read_as_it_is_needed() -> None:
    taken = 0

    def items() -> Iterator[Item]:
        nonlocal taken
        for item in ITEMS:
            taken += 1
            yield item

    def work(item: Item, *, room: Room) -> Result:
        return Result(item, "colored")

    with closing(run(items(), work, jobs=2)) as ended:
        next(ended)
        assert taken <= 8


def test_left_in_the_middle_it_ends_what_it_began() -> None:
    begun, ended = [], []

    def work(item: Item, *, room: Room) -> Result:
        begun.append(item)
        time.sleep(0.02)
        ended.append(item)
        return Result(item, "colored")

    with closing(run(ITEMS, work, jobs=3)) as results:
        next(results)
    assert begun == ended or sorted(begun, key=str) == sorted(ended, key=str)
    assert len(begun) < len(ITEMS)


def test_nothing_is_begun_where_nothing_can_be_written() -> None:
    tried = []

    def work(item: Item, *, room: Room) -> Result:
        tried.append(item)
        if len(tried) == 5:
            raise OutputUnavailable("the disk is full.")
        return Result(item, "colored")

    told = []
    ended = run(ITEMS, work, jobs=2)
    with pytest.raises(OutputUnavailable, match="the disk is full"):
        told.extend(result.item for result, _ in ended)
    assert 4 <= len(told) < 12
    assert len(tried) == len(told) + 1  # what was done is told
