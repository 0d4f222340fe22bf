"""``lexret serve``: a page to search with."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

import click

from lexret.cli.common import (
    chosen_index_paths,
    computation_options,
    indexes_option,
    model_option,
    open_chosen_libraries,
    plural,
    print_notes,
)

if TYPE_CHECKING:
    from lexret.encoders.computation import Computation

TOKEN_VARIABLE = "LEXRET_TOKEN"


@click.command("serve")
@indexes_option
@click.option("--host", default="127.0.0.1", show_default=True, metavar="ADDRESS",
              help="The address to listen at; 0.0.0.0 lets other machines in.")  # fmt: skip
@click.option("--port", type=click.IntRange(0, 65535), default=8000, show_default=True,
              help="The port to listen at; 0 takes a free one.")  # fmt: skip
@click.option("--root-path", default="", metavar="PATH",
              help="The path below which a proxy serves it, such as /photos.")  # fmt: skip
@click.option("--allow-host", "allowed_hosts", multiple=True, metavar="NAME[:PORT]",
              help="A name that it goes by, beside its addresses, such as a proxy's "
              "(repeatable).")  # fmt: skip
@click.option("--trusted-proxy", "trusted_proxies", multiple=True, metavar="ADDRESS",
              help="Believe what a proxy at this address or network tells of its clients in "
              "X-Forwarded-Host and X-Forwarded-Proto (repeatable).")  # fmt: skip
@click.option("--allow-links", is_flag=True,
              help="Also serve pictures that links bring in from elsewhere.")  # fmt: skip
@click.option("--allow-originals", is_flag=True,
              help="Give files with their metadata to other machines, too.")  # fmt: skip
@click.option("--allow-write", is_flag=True,
              help="Let who knows the token correct words, give fields, tag files.")  # fmt: skip
@click.option("--thumbnails", "thumbnail_mb", type=click.IntRange(0, 1_000_000), default=2000,
              show_default=True, metavar="MB",
              help="Keep thumbnails of at most so many megabytes beside the index.")  # fmt: skip
@click.option("--open", "open_page", is_flag=True, help="Open the page in a browser.")
@model_option
@computation_options
def command(
    index_paths: tuple[Path, ...],
    host: str,
    port: int,
    root_path: str,
    allowed_hosts: tuple[str, ...],
    trusted_proxies: tuple[str, ...],
    allow_links: bool,
    allow_originals: bool,
    allow_write: bool,
    thumbnail_mb: int,
    open_page: bool,
    model_source: str | None,
    computation: Computation,
) -> None:
    """Serve a page to search with, until interrupted.

    The page needs no network, and only this machine can open it, unless --host says otherwise:
    then everybody needs a token, which is part of the address that is printed. It is taken from
    the variable LEXRET_TOKEN, or made anew. Only pictures of the index are served; no request
    changes anything, unless --allow-write lets who knows the token do so. What `lexret index`
    commits meanwhile is found at once.

    The same is there for programs: see /api/openapi.json.

    \b
    Example:
      lexret serve
      lexret serve --index ./images --port 8080 --open
      lexret serve --index /data/shard1 --index /data/shard2
      LEXRET_TOKEN=correct-horse-battery lexret serve --host 0.0.0.0
      lexret serve --root-path /photos --allow-host photos.example.org
    """
    places = chosen_index_paths(index_paths)
    import secrets

    from lexret.serve.server import address_of, listen, serve
    from lexret.serve.settings import ServeSettings, is_loopback

    token = os.environ.get(TOKEN_VARIABLE) or None
    if token is None and (allow_write or not is_loopback(host)):
        token = secrets.token_urlsafe(24)
    settings = ServeSettings(
        host=host,
        port=port,
        token=token,
        root_path=root_path.rstrip("/"),
        allowed_hosts=allowed_hosts,
        trusted_proxies=trusted_proxies,
        allow_links=allow_links,
        allow_originals=allow_originals,
        allow_write=allow_write,
        max_thumbnail_bytes=1_000_000 * thumbnail_mb,
    )
    library = open_chosen_libraries(places, model_source=model_source, computation=computation)
    library.encoders().texts()  # so that nobody waits for it
    listener = listen(settings)
    address = address_of(settings, listener)
    click.echo(address)
    if (allowed_hosts or trusted_proxies) and token is None:
        print_notes(
            ["whoever reaches the proxy can search; LEXRET_TOKEN, if set, is asked of everybody"]
        )
    pictures = plural(len(library), "picture")
    click.echo(f"Serving {pictures}; stop with Ctrl+C.", err=True)
    if open_page:
        click.launch(address)
    serve(library, settings, listener)
