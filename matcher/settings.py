"""Every setting: one table; a value comes from the default, the file, the environment or the command line, the later the stronger."""

import difflib
import json
import os
import re
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from matcher.errors import BadSettings

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

if TYPE_CHECKING:
    from matcher.decode import Limits

PREFIX = "KUATO_"
DEFAULT, COMMAND_LINE = "default", "command line"
# What Kubernetes sets for services called kuato or kuato-redis: none of it is meant for us.
_KUBERNETES = re.compile(r"_(SERVICE_HOST|SERVICE_PORT(_\w+)?|PORT(_\d+_\w+)?)$")
HIDDEN = "***"
LEVELS = ("DEBUG", "INFO", "WARNING", "ERROR")


@dataclass(frozen=True)
class Setting:
    """One row: `name` (section.key), `kind` (one of KINDS), `default`, `unit`, one sentence for people, bounds where there are any.

    secret: its value is never shown.
    """

    name: str
    kind: str
    default: Any
    unit: str
    text: str
    least: float | None = None
    most: float | None = None
    choices: tuple[str, ...] = ()
    secret: bool = False

    @property
    def variable(self) -> str:
        """The environment variable of this setting."""
        return PREFIX + self.name.replace(".", "_").upper()

    def read(self, value: Any, folder: Path) -> Any:
        """Return `value` (of TOML, or text) as this setting's type; raises ValueError with what was expected.

        folder: what a relative path is relative to.
        """
        wanted, convert = KINDS[self.kind]
        try:
            found = convert(value, folder)
        except (ValueError, TypeError, KeyError):
            raise ValueError(wanted) from None
        if self.least is not None and found < self.least:
            raise ValueError(f"{wanted} of at least {_plain(self.least)}")
        if self.most is not None and found > self.most:
            raise ValueError(f"{wanted} of at most {_plain(self.most)}")
        if self.choices and found not in self.choices:
            raise ValueError(f"one of {', '.join(self.choices)}")
        return found


def _plain(bound: float) -> str:
    return str(int(bound)) if bound == int(bound) else str(bound)


def _text(value: Any, _folder: Path) -> str:
    if not isinstance(value, str):
        raise TypeError(value)
    return value


def _whole(value: Any, _folder: Path) -> int:
    if isinstance(value, bool) or not isinstance(value, int | str):
        raise TypeError(value)
    return int(value)


def _number(value: Any, _folder: Path) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        raise TypeError(value)
    found = float(value)
    if not abs(found) < float("inf"):
        raise ValueError(value)
    return found


def _list(value: Any, _folder: Path) -> tuple[str, ...]:
    parts = value.split(",") if isinstance(value, str) else value
    if not isinstance(parts, list | tuple) or not all(isinstance(part, str) for part in parts):
        raise TypeError(value)
    return tuple(part.strip() for part in parts if part.strip())


def _path(value: Any, folder: Path) -> Path | None:
    return _folder(value, folder) if value != "" else None


def _folder(value: Any, folder: Path) -> Path:
    if value == "" or not isinstance(value, str | Path):
        raise ValueError(value)
    return folder / Path(value).expanduser()


def _flag(value: Any, _folder: Path) -> bool:
    words = {"true": True, "yes": True, "1": True, "false": False, "no": False, "0": False}
    if isinstance(value, bool):
        return value
    if not isinstance(value, str):
        raise TypeError(value)
    return words[value.strip().lower()]


def _rows(value: Any, _folder: Path) -> tuple[dict[str, Any], ...]:
    rows = json.loads(value) if isinstance(value, str) else value
    if not isinstance(rows, list | tuple) or not all(isinstance(row, dict) for row in rows):
        raise TypeError(value)
    return tuple(rows)


KINDS: dict[str, tuple[str, Callable[[Any, Path], Any]]] = {
    "text": ("a text", _text),
    "whole": ("a whole number", _whole),
    "number": ("a number", _number),
    "list": ("a list of texts", _list),
    "path": ("a path", _path),
    "folder": ("a folder's path", _folder),
    "flag": ("true or false", _flag),
    "rows": ("a list of tables (in a variable or option: JSON)", _rows),
}

