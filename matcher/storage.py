"""The store that the settings name: a server of the operator's, or our own, which is given nothing to add when its disk is nearly full."""

from matcher.diskroom import DiskRoom
from matcher.redis_server import EmbeddedRedis
from matcher.settings import Settings
from matcher.store import SCHEMA, Store


def store_of(settings: Settings, oldest: int = SCHEMA) -> Store:
    """Return the store that the settings name, also one with a schema as old as `oldest`. Raises BadSettings."""
    url, prefix, timeout, replicas = (settings[f"redis.{name}"] for name in ("url", "prefix", "timeout", "replicas"))
    if url:
        return Store(lambda: url, prefix, timeout, oldest, replicas)
    room = DiskRoom(settings["data.dir"], settings["data.min_free"])
    return Store(EmbeddedRedis(settings["data.dir"]).ensure, prefix, timeout, oldest, replicas, room.check)
