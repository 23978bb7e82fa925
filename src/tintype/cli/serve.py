"""`tintype serve`: a page in the browser, and a REST interface."""

from __future__ import annotations

import click

from tintype.errors import MissingExtra


@click.command(
    epilog="""\b
Examples:
  tintype serve                    a page at http://127.0.0.1:8000/, for this machine only
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
def serve(host: str, port: int, models: tuple[str, ...]) -> None:
    """Serve a page that colors photographs, and a REST interface.

    Nothing is sent anywhere, and only this machine reaches it, unless --host says otherwise.
    """
    try:
        from tintype.serve import server
        from tintype.serve.limits import Limits
    except ModuleNotFoundError as error:
        if (error.name or "").startswith("tintype"):
            raise
        raise MissingExtra.named("serve", "`tintype serve`") from None
    with server.listen(host, port) as listening:
        url = server.url(listening)
        server.run(listening, models, Limits(), when_ready=lambda: click.echo(url))