TABLE: tuple[Setting, ...] = (
    Setting("redis.url", "text", "", "URL", "Redis or Valkey server to use, such as redis://127.0.0.1:6379/0, or some nodes of a Redis Cluster, such as redis+cluster://node-1:6379,node-2:6379; empty: one of our own, started when needed and kept in data.dir."),
    Setting("redis.replicas", "whole", 0, "replicas", "Replicas that must have what was written before it is acknowledged (WAIT).", least=0, most=16),
    Setting("redis.prefix", "text", "kuato:", "", "In front of every key; nothing outside it is read, written or deleted."),
    Setting("redis.timeout", "number", 4.0, "s", "Longest that Redis may take for an answer before a request is refused with 503.", least=0.1),
    Setting("data.dir", "folder", "~/.local/share/kuato", "", "Folder of our own Redis: its data, its log, its lock. $XDG_DATA_HOME is respected."),
    Setting("data.min_free", "whole", 64 << 20, "bytes", "Room that is left on the disk of data.dir: with less, our own Redis is given nothing to add, as it would end on a full disk.", least=0),
    Setting("picture.max_bytes", "whole", 32 << 20, "bytes", "Largest file that is read.", least=1),
    Setting("picture.max_pixels", "whole", 40_000_000, "pixels", "Largest width times height.", least=1),
    Setting("picture.max_side", "whole", 65_000, "pixels", "Longest width or height.", least=1),
    Setting("picture.max_seconds", "number", 5.0, "s", "Longest that decoding and fingerprinting one picture may take.", least=0.1),
    Setting("picture.max_memory", "whole", 600 << 20, "bytes", "Most that a worker may use for one picture, beyond what it needs to start.", least=1 << 20),
    Setting("workers.count", "whole", 0, "processes", "Processes that decode pictures; 0: as many as there are cores.", least=0, most=256),
    Setting("models.workers", "whole", 1, "processes", "Processes that run models and text recognition, where such fingerprints are enabled.", least=1, most=64),
    Setting("models.max_seconds", "number", 30.0, "s", "Longest that models and text recognition together may work at one picture.", least=0.1),
    Setting("models.max_memory", "whole", 2 << 30, "bytes", "Most that they may use for one picture, beyond what the models need to be loaded.", least=1 << 20),
    Setting("models.max_pixels", "whole", 6_000_000, "pixels", "What a larger picture is shrunk to before models and text recognition see it.", least=10_000, most=10_000_000),
    Setting("text.languages", "list", ("eng",), "", "Languages of the text on pictures, as Tesseract names them: eng, rus, ara, chi_sim, .."),
    Setting("text.program", "text", "tesseract", "", "Program that recognises text: Tesseract 4.1 or later, its name or path."),
    Setting("text.data", "path", "", "", "Folder of Tesseract's language files; empty: its own."),
    Setting("text.max_seconds", "number", 20.0, "s", "Longest that it may take to read the text of one picture.", least=0.1),
    Setting("text.max_chars", "whole", 4000, "characters", "Most text that is kept of one picture.", least=10, most=20_000),
    Setting("text.confidence", "number", 50.0, "percent", "Words that are recognised with less confidence are left out.", least=0, most=100),
    Setting("embedding.model", "path", "", "", "Description (TOML) of the image encoder, and of its text encoder where it has one."),
    Setting("embedding.scene", "path", "", "", "Description (TOML) of the classifier that gives scene tags."),
    Setting("embedding.caption", "path", "", "", "Description (TOML) of the model that gives captions."),
    Setting("embedding.expansion", "whole", 0, "pictures", "Nearest known pictures by which a query's embedding is expanded; 0: none.", least=0, most=100),
    Setting("embedding.alpha", "number", 3.0, "", "How much less the farther of them count.", least=0, most=20),
    Setting("embedding.scan", "whole", 100_000, "pictures", "Newest pictures among which a description in words is looked for.", least=1),
    Setting("fingerprints.enabled", "list", (), "", "Algorithms to compute and index; empty: the default set."),
    Setting("bow.vocabulary", "path", "", "", "Vocabulary of the algorithm bow, made by `kuato vocabulary build`; empty: the one that comes with Kuato. Pictures added with another one are not compared by bow until they are added again."),
    Setting("bow.distance", "text", "bhattacharyya", "", "How the algorithm bow compares two histograms of words.", choices=("bhattacharyya", "correlation")),
    Setting("search.limit", "whole", 10, "matches", "Most matches of one answer.", least=1, most=10_000),
    Setting("search.candidates", "whole", 24, "pictures", "Candidates whose local features are compared for one query.", least=0, most=1000),
    Setting("search.probe_budget", "whole", 5000, "lists", "Once a query has read so many posting lists, no further turns of it are tried.", least=1),
    Setting("search.overlay_clusters", "whole", 5, "clusters", "Clusters of which pictures agree with a query at one and the same place, such as a cookie dialog, from which on that place counts for nothing; 0: only what is in an `ignore` bank does not count.", least=0),
    Setting("decision.rules", "path", "", "", "File with thresholds and rules; empty: the calibrated ones that come with Kuato."),
    Setting("cluster.automatic", "flag", True, "", "Whether a picture is looked up among the others when it is added, and tied to those it is the same as; if not, `kuato cluster build` does it."),
    Setting("cluster.turned", "flag", False, "", "Whether it is then looked up mirrored, turned and as a negative, too; adding takes about twice as long."),
    Setting("cluster.max_size", "whole", 500, "pictures", "Pictures from which on a cluster grows only when a person says so.", least=2),
    Setting("quarantine.clusters", "whole", 12, "clusters", "A picture that is the same as pictures of more clusters than this when it is added is put in quarantine; 0: none is.", least=0),
    Setting("quarantine.pictures", "whole", 1000, "pictures", "A hash that so many pictures have which are unlike each other is put in quarantine; 0: none is.", least=0),
    Setting("misp.max_disclosure", "text", "community", "", "How far known pictures must be distributed to be told of: to all, to connected communities, to this community, or to one organisation. tlp:red, tlp:amber+strict and sharing groups are never told of.", choices=("all", "connected", "community", "organisation")),
    Setting("misp.count_hidden", "flag", False, "", "Whether an answer says how many known pictures match that may not be told of."),
    Setting("misp.thumbnails", "flag", False, "", "Whether a match that goes into an event brings the thumbnail of the known picture, where there is one (`thumbnails.enabled`) and all of its sources may be told."),
    Setting("misp.max_correlations", "whole", 20, "events", "Events that may share a cluster before its value no longer correlates; MISP blocks values of too many events for everybody.", least=1),
    Setting("misp.ail_base", "text", "", "URL", "Address of AIL's web interface, for links to its objects; empty: they are not named."),
    Setting("misp.remember", "flag", False, "", "Whether pictures that MISP asks about are added to the known ones."),
    Setting("misp.actions", "list", (), "", "Workflow actions that may change something: image_register (here), image_tag, image_sighting (at misp.url); empty: none of them."),
    Setting("misp.upstream", "text", "", "URL", "Stock misp-modules server behind the MISP listener, such as http://127.0.0.1:6666: its modules are listed too, and asked; empty: none."),
    Setting("misp.upstream_seconds", "number", 60.0, "s", "Longest that a query of one of its modules may take.", least=0.1),
    Setting("misp.listen", "text", "127.0.0.1:6667", "address:port", "Where MISP finds Kuato."),
    Setting("misp.allow", "list", ("127.0.0.1", "::1"), "", "Addresses and networks that may ask; MISP sends no password."),
    Setting("misp.link_base", "text", "", "URL", "Address of the MISP server, for links to the attributes that hold known pictures; empty: no links."),
    Setting("misp.max_matches", "whole", 5, "matches", "Most matches that MISP is told of.", least=1, most=100),
    Setting("misp.deadline", "number", 4.0, "s", "When MISP gets an answer at the latest; it waits 5 s itself on hover.", least=0.1),
    Setting("misp.url", "text", "", "URL", "Address of the MISP server that `kuato misp sync` reads from, such as https://misp.example; empty: none."),
    Setting("misp.key", "text", "", "", "Key of the MISP user that Kuato is there; best given in the environment.", secret=True),
    Setting("misp.verify", "flag", True, "", "Whether the server's certificate must be trusted; only ever false for a test."),
    Setting("misp.ca_file", "path", "", "", "Certificates (PEM) that are trusted to be the MISP server's; empty: network.ca_file, or the system's."),
    Setting("misp.proxy", "text", "", "URL", "Proxy on the way to the MISP server; `none`: no proxy; empty: network.proxy."),
    Setting("misp.timeout", "number", 60.0, "s", "Longest that one request to MISP may take.", least=1),
    Setting("misp.retries", "whole", 8, "", "How often a request that MISP did not answer is made again, each time after a longer pause.", least=0, most=100),
    Setting("misp.pause", "number", 1.0, "s", "First pause before a request is made again; each further one is twice as long, up to a minute.", least=0.001),
    Setting("misp.names", "list", ("*.png", "*.jpg", "*.jpeg", "*.jfif", "*.gif", "*.webp", "*.bmp", "*.tif", "*.tiff", "*.ico"), "", "File names of attachments that are fetched. Those of image objects and screenshots, and names without an ending, are fetched anyway."),
    Setting("misp.banks", "rows", (), "", "Which banks pictures from MISP go into: `bank`, and what must hold for it: `tag`, `org`, `event`, `object`, `relation` (with * where anything may be)."),
    Setting("misp.page", "whole", 500, "attributes", "Most attributes that MISP is asked to list at once.", least=2, most=10_000),
    Setting("misp.overlap", "number", 600.0, "s", "How far each sync goes back behind the one before; no clock may differ by more.", least=0),
    Setting("misp.sweep_days", "number", 7.0, "days", "How often a sync holds all known attributes against those MISP still has; 0: only `kuato misp sync --sweep` does.", least=0),
    Setting("misp.zmq", "text", "", "URL", "Where MISP publishes by ZeroMQ, such as tcp://misp.example:50000, so that a sync that waits begins at once; needs pyzmq."),
    Setting("misp.write", "list", (), "", "What is written back to MISP: sightings, tags, relations, objects; empty: nothing."),
    Setting("misp.max_writes_run", "whole", 500, "writes", "Most that one sync writes to MISP; the rest waits for the next.", least=1),
    Setting("misp.max_writes_day", "whole", 5000, "writes", "Most that is written to MISP within a day.", least=1),
    Setting("misp.feedback", "list", (), "", "Organisations (name or UUID) whose false-positive sightings and opinions become reviews; empty: the one of misp.key."),
    Setting("tagging.rules", "rows", (), "", "Which tags a match gives: `tags` or `propagate`, on what (`on`), and what must hold for it: `decision`, `relation`, `bank`, `kind`, `tag`."),
    Setting("tagging.propagate", "list", (), "", "Tags of known pictures, with * where anything may be, that a rule may pass on."),
    Setting("web.listen", "text", "127.0.0.1:6670", "address:port", "Where programs find the HTTP API. Beyond loopback it needs a token first: `kuato token create`."),
    Setting("web.anonymous", "text", "admin", "", "Role of requests without a token, on loopback and only until the first token or account is created.", choices=("none", "search", "write", "review", "admin")),
    Setting("web.prefix", "text", "", "path", "Path under which a reverse proxy publishes Kuato, such as /kuato."),
    Setting("web.proxy", "text", "", "address", "Address of the reverse proxy whose X-Forwarded-For and X-Forwarded-Proto are believed; empty: nobody's."),
    Setting("web.names", "list", (), "", "Host names under which the API may be asked; empty: any, but on loopback without tokens only those of loopback."),
    Setting("web.certificate", "path", "", "", "Certificate (PEM, with its chain) to serve HTTPS with; needs web.key."),
    Setting("web.key", "path", "", "", "Private key (PEM) of web.certificate."),
    Setting("web.client_ca", "path", "", "", "Certificates (PEM) of authorities; clients must show a certificate of theirs. Needs web.certificate."),
    Setting("web.connections", "whole", 1000, "connections", "Most connections at once; for a further one, that which has been silent for longest is closed.", least=10, most=50_000),
    Setting("web.address_connections", "whole", 0, "connections", "Most connections of one address (web.proxy's excepted); further ones are closed; 0: no limit but web.connections.", least=0),
    Setting("web.threads", "whole", 16, "threads", "Requests worked on at once.", least=2, most=256),
    Setting("web.max_body", "whole", 128 << 20, "bytes", "Largest request; a larger one is refused before it is read.", least=1 << 16),
    Setting("web.max_parts", "whole", 1000, "parts", "Most pictures and fields of one request.", least=2, most=100_000),
    Setting("web.max_limit", "whole", 1000, "", "Largest `limit` that a request may ask for.", least=1, most=100_000),
    Setting("web.busy_seconds", "number", 20.0, "s", "How long a request may wait for a free decoding process before it is told to come back.", least=0.1),
    Setting("web.wait_seconds", "number", 30.0, "s", "Longest that a request may wait for a job to end.", least=0),
    Setting("web.rate_limit", "whole", 6000, "requests a minute", "Most requests of one token (without token: of one address); 0: no limit. A token can have its own.", least=0),
    Setting("login.header", "text", "", "", "Header in which a proxy that asks people for their log-in (OIDC, Kerberos, ..) names them, such as X-Forwarded-User; empty: people log in here, `kuato account add`."),
    Setting("login.groups_header", "text", "", "", "Header in which it names their groups, separated by commas, such as X-Forwarded-Groups; empty: none."),
    Setting("login.proxies", "list", (), "", "Addresses and networks of the proxies that are trusted to send these headers; empty: web.proxy."),
    Setting("login.roles", "list", ("*=viewer",), "who=role", "Roles (viewer, reviewer, admin) of those whom the proxy names, by their name or group; * is everybody. The highest counts."),
    Setting("login.hours", "number", 12.0, "h", "How long a log-in lasts.", least=0.01, most=8760),
    Setting("thumbnails.enabled", "flag", False, "", "Whether small copies (WebP) of added pictures are kept in Redis to be shown on the pages; never of sensitive ones."),
    Setting("thumbnails.days", "number", 30.0, "days", "How long one is kept after its picture was last added.", least=0.001, most=3650),
    Setting("thumbnails.side", "whole", 480, "pixels", "Their longer side.", least=64, most=1024),
    Setting("audit.file", "path", "", "", "File that gains a JSON line for each write, search and export; empty: audit.jsonl in data.dir."),
    Setting("jobs.dir", "path", "", "", "Folder that keeps what jobs are to work on until they end; empty: jobs in data.dir."),
    Setting("jobs.threads", "whole", 2, "jobs", "Jobs worked on at once.", least=1, most=64),
    Setting("jobs.max_waiting", "whole", 1000, "jobs", "Most unfinished jobs; a further one is refused.", least=1),
    Setting("jobs.max_bytes", "whole", 4 << 30, "bytes", "Most that unfinished jobs may keep in jobs.dir; a further job is refused.", least=1 << 20),
    Setting("jobs.keep_hours", "number", 24.0, "h", "How long the result of a job is kept.", least=0.01),
    Setting("jobs.keep_bytes", "whole", 256 << 20, "bytes", "Most memory of Redis for the results of ended jobs; beyond it the oldest go before their time.", least=1 << 20),
    Setting("fetch.allow", "list", (), "", "Hosts from which pictures may be fetched by URL: names, *.names, * for every public one, or one of these with :port for another port than 80 and 443; empty: fetching is off."),
    Setting("fetch.max_seconds", "number", 20.0, "s", "Longest that fetching one URL may take, with its redirects.", least=0.1),
    Setting("fetch.max_redirects", "whole", 5, "redirects", "Most redirects that are followed.", least=0, most=20),
    Setting("network.ca_file", "path", "", "", "Certificates (PEM) that outgoing connections trust, instead of the system's."),
    Setting("network.certificate", "path", "", "", "Certificate (PEM) that outgoing connections show, with its key unless network.key has it."),
    Setting("network.key", "path", "", "", "Private key (PEM) of network.certificate."),
    Setting("network.proxy", "text", "", "URL", "Proxy for outgoing connections, such as http://proxy.example:3128."),
    Setting("network.environment", "flag", False, "", "Whether HTTP_PROXY, HTTPS_PROXY and NO_PROXY of the environment count where network.proxy is empty."),
    Setting("ail.home", "path", "", "", "AIL's folder, which AIL itself calls AIL_HOME; its configs/core.cfg and configs/modules.cfg tell the rest."),
    Setting("ail.images", "text", "KuatoImages", "", "Section of AIL's modules.cfg that subscribes to Images."),
    Setting("ail.items", "text", "KuatoItems", "", "Section of AIL's modules.cfg that subscribes to Item, for screenshots of crawled pages; empty: none."),
    Setting("ail.workers", "whole", 0, "threads", "Messages worked on at once by one `kuato ail consume`; 0: one more than there are decoding processes.", least=0, most=256),
    Setting("ail.lease_seconds", "number", 120.0, "s", "How long a worker may take for one message before another takes it up.", least=1),
    Setting("ail.max_seconds", "number", 30.0, "s", "Longest that a picture may wait for a free decoding process; then its message is tried again.", least=0.1),
    Setting("ail.tries", "whole", 5, "times", "How often a message is taken up before it is kept aside (`kuato ail dead`).", least=1, most=1000),
    Setting("ail.retry_seconds", "number", 30.0, "s", "How long a message that failed waits for its next try.", least=0),
    Setting("ail.screenshot_tries", "whole", 3, "times", "How often a crawled page is looked at for its screenshot, which AIL stores after it tells of the page.", least=1, most=100),
    Setting("ail.screenshot_seconds", "number", 60.0, "s", "How long it waits in between.", least=0),
    Setting("ail.placeholders", "list", ("07244254f73e822bd4a95d916d8b27f2246b02c428adc29082d09550c6ed6e1a", "27e14ace10b0f96acd2bd919aaa98a964597532c35b6409dff6cc8eec8214748", "3e66bf4cc250a68c10f8a30643d73e50e68bf1d4a38d4adc5bfc4659ca2974c0"), "SHA-256", "Screenshots that AIL's crawler makes of what shows nothing; they are passed over."),
    Setting("ail.turned", "list", ("image",), "", "Types of objects of which mirrored, turned and negative copies are looked for, too."),
    Setting("ail.candidates", "whole", 6, "pictures", "As search.candidates, for what `kuato ail` looks up: of copies, six find as many as twenty-four, in a third of the time.", least=0, most=1000),
    Setting("ail.observed", "list", ("domain",), "", "Where pictures of no bank must have been seen elsewhere for a tag: domain, ail-chat; empty: nowhere."),
    Setting("ail.maybe", "flag", False, "", "Whether a MAYBE with a picture of a known-bad or baseline bank is worth a tag."),
    Setting("ail.correlations", "flag", False, "", "Whether AIL is also told which objects of one type are the same picture, as correlations; AIL 7 shows none of them."),
    Setting("ail.daily", "whole", 50, "objects", "Most objects of one cluster that are given tags in a day; 0: no limit.", least=0),
    Setting("ail.max_places", "whole", 100, "places", "Most domains and chats that are kept of one picture.", least=1, most=10_000),
    Setting("ail.max_tags_waiting", "whole", 10_000, "tags", "While AIL has so many tags to take, no message is begun.", least=1),
    Setting("ail.bank_minutes", "number", 10.0, "min", "How often a consumer looks for pictures new in banks, to tag what AIL had before; 0: only `kuato ail banks` does.", least=0),
    Setting("ail.favicons", "flag", False, "", "Whether the favicons of a crawled page are looked at with its screenshot, as objects of their own."),
    Setting("ail.onward", "flag", False, "", "Whether new matches with YES are kept to be told on to MISP, by `kuato ail onward`."),
    Setting("ail.onward_minutes", "number", 0.0, "min", "How often a consumer posts them to the server of misp.url, as one unpublished event of at most a thousand; 0: only `kuato ail onward --post` does.", least=0),
    Setting("ail.webhook", "text", "", "URL", "Address that a digest of the matches is posted to, as JSON; empty: none is."),
    Setting("ail.webhook_every", "text", "day", "", "How often.", choices=("hour", "day")),
    Setting("ail.webhook_banks", "list", (), "", "Banks whose matches are in it; empty: all matches, also with what is in no bank."),
    Setting("ail.link_base", "text", "", "URL", "Address of AIL's pages; empty: ail_domain of its core.cfg."),
    Setting("retention.banks", "list", ("observed=365",), "kind=days", "How long pictures of a kind of bank are kept after they were last seen; a kind that is not named: for ever. Pictures in no bank are observed."),
    Setting("retention.sources", "list", (), "kind=days", "How long sources of a kind are kept after they were last seen; a kind that is not named: as long as the picture."),
    Setting("retention.every_hours", "number", 24.0, "h", "How often `kuato serve` forgets what is over its time; 0: only `kuato forget --expired` does.", least=0),
    Setting("sensitive.tags", "list", ("copine-scale", "dark-web:topic"), "", "Tags, or beginnings of tags up to a colon or equals sign, of pictures of which nothing but the match may be shown."),
    Setting("pages.max_pictures", "whole", 200, "pictures", "Most pictures taken out of one HTML, MHTML or HAR file.", least=1),
    Setting("pages.max_bytes", "whole", 64 << 20, "bytes", "Largest HTML, MHTML or HAR file that is read, and most bytes taken out of one.", least=1),
    Setting("add.lease_seconds", "number", 15.0, "s", "How long one process may take to store a picture before another finishes the job.", least=0.1),
    Setting("logging.level", "text", "WARNING", "", "Least severe messages that are logged on stderr; INFO: also each request.", choices=LEVELS),
    Setting("logging.format", "text", "text", "", "How: as text, or each message as a line of JSON.", choices=("text", "json")),
)
_ROWS = {row.name: row for row in TABLE}


