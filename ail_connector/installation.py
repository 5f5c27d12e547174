"""An AIL installation as its own files describe it: configs/core.cfg and configs/modules.cfg below AIL_HOME."""

from collections.abc import Mapping
from configparser import ConfigParser, Error
from dataclasses import dataclass, field
from pathlib import Path

from matcher.errors import BadSettings
from matcher.settings import Settings

IMAGE, SCREENSHOT, FAVICON = "image", "screenshot", "favicon"
# Of core.cfg [Directories], where AIL's own defaults put them.
_FOLDERS = {IMAGE: ("images", "IMAGES"), SCREENSHOT: ("screenshot", "CRAWLED_SCREENSHOT/screenshot"), FAVICON: ("favicons", "FAVICONS")}


@dataclass(frozen=True)
class Address:
    """A server of AIL: a plain Redis by database, or a part of Kvrocks by password."""

    host: str
    port: int
    db: int = 0
    password: str | None = None


@dataclass(frozen=True)
class Installation:
    """What of an AIL installation matters to us.

    queues, process: the lists, and AIL's record of what is in work; two databases of one server. tags, correlations: parts of Kvrocks.
    folders: type of object -> where its files are. sections: section of modules.cfg -> the queue it subscribes to;
    publishes: section -> the queues it sends to, as written.
    base: address of AIL's pages, "" where unknown.
    """

    home: Path
    queues: Address
    process: Address
    tags: Address
    correlations: Address
    folders: Mapping[str, Path]
    sections: Mapping[str, str]
    base: str = ""
    publishes: Mapping[str, str] = field(default_factory=dict)

    @classmethod
    def of(cls, settings: Settings) -> "Installation":
        """Read the installation that `ail.home` names. Raises BadSettings."""
        home = settings["ail.home"]
        if home is None:
            raise BadSettings("ail.home is empty; set it to AIL's folder, the one that AIL itself calls AIL_HOME")
        return cls.read(home, settings["ail.link_base"])

    @classmethod
    def read(cls, home: Path, link_base: str = "") -> "Installation":
        """Read an installation. Raises BadSettings, which names the file and section that is missing."""
        core, modules = (_parsed(home / "configs" / name) for name in ("core.cfg", "modules.cfg"))
        return cls(
            home=home,
            queues=_address(core, "Redis_Queues", home),
            process=_address(core, "Redis_Process", home),
            tags=_address(core, "Kvrocks_Tags", home),
            correlations=_address(core, "Kvrocks_Correlations", home),
            folders={kind: home / core.get("Directories", name, fallback=usual) for kind, (name, usual) in _FOLDERS.items()},
            sections={name: modules.get(name, "subscribe", fallback="") for name in modules.sections()},
            base=link_base or core.get("Notifications", "ail_domain", fallback=""),
            publishes={name: modules.get(name, "publish", fallback="") for name in modules.sections()},
        )

    def subscribers(self, queue: str) -> list[str]:
        """Return the modules that get a copy of what is sent to a queue; AIL compares the whole text."""
        return [name for name, subscribed in self.sections.items() if subscribed == queue]

    def link(self, kind: str, id: str) -> str:
        """Return the address of AIL's page on an object, "" where AIL's address is unknown."""
        return f"{self.base.rstrip('/')}/correlation/show?type={kind}&id={id}" if self.base else ""


def ours(settings: Settings, installation: Installation) -> list[str]:
    """Return our sections of modules.cfg. Raises BadSettings for one that is not there."""
    names = [name for name in (settings["ail.images"], settings["ail.items"]) if name]
    if not names:
        raise BadSettings("ail.images and ail.items are empty; name at least one section of AIL's modules.cfg")
    for name in names:
        if name not in installation.sections:
            raise BadSettings(f"{installation.home}/configs/modules.cfg has no section {name}; config/ail/modules.cfg has what to add")
    return names


def _parsed(file: Path) -> ConfigParser:
    parser = ConfigParser(interpolation=None)
    try:
        with file.open(encoding="utf-8") as stream:
            parser.read_file(stream)
    except OSError as error:
        raise BadSettings(f"{file} cannot be read: {error.strerror}; ail.home must be the folder that AIL calls AIL_HOME") from None
    except (Error, UnicodeDecodeError) as error:
        raise BadSettings(f"{file} cannot be understood: {error}") from None
    return parser


def _address(core: ConfigParser, section: str, home: Path) -> Address:
    try:
        found = core[section]
        return Address(found["host"], int(found["port"]), int(found.get("db", "0") or 0), found.get("password"))
    except (KeyError, ValueError) as error:
        raise BadSettings(f"{home}/configs/core.cfg: section {section} has no usable {error}") from None
