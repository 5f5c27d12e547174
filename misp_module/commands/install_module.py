"""`kuato misp install-module`: put Kuato's modules into a folder that a stock misp-modules server reads."""

import json
from pathlib import Path
from typing import IO
from urllib.parse import urlsplit

import click

from matcher.commands import tables
from matcher.errors import BadRequest
from matcher.newfile import new_file
from misp_module.stock import kuato_module
from misp_module.stock.kuato_module import DEFAULT_URL, FILE, MODULES


@click.command("install-module")
@click.argument("folder", metavar="DIR", type=click.Path(file_okay=False, path_type=Path))
@click.option("--module", "names", metavar="NAME", multiple=True, type=click.Choice(sorted(MODULES)), help="Only this one; repeatable.")
@click.option("--url", metavar="URL", help=f"Where the modules find Kuato; {DEFAULT_URL} without.")
@click.option("--token-file", type=click.File(), help="File with the token that Kuato's API wants; - reads it from stdin.")
@click.option("--ca-file", type=click.Path(), help="Certificates (PEM) that Kuato's is checked with, as the server will find the file.")
def install_module(folder: Path, names: tuple[str, ...], url: str | None, token_file: IO[str] | None, ca_file: str | None) -> None:
    """Copy Kuato's modules into DIR, for `misp-modules -c DIR` or the folder ./custom of MISP's docker compose.

    Each is one file that needs Python's standard library alone, below expansion, action_mod, import_mod or export_mod. With
    --url, --token-file or --ca-file a file kuato.json is written beside them, which only its owner and group may read; the
    environment of the server (KUATO_URL, KUATO_TOKEN, KUATO_CA_FILE) goes before it.
    """
    told = {"url": _address(url), "token": token_file.read().strip() if token_file else "", "ca_file": ca_file or ""}
    text = Path(kuato_module.__file__).read_bytes()
    for family in dict.fromkeys(MODULES[name]["type"] for name in MODULES):
        wanted = [name for name in names or MODULES if MODULES[name]["type"] == family]
        if not wanted:
            continue
        (folder / family).mkdir(parents=True, exist_ok=True)
        for name in wanted:
            _write(folder / family / f"{name}.py", text, 0o644)
        if any(told.values()):
            _write(folder / family / FILE, json.dumps({key: value for key, value in told.items() if value}).encode() + b"\n", 0o640)
    tables.say(f"Start the server again, with `misp-modules -c {folder}`; then `kuato misp check` tells whether all is well.")


def _write(path: Path, text: bytes, mode: int) -> None:
    with new_file(path, replace=True) as file:
        file.write(text)
    path.chmod(mode)
    tables.say(str(path))


def _address(url: str | None) -> str:
    if url is not None and (urlsplit(url).scheme not in ("http", "https") or not urlsplit(url).hostname):
        raise BadRequest(f"--url {url} is no address; write one like {DEFAULT_URL}, or https://kuato.example:6670/api/v1/misp")
    return url or ""
