"""Many photographs: what goes where, what became of each, and what is already done."""

from tintype.batch.manifest import Manifest
from tintype.batch.one import Result, colorize_one, foresee, glance
from tintype.batch.plan import Item, Shard, destination, plan

__all__ = [
    "Item", "Manifest", "Result", "Shard",
    "colorize_one", "destination", "foresee", "glance", "plan",
]  # fmt: skip
