"""The command `tintype`: one file a command, each imported when it is called for."""

from __future__ import annotations

import importlib
import io
import os
import re
import signal
import sys
from collections.abc import Sequence
from typing import Any, NoReturn

import click

from tintype import __version__
from tintype.errors import TintypeError, closest

COMMANDS = (
    "colorize", "serve", "evaluate", "models", "doctor", "data", "recipes", "train", "export",
)  # fmt: skip
INTERRUPTED = 128 + signal.SIGINT  # as shells have it
TERMINATED = 128 + signal.SIGTERM


class Terminated(BaseException):
    """What SIGTERM raises, as SIGINT raises KeyboardInterrupt: nothing is left half done."""


def one_line(text: str) -> str:
    """Text whose control characters, which a file name may hold, are spelled out."""
    return re.sub(r"[\0-\x1f\x7f-\x9f]", lambda found: repr(found[0])[1:-1], text)


def _terminate(*_: object) -> NoReturn:
    raise Terminated


class LazyGroup(click.Group):
    """Finds the command NAME in the module `tintype.cli.NAME`; a failure is one line on stderr."""

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:  # noqa: ARG002
        if cmd_name not in COMMANDS:
            return None
        module = importlib.import_module(f"tintype.cli.{cmd_name}")
        command: click.Command = getattr(module, cmd_name)
        return command

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        name = args[0]
        if name not in COMMANDS and not name.startswith("-"):
            hint = closest(name, COMMANDS) or f"The commands are {', '.join(COMMANDS)}."
            raise click.UsageError(f"There is no command '{name}'. {hint}", ctx)
        return super().resolve_command(ctx, args)

    def main(
        self,
        args: Sequence[str] | None = None,
        prog_name: str | None = None,
        *_: Any,
        **extra: Any,
    ) -> NoReturn:
        """Run the command line and leave the process with its exit code."""
        for stream in (sys.stdout, sys.stderr):
            if isinstance(stream, io.TextIOWrapper):
                # file names need not be text, and who reads along should not wait
                stream.reconfigure(errors="surrogateescape", line_buffering=True)
        signal.signal(signal.SIGTERM, _terminate)
        args = list(sys.argv[1:] if args is None else args) or ["--help"]
        try:
            extra["standalone_mode"] = False
            sys.exit(super().main(args, prog_name or "tintype", **extra))
        except (KeyboardInterrupt, click.Abort):
            click.echo("tintype: interrupted", err=True)
            sys.exit(INTERRUPTED)
        except Terminated:
            click.echo("tintype: terminated", err=True)
            sys.exit(TERMINATED)
        except click.ClickException as error:
            click.echo(f"tintype: error: {error.format_message()}", err=True)
            sys.exit(error.exit_code)
        except TintypeError as error:
            click.echo(one_line(f"tintype: error: {error}"), err=True)
            sys.exit(error.exit_code)
        except OSError as error:  # standard output, above all: a disk that is full
            told = [str(part) for part in (error.filename, error.strerror or error) if part]
            click.echo(f"tintype: error: {': '.join(told)}", err=True)
            # what is left to be written would fail again at the end of the process
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
            sys.exit(1)


@click.group(
    cls=LazyGroup,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
    epilog="""\b
Examples:
  tintype colorize photo.jpg             writes photo.color.jpg beside it
  tintype colorize albums/ -o colored/   a folder and all within it
  tintype COMMAND --help                 options and examples of a command

\b
Completion of commands and options by the Tab key; for bash, zsh or fish:
  eval "$(_TINTYPE_COMPLETE=bash_source tintype)"     in ~/.bashrc
  eval "$(_TINTYPE_COMPLETE=zsh_source tintype)"      in ~/.zshrc
  _TINTYPE_COMPLETE=fish_source tintype | source      in ~/.config/fish/config.fish""",
)
@click.version_option(__version__, prog_name="tintype", message="%(prog)s %(version)s")
def main() -> None:
    """Black-and-white photographs in, believable color out."""
