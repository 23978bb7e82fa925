"""What the command line offers stands in the docs, and what the docs point at is there."""

from __future__ import annotations

import re
from pathlib import Path

import click
import pytest

from tintype.cli import main

ROOT = Path(__file__).parents[2]
PAGES = [*sorted(ROOT.glob("*.md")), *sorted((ROOT / "docs").rglob("*.md"))]
TEXT = "\n".join(page.read_text("utf-8") for page in PAGES)
LINK = re.compile(r"\]\((?!https?:|#)([^)#\s]+)")


def commands(group: click.Group = main, front: str = "") -> dict[str, click.Command]:
    """By their full names, those of groups too."""
    context = click.Context(group)
    found: dict[str, click.Command] = {}
    for name in group.list_commands(context):
        command = group.get_command(context, name)
        assert command is not None
        found[front + name] = command
        if isinstance(command, click.Group):
            found |= commands(command, f"{front}{name} ")
    return found


@pytest.mark.parametrize("name", sorted(commands()))
def test_command_is_documented(name: str) -> None:
    assert f"tintype {name}" in TEXT


@pytest.mark.parametrize(
    "option",
    sorted(
        {
            option
            for command in [main, *commands().values()]
            for parameter in command.params
            if isinstance(parameter, click.Option)
            for option in parameter.opts
        }
    ),
)
def test_option_is_documented(option: str) -> None:
    assert re.search(rf"(?<![\w-]){option}(?![\w-])", TEXT)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_links_lead_somewhere(page: Path) -> None:
    missing = [
        link for link in LINK.findall(page.read_text("utf-8")) if not (page.parent / link).exists()
    ]
    assert not missing


def test_architecture_shows_every_room() -> None:
    rooms = {
        path.name + "/" * path.is_dir()
        for path in (ROOT / "src" / "tintype").iterdir()
        if path.suffix == ".py" or (path / "__init__.py").is_file()
    }
    text = (ROOT / "ARCHITECTURE.md").read_text("utf-8")
    assert not [room for room in rooms - {"__main__.py"} if f"\n  {room} " not in text]
