"""An AIL to test against: what contracts/ail.md tells of it, on real servers, and nothing more.

Two redis-servers stand for AIL's (6381) and for its Kvrocks (6383); lists, bookkeeping, keys, hashes and messages are those of AIL 7.
A producer is here what AIL's AILQueue is there, and `Tags` what its module Tags is: LPOP, so it loses the message in hand when killed.
"""

import hashlib
import socket
import subprocess
import time
from collections import Counter
from collections.abc import Iterable, Iterator
from configparser import ConfigParser
from pathlib import Path

import redis
import xxhash

from matcher.redis_server import find_server

MODULES = """
[Global]
subscribe = SaveObj
publish = Item,Image,Images,Sync

[Crawler]
publish = Importers,Tags

[Tags]
subscribe = Tags
publish = Tag_feed,Sync

[MISP_Thehive_Auto_Push]
subscribe = Tag_feed

[OcrExtractor]
subscribe = Image
publish = Tags

[KuatoImages]
subscribe = Images
publish = Tags

[KuatoItems]
subscribe = Item
publish = Tags
"""


class Server:
    """A redis-server on a port of loopback that keeps what it holds when it is ended and started again."""

    def __init__(self, folder: Path, passwords: Iterable[str] = ()) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        with socket.create_server(("127.0.0.1", 0)) as probe:
            self.port = probe.getsockname()[1]
        lines = [f"port {self.port}", "bind 127.0.0.1", f'dir "{folder}"', "appendonly yes", "appendfsync everysec", 'save ""']
        if passwords:
            # Kvrocks chooses a namespace by the password; here all lead to the one keyspace.
            lines.append(f"user default on {' '.join('>' + word for word in passwords)} ~* &* +@all")
        self._config = folder / "redis.conf"
        self._config.write_text("\n".join(lines))
        self._password = next(iter(passwords), None)
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        self._process = subprocess.Popen([find_server(), self._config], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        deadline = time.monotonic() + 20
        while True:
            try:
                self.client().ping()
                return
            except (redis.ConnectionError, redis.BusyLoadingError):
                assert time.monotonic() < deadline, "the redis-server of the stand-in does not answer"
                time.sleep(0.02)

    def stop(self, kill: bool = False) -> None:
        if self._process is not None:
            (self._process.kill if kill else self._process.terminate)()
            self._process.wait(20)
            self._process = None

    def client(self, db: int = 0) -> redis.Redis:
        return redis.Redis(port=self.port, db=db, password=self._password, decode_responses=True)


class Ail:
    """An installation below `home`, running until `stop`."""

    def __init__(self, home: Path) -> None:
        self.home = home
        self.queue_server = Server(home / "DATA_ARDB" / "queues")
        self.kvrocks_server = Server(home / "DATA_KVROCKS", ("ail", "ail_objs", "ail_tags", "ail_correls"))
        (home / "configs").mkdir(parents=True)
        (home / "configs" / "modules.cfg").write_text(MODULES)
        self._write_core()

    def _write_core(self) -> None:
        queues, kvrocks = self.queue_server.port, self.kvrocks_server.port
        (self.home / "configs" / "core.cfg").write_text(
            "[Directories]\nimages = IMAGES\nscreenshot = CRAWLED_SCREENSHOT/screenshot\nfavicons = FAVICONS\n"
            "[Notifications]\nail_domain = https://ail.example:7000\n"
            f"[Redis_Queues]\nhost = 127.0.0.1\nport = {queues}\ndb = 0\n"
            f"[Redis_Process]\nhost = 127.0.0.1\nport = {queues}\ndb = 2\n"
            f"[Kvrocks_Tags]\nhost = 127.0.0.1\nport = {kvrocks}\npassword = ail_tags\n"
            f"[Kvrocks_Correlations]\nhost = 127.0.0.1\nport = {kvrocks}\npassword = ail_correls\n"
        )

    def start(self) -> "Ail":
        for server in (self.queue_server, self.kvrocks_server):
            server.start()
        self.queues, self.process = self.queue_server.client(0), self.queue_server.client(2)
        self.kvrocks = self.kvrocks_server.client()
        return self

    def stop(self) -> None:
        for server in (self.queue_server, self.kvrocks_server):
            server.stop()

    def clear(self) -> None:
        """Forget all that lies in queues and databases; files stay."""
        self.queues.flushall()
        self.kvrocks.flushall()

    def module(self, name: str, pid: int = 1) -> "AilQueue":
        return AilQueue(self, name, pid)

    # What AIL collects.

    def store_image(self, data: bytes, chat: str | None = None) -> str:
        """Keep an image of a chat (subtype:id); return its global id."""
        sha256 = hashlib.sha256(data).hexdigest()
        self._keep(self.home / "IMAGES", sha256, "", data)
        if chat:
            self.correlate("image", "", sha256, "chat", *chat.split(":", 1))
        return f"image::{sha256}"

    def store_screenshot(self, data: bytes, item: str | None = None) -> str:
        """Keep the screenshot of a crawled item; return its global id."""
        sha256 = hashlib.sha256(data).hexdigest()
        self._keep(self.home / "CRAWLED_SCREENSHOT" / "screenshot", sha256, ".png", data)
        if item:
            self.correlate("screenshot", "", sha256, "item", "", item)
            self.correlate("screenshot", "", sha256, "domain", "", item[19:-36])
        return f"screenshot::{sha256}"

    def store_favicon(self, data: bytes, id: str, domain: str, item: str | None = None) -> str:
        """Keep a favicon of a domain, or of one page, under the id that AIL computes (MurmurHash3); return its global id."""
        path = self.home / "FAVICONS" / Path(*id[:6]) / id[6:]
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)
        self.correlate("favicon", "", id, "domain", "", domain)
        if item:
            self.correlate("favicon", "", id, "item", "", item)
        return f"favicon::{id}"

    def item(self, domain: str, number: int = 0, date: str = "2026/07/15") -> str:
        """Return the id of a crawled item."""
        return f"crawled/{date}/{domain}{number:08x}-0000-4000-8000-{number:012x}"

    def feed_image(self, data: bytes, chat: str | None = None, date: str = "20260715") -> str:
        """Let Global send an image, as a feeder brings it; return its global id."""
        gid = self.store_image(data, chat)
        sender = self.module("Global")
        sender.send_message(gid, date, "Image")
        sender.send_message(gid, date, "Images")
        return gid

    def crawl(self, domain: str, data: bytes | None, number: int = 0, date: str = "2026/07/15") -> str:
        """Let the crawler bring a page: its item, then its screenshot. Returns the item's id."""
        item = self.item(domain, number, date)
        self.module("Global").send_message(f"item::{item}", "", "Item")
        if data is not None:
            self.store_screenshot(data, item)
        return item

    def correlate(self, kind: str, subtype: str, id: str, kind2: str, subtype2: str, id2: str) -> None:
        self.kvrocks.sadd(f"correlation:obj:{kind}:{subtype}:{kind2}:{id}", f"{subtype2}:{id2}")
        self.kvrocks.sadd(f"correlation:obj:{kind2}:{subtype2}:{kind}:{id2}", f"{subtype}:{id}")

    def _keep(self, root: Path, sha256: str, extension: str, data: bytes) -> None:
        pairs = [sha256[at : at + 2] for at in range(0, 12, 2)]
        path = root.joinpath(*pairs) / f"{sha256[12:]}{extension}"
        if not path.exists():
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(data)

    # What came of it.

    def run_tags(self) -> "Counter[tuple[str, str]]":
        """Let the module Tags do its work until its list is empty; return how often each object got each tag."""
        queue, seen = self.module("Tags", 77), Counter[tuple[str, str]]()
        while (message := queue.get_message()) is not None:
            gid, hash, tag = message
            assert gid is not None
            self.tag(gid, tag)
            queue.send_message(gid, tag, "Tag_feed")
            queue.end_message(gid, hash)
            seen[gid, tag] += 1
        feed = self.module("MISP_Thehive_Auto_Push", 78)
        while (message := feed.get_message()) is not None:
            feed.end_message(str(message[0]), message[1])
        return seen

    def tag(self, gid: str, tag: str) -> None:
        """Give an object a tag, whatever it says."""
        self.kvrocks.sadd(f"tag:{gid}", tag)

    def drain(self, name: str) -> int:
        """Let another module of AIL take and end all of its messages."""
        queue, count = self.module(name, 99), 0
        while (message := queue.get_message()) is not None:
            if message[0] is not None:
                queue.end_message(message[0], message[1])
            count += 1
        return count

    def account(self) -> dict[str, object]:
        """Return AIL's record of what is in work; empty when all is done."""
        return {key: self.process.type(key) for key in self.process.scan_iter() if key != "objs:processed"}