class Settings(Mapping[str, Any]):
    """The values in force. Never changes; `origin` tells where each came from."""

    def __init__(self, values: Mapping[str, Any], origins: Mapping[str, str]) -> None:
        self._values, self._origins = dict(values), dict(origins)

    @classmethod
    def load(
        cls, config: Path | str | None = None, environ: Mapping[str, str] | None = None, overrides: Mapping[str, Any] | None = None
    ) -> "Settings":
        """Return the settings in force.

        config: a file that must exist; None: $KUATO_CONFIG, else ~/.config/kuato/kuato.toml where there is one.
        environ: os.environ by default. overrides: by name, from the command line; None counts as not given.
        Raises BadSettings, which names the file, variable or option, and what was expected.
        """
        environ = os.environ if environ is None else environ
        values, origins = {row.name: row.read(_default(row, environ), Path.cwd()) for row in TABLE}, dict.fromkeys(_ROWS, DEFAULT)
        _put(values, origins, _given(config, environ, overrides or {}))
        return cls(values, origins)

    def __getitem__(self, name: str) -> Any:
        return self._values[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._values)

    def __len__(self) -> int:
        return len(self._values)

    def origin(self, name: str) -> str:
        """Return where the value came from: "default", "file PATH", "environment VARIABLE" or "command line"."""
        return self._origins[name]

    def with_overrides(self, overrides: Mapping[str, Any]) -> "Settings":
        """Return these settings with some values replaced, as if the command line had said so. Raises BadSettings."""
        values, origins = dict(self._values), dict(self._origins)
        _put(values, origins, ((name, value, COMMAND_LINE, Path.cwd()) for name, value in overrides.items()))
        return Settings(values, origins)

    def shown(self, name: str) -> Any:
        """Return a value as people may see it: no secret, and without the password that a URL may hold."""
        value = self[name]
        if _ROWS[name].secret and value:
            return HIDDEN
        return re.sub(r"//([^:]*):.*@", r"//\1:***@", value) if _ROWS[name].unit == "URL" else value

    def workers(self) -> int:
        """Return how many processes decode pictures."""
        return int(self["workers.count"]) or len(os.sched_getaffinity(0))

    def limits(self) -> "Limits":
        """Return what one picture may cost."""
        from matcher.decode import Limits

        return Limits(
            max_bytes=self["picture.max_bytes"],
            max_pixels=self["picture.max_pixels"],
            max_side=self["picture.max_side"],
            seconds=self["picture.max_seconds"],
            memory=self["picture.max_memory"],
        )


