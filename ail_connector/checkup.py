"""What is wrong with an AIL installation, as far as we depend on it."""

import os
import re
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from ail_connector.errors import AilUnavailable
from ail_connector.installation import Installation
from ail_connector.servers import Server
from matcher.settings import Settings

# What AIL makes of a section's name must be a node of Graphviz.
_NODE = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_LONG_LIST = 1000
_SILENT = 3600.0  # seconds since the last poll from which on a module is taken for dead
_OURS = ("Image", "Images", "Item", "Tags")


@dataclass(frozen=True)
class Remark:
    """One thing looked at. level: "good", "odd" (it works, but) or "wrong"."""

    level: str
    text: str


def look_over(settings: Settings, clock: Callable[[], float] = time.time) -> Iterator[Remark]:
    """Yield what there is to say. Raises BadSettings where AIL's own files cannot be read."""
    installation = Installation.of(settings)
    yield Remark("good", f"{installation.home}/configs can be read")
    yield from _sections(settings, installation)
    yield from _folders(installation)
    yield from _xxhash(installation.home)
    yield from _servers(settings, installation, clock())


def _sections(settings: Settings, installation: Installation) -> Iterator[Remark]:
    for name, queue in ((settings["ail.images"], "Images"), (settings["ail.items"], "Item")):
        if not name:
            continue
        if name not in installation.sections:
            yield Remark(
                "wrong", f"modules.cfg has no section {name}; add [{name}] subscribe = {queue}, publish = Tags, then restart AIL's modules"
            )
            continue
        if installation.sections[name] != queue:
            yield Remark("wrong", f"modules.cfg: {name} subscribes to {installation.sections[name]!r}, not exactly to {queue}")
        if "Tags" not in installation.publishes.get(name, "").split(","):
            yield Remark("wrong", f"modules.cfg: {name} publishes {installation.publishes.get(name)!r}; write publish = Tags")
        if not _NODE.fullmatch(name):
            yield Remark("wrong", f"modules.cfg: {name} is no name for a section, AIL_Init.py fails at it; use letters and digits alone")
    for name, text in installation.publishes.items():
        if any(part != part.strip() for part in text.split(",")):
            yield Remark("odd", f"modules.cfg: {name} publishes {text!r}; a queue with a space before its name is another queue")
    if not installation.subscribers("Tags"):
        yield Remark("wrong", "modules.cfg: no section subscribes to Tags, so no tag ever reaches an object")
    if not installation.base:
        yield Remark("odd", "core.cfg has no ail_domain, so sources have no links; set it there, or ail.link_base here")


def _folders(installation: Installation) -> Iterator[Remark]:
    for kind, folder in installation.folders.items():
        if not folder.is_dir():
            yield Remark("odd", f"{folder} is no folder; AIL makes it with its first {kind}")
        elif not os.access(folder, os.R_OK | os.X_OK):
            yield Remark("wrong", f"{folder} cannot be read by this user; let it read the {kind}s, or join AIL's group")
        elif os.access(folder, os.W_OK):
            yield Remark("odd", f"{folder} could be written by this user; reading is enough (ReadOnlyPaths in the systemd unit)")
        else:
            yield Remark("good", f"{folder} can be read")


def _xxhash(home: Path) -> Iterator[Remark]:
    found = [path.name for path in home.glob("AILENV/lib/python3*/site-packages/xxhash-*.dist-info")]
    for name in found:
        version = name.removeprefix("xxhash-").removesuffix(".dist-info")
        if version.partition(".")[0].isdecimal() and int(version.partition(".")[0]) >= 4:
            yield Remark("wrong", f"AILENV has xxhash {version}, at which AIL's queue fails; run AILENV/bin/pip install 'xxhash<4'")
        else:
            yield Remark("good", f"AILENV has xxhash {version}")
    if not found:
        yield Remark("odd", f"{home}/AILENV has no xxhash, or is elsewhere; AIL needs one below version 4")


def _servers(settings: Settings, installation: Installation, now: float) -> Iterator[Remark]:
    if (installation.queues.host, installation.queues.port) != (installation.process.host, installation.process.port):
        yield Remark("wrong", "core.cfg: Redis_Queues and Redis_Process are two servers; `kuato ail consume` needs them to be one")
    for address, what in ((installation.tags, "the tag database"), (installation.correlations, "the correlation database")):
        try:
            Server(address, what).ask("PING")
            yield Remark("good", f"{what} answers")
        except AilUnavailable as error:
            yield Remark("wrong", str(error))
    try:
        yield from _queues(settings, installation, Server(installation.queues, "the queue"), now)
    except AilUnavailable as error:
        yield Remark("wrong", str(error))


def _queues(settings: Settings, installation: Installation, server: Server, now: float) -> Iterator[Remark]:
    changed = (installation.home / "configs" / "modules.cfg").stat().st_mtime
    for publisher in ("Global", "Crawler"):
        started = [float(one) for one in server.ask("HVALS", f"module:start:{publisher}")]
        if started and max(started) < changed:
            yield Remark("odd", f"modules.cfg is newer than the running {publisher}; restart it, or a new section gets no messages")
    for name, queue in installation.sections.items():
        if queue not in _OURS:
            continue
        waiting = int(server.ask("LLEN", f"queue:{name}:in"))
        polls = [float(one) for one in server.ask("HVALS", f"module:{name}")]
        silent = not polls or now - max(polls) > _SILENT
        if waiting > _LONG_LIST and silent:
            yield Remark("wrong", f"{waiting} messages wait for {name}, and nobody takes them; they fill AIL's Redis")
        elif name in (settings["ail.images"], settings["ail.items"]) and silent:
            yield Remark("odd", f"nobody has asked for messages of {name} within an hour; start `kuato ail consume`, or the native module")
        elif waiting > _LONG_LIST:
            yield Remark("odd", f"{waiting} messages wait for {name}; more consumers may be needed")
        else:
            yield Remark("good", f"{name}: {waiting} messages wait")
    dead = sum(int(server.ask("HLEN", f"kuato:{name}:dead")) for name in (settings["ail.images"], settings["ail.items"]) if name)
    if dead:
        yield Remark("odd", f"{dead} messages were given up; see `kuato ail dead`")
