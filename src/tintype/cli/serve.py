"""`tintype serve`: a page in the browser, and a REST interface."""

from __future__ import annotations

import os

import click

from tintype.cli import Terminated
from tintype.errors import MissingExtra

MEGA = 1_000_000
EXPOSED = (
    "tintype: warning: listening at {host}: whoever reaches this machine over the network can use "
    "this server{unless}, and photographs and results travel unencrypted. "
    "Put a proxy with TLS before it, or leave --host out."
)
POSITIVE = click.IntRange(min=1)


@click.command(
    epilog="""\b
Examples:
  tintype serve                                a page at http://127.0.0.1:8000/
  tintype serve --port 0                       at a port that is free
  TINTYPE_TOKEN=... tintype serve --host 0.0.0.0 --allow-host photos.example.org
  curl -F file=@photo.jpg -OJ http://127.0.0.1:8000/v1/colorize"""
)
@click.option("--host", default="127.0.0.1", show_default=True, help="Address to listen at.")
@click.option(
    "--port",
    type=click.IntRange(0, 65535),
    default=8000,
    show_default=True,
    help="Port to listen at; 0 is any that is free.",
)
@click.option(
    "--model",
    "models",
    metavar="NAME_OR_PATH",
    multiple=True,
    default=("tintype-small",),
    show_default=True,
    help="What colors; given several times, requests choose, and the first is the default.",
)
@click.option(
    "--token",
    envvar="TINTYPE_TOKEN",
    show_envvar=True,
    help="What clients must send as `Authorization: Bearer TOKEN`. Others see it in the list of "
    "processes, but not in the environment.",
)
@click.option(
    "--allow-host",
    "hosts",
    metavar="NAME",
    multiple=True,
    help="A name by which clients may call this server, besides localhost and addresses.",
)
@click.option(
    "--workers",
    metavar="NUMBER",
    type=POSITIVE,
    help="Photographs colored at a time, each in its own process. Default: by cores and memory.",
)
@click.option(
    "--queue",
    metavar="NUMBER",
    type=click.IntRange(min=0),
    default=32,
    show_default=True,
    help="Photographs that may wait beyond those; what comes then is refused with 429.",
)
@click.option(
    "--max-mb",
    metavar="NUMBER",
    type=POSITIVE,
    default=200,
    show_default=True,
    help="Largest upload, in millions of bytes.",
)
@click.option(
    "--max-megapixels",
    metavar="NUMBER",
    type=POSITIVE,
    default=100,
    show_default=True,
    help="Largest picture, in millions of pixels.",
)
@click.option(
    "--time-limit",
    metavar="SECONDS",
    type=POSITIVE,
    default=120,
    show_default=True,
    help="Longest time for an upload, and for coloring it.",
)
@click.option(
    "--keep",
    metavar="SECONDS",
    type=POSITIVE,
    default=600,
    show_default=True,
    help="How long results of jobs are kept.",
)
@click.option(
    "--keep-mb",
    metavar="NUMBER",
    type=POSITIVE,
    default=1000,
    show_default=True,
    help="How much of them is kept, in millions of bytes.",
)
def serve(
    host: str,
    port: int,
    models: tuple[str, ...],
    token: str | None,
    hosts: tuple[str, ...],
    workers: int | None,
    queue: int,
    max_mb: int,
    max_megapixels: int,
    time_limit: int,
    keep: int,
    keep_mb: int,
) -> None:
    """Serve a page that colors photographs, and a REST interface.

    Nothing is sent anywhere, nothing is kept, and only this machine reaches it unless --host says
    otherwise. Ctrl-C or SIGTERM ends it when the requests that it has are answered.
    """
    if token is not None and not token.strip():
        raise click.UsageError("--token is empty: leave it out, or say one that is hard to guess.")
    if token is not None and not (token.isascii() and token.isprintable()):
        raise click.UsageError(
            "--token has characters that no header carries: use letters, digits and signs of ASCII."
        )
    try:
        from tintype.serve import server
        from tintype.serve.limits import Limits, default_workers
    except ModuleNotFoundError as error:
        if (error.name or "").startswith("tintype"):
            raise
        raise MissingExtra.named("serve", "`tintype serve`") from None
    limits = Limits(
        max_bytes=max_mb * MEGA,
        max_pixels=max_megapixels * MEGA,
        workers=workers or default_workers(),
        queue=queue,
        time_s=time_limit,
        keep_s=keep,
        keep_bytes=keep_mb * MEGA,
    )
    os.environ.pop("TINTYPE_TOKEN", None)  # no need of the processes that decode
    with server.listen(host, port) as listening:
        url = server.url(listening)
        if not server.is_loopback(host):
            unless = " with the token" if token else ", as there is no --token"
            click.echo(EXPOSED.format(host=host, unless=unless), err=True)
        try:
            server.run(
                listening,
                models,
                limits,
                hosts=hosts,
                token=token and token.strip(),
                when_ready=lambda: click.echo(url),
            )
        except (KeyboardInterrupt, Terminated):  # it ended as it was asked to
            click.echo("tintype: stopped", err=True)