def config_dir() -> Path:
    """Return the folder with the files that come with Kuato: thresholds, MISP templates."""
    packaged = Path(__file__).parent / "config"
    return packaged if packaged.is_dir() else Path(__file__).parent.parent / "config"


def as_toml() -> str:
    """Return config/kuato.toml: every setting at its default, commented out."""
    lines = ["# Kuato's settings, all at their defaults. Copy to ~/.config/kuato/kuato.toml and uncomment what you change."]
    section = ""
    for row in TABLE:
        if (found := row.name.partition(".")[0]) != section:
            section = found
            lines += ["", f"[{section}]"]
        default = list(row.default) if isinstance(row.default, tuple) else row.default
        lines += [f"# {row.text}{f' ({row.unit})' if row.unit else ''}", f"#{row.name.partition('.')[2]} = {json.dumps(default)}"]
    return "\n".join(lines) + "\n"


def as_markdown() -> str:
    """Return the table of docs/settings.md."""
    lines = ["| setting | type | default | unit | meaning | environment |", "|---|---|---|---|---|---|"]
    for row in TABLE:
        default = ", ".join(row.default) if isinstance(row.default, tuple) else str(row.default)
        shown = f"`{default}`" if default else "(empty)"
        text = row.text + (f" One of {', '.join(row.choices)}." if row.choices else "")
        lines.append(f"| `{row.name}` | {row.kind} | {shown} | {row.unit} | {text} | `{row.variable}` |")
    return "\n".join(lines) + "\n"


