"""Where Redis is, as redis.url tells it.

One server: redis://user:password@host:port/0, rediss:// with TLS, unix:///path of a socket. A Redis Cluster, by some of its nodes:
redis+cluster://user:password@host:port,host:port, rediss+cluster:// with TLS.
"""

from dataclasses import dataclass
from urllib.parse import parse_qs, urlsplit

import redis
from redis.backoff import NoBackoff
from redis.retry import Retry

from matcher.connections import LeanPool
from matcher.errors import BadSettings

Address = tuple[str, int]

# What may stand behind "?"; others would have redis-py repeat writes or change the type of answers.
_OPTIONS = ("db", "client_name", "health_check_interval", "max_connections", "socket_connect_timeout", "socket_keepalive")
_CLUSTERED = "+cluster"
_PORT = 6379
# A node of a cluster that cannot be reached is not waited for as long as an answer is; seconds.
_REACHED = 2.0


@dataclass(frozen=True)
class Location:
    """seeds: nodes of a cluster, empty for one server. scheme, user, options: for the URL of each node."""

    url: str
    seeds: tuple[Address, ...] = ()
    scheme: str = ""
    user: str = ""
    options: str = ""

    @classmethod
    def of(cls, url: str) -> "Location":
        """Return what a URL says. Raises BadSettings."""
        try:
            parts = urlsplit(url)
            unknown = [name for name in parse_qs(parts.query) if name not in _OPTIONS and not name.startswith("ssl_")]
            if unknown:
                raise ValueError(f"{unknown[0]!r} is no option that can be used here")
            if not parts.scheme.endswith(_CLUSTERED):
                return cls(url)
            if parts.path.strip("/") not in ("", "0") or parse_qs(parts.query).get("db", ["0"]) != ["0"]:
                raise ValueError("a cluster has but the database 0")
            user, _, hosts = parts.netloc.rpartition("@")
            seeds = tuple(_address(host) for host in hosts.split(","))
        except ValueError as error:
            raise _wrong(error) from error
        return cls(url, seeds, parts.scheme.removesuffix(_CLUSTERED), user and f"{user}@", parts.query)

    @property
    def clustered(self) -> bool:
        """Whether it is a cluster."""
        return bool(self.seeds)

    def client(self, name: str, timeout: float, address: Address | None = None) -> redis.Redis:
        """Return the client of the server, or of one node. name: by which the server knows us. timeout: seconds. Raises BadSettings."""
        try:
            pool = LeanPool.from_url(
                self._of_node(*address) if address else self.url,
                protocol=2,  # what every version of Redis, Valkey and Kvrocks speaks
                retry=Retry(NoBackoff(), 0),
                socket_timeout=timeout,
                socket_connect_timeout=min(timeout, _REACHED) if address else timeout,
                socket_read_size=1 << 18,
                max_connections=256,
                client_name=name,
            )
            # Some options are looked at only when a connection is made.
            pool.connection_class(**pool.connection_kwargs)
        except (ValueError, TypeError, AttributeError, redis.exceptions.RedisError) as error:
            raise _wrong(error) from error
        return redis.Redis.from_pool(pool)

    def _of_node(self, host: str, port: int) -> str:
        return f"{self.scheme}://{self.user}{f'[{host}]' if ':' in host else host}:{port}?{self.options}"


def _address(text: str) -> Address:
    parts = urlsplit(f"redis://{text}")
    if not parts.hostname:
        raise ValueError("a node has no name")
    return parts.hostname, parts.port or _PORT


def _wrong(error: Exception) -> BadSettings:
    return BadSettings(f"redis.url: {error}; write it like redis://127.0.0.1:6379/0, or redis+cluster://node-1:6379,node-2:6379")