class AilQueue:
    """What AIL's AILQueue is: lists by module, fan-out known at the start, an account of each object on its way."""

    def __init__(self, ail: Ail, name: str, pid: int) -> None:
        self._queues, self._process, self.name, self.pid = ail.queues, ail.process, name, pid
        config = ConfigParser(interpolation=None)
        config.read(ail.home / "configs" / "modules.cfg")
        assert config.has_section(name), f"No Section defined for this module: {name}"
        published = filter(None, config.get(name, "publish", fallback="").split(","))
        self._subscribers = {q: [m for m in config.sections() if config.get(m, "subscribe", fallback="") == q] for q in published}
        self._queues.hset("queues", name, self._queues.llen(f"queue:{name}:in"))
        self._queues.sadd("modules", name)
        self._queues.hset(f"module:{name}", str(pid), -1)

    def get_message(self) -> tuple[str | None, str, str] | None:
        self._queues.hset("queues", self.name, self._queues.llen(f"queue:{self.name}:in"))
        self._queues.hset(f"module:{self.name}", str(self.pid), int(time.time()))
        message = self._queues.lpop(f"queue:{self.name}:in")
        if not message:
            return None
        gid, semicolon, text = message.partition(";")
        if not semicolon:
            return None, "", message
        hash = xxhash.xxh3_64_hexdigest(message.encode())
        self._begin(gid)
        self._process.zadd(f"obj:modules:{gid}", {f"{self.name}:{hash}": int(time.time())})
        self._process.zrem(f"obj:queues:{gid}", f"{self.name}:{hash}")
        return gid, hash, text

    def end_message(self, gid: str, hash: str) -> None:
        self._process.zrem(f"obj:modules:{gid}", f"{self.name}:{hash}")
        if not self._process.exists(f"obj:queues:{gid}") and not self._process.exists(f"obj:modules:{gid}"):
            self._process.zrem(f"objs:process:{gid.split(':', 1)[0]}", gid)
            self._process.srem("objs:process", gid)
            self._process.sadd("objs:processed", gid)

    def send_message(self, gid: str, text: str, queue: str) -> None:
        message = f"{gid};{text}"
        for module in self._subscribers[queue]:
            if gid != "::":
                self._begin(gid)
                hash = xxhash.xxh3_64_hexdigest(message.encode())
                self._process.zadd(f"obj:queues:{gid}", {f"{module}:{hash}": int(time.time())})
            self._queues.rpush(f"queue:{module}:in", message)
            self._queues.hset("queues", module, self._queues.llen(f"queue:{module}:in"))

    def _begin(self, gid: str) -> None:
        if self._process.sadd("objs:process", gid):
            self._process.zadd(f"objs:process:{gid.split(':', 1)[0]}", {gid: int(time.time())})


def running(home: Path) -> Iterator[Ail]:
    """Yield a running installation, for a fixture."""
    ail = Ail(home).start()
    try:
        yield ail
    finally:
        ail.stop()