def _default(row: Setting, environ: Mapping[str, str]) -> Any:
    home = environ.get("XDG_DATA_HOME")
    return str(Path(home) / "kuato") if row.name == "data.dir" and home else row.default


def _put(values: dict[str, Any], origins: dict[str, str], given: Iterable[tuple[str, Any, str, Path]]) -> None:
    for name, value, origin, folder in given:
        if name not in _ROWS:
            raise BadSettings(f"{origin}: there is no setting {name}{_like(name)}")
        try:
            values[name], origins[name] = _ROWS[name].read(value, folder), origin
        except ValueError as error:
            shown = HIDDEN if _ROWS[name].secret else repr(value)
            raise BadSettings(f"{origin}: {name} is {shown}, but must be {error}") from None


def _given(config: Path | str | None, environ: Mapping[str, str], overrides: Mapping[str, Any]) -> Iterator[tuple[str, Any, str, Path]]:
    """Yield name, value, origin and the folder that paths are relative to, the weakest source first."""
    file = _file(config, environ)
    if file:
        for name, value in _flat(_toml(file)):
            yield name, value, f"file {file}", file.parent.absolute()
    names = {row.variable: row.name for row in TABLE}
    sections = tuple({PREFIX + row.name.partition(".")[0].upper() + "_" for row in TABLE})
    for variable, value in environ.items():
        if variable.startswith(sections) and (variable in names or not _KUBERNETES.search(variable)):
            yield names.get(variable, variable), value, f"environment {variable}", Path.cwd()
    for name, value in overrides.items():
        if value is not None:
            yield name, value, COMMAND_LINE, Path.cwd()


def _file(config: Path | str | None, environ: Mapping[str, str]) -> Path | None:
    asked = config or environ.get(PREFIX + "CONFIG")
    if asked:
        return Path(asked).expanduser()
    usual = Path(environ.get("XDG_CONFIG_HOME") or Path.home() / ".config") / "kuato" / "kuato.toml"
    return usual if usual.exists() else None


def _toml(file: Path) -> dict[str, Any]:
    try:
        with file.open("rb") as stream:
            return tomllib.load(stream)
    except OSError as error:
        raise BadSettings(f"file {file} cannot be read: {error.strerror}; see --config and $KUATO_CONFIG") from None
    except ValueError as error:
        raise BadSettings(f"file {file} is no TOML: {error}") from None


def _flat(table: Mapping[str, Any], before: str = "") -> Iterator[tuple[str, Any]]:
    for key, value in table.items():
        if isinstance(value, dict):
            yield from _flat(value, f"{before}{key}.")
        else:
            yield before + key, value


def _like(name: str) -> str:
    known = [row.variable for row in TABLE] if name.startswith(PREFIX) else list(_ROWS)
    close = difflib.get_close_matches(name, known, 1)
    return f"; did you mean {close[0]}?" if close else "; `kuato config show` lists all"
