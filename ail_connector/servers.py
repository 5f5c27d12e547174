"""Connections to AIL's servers: the Redis of its queues, and Kvrocks, of which we only read."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any, cast

import redis
from redis.backoff import NoBackoff
from redis.retry import Retry

from ail_connector.errors import AilUnavailable
from ail_connector.installation import Address


class Server:
    """One database of a server of AIL; safe to share between threads. timeout: seconds. Raises AilUnavailable throughout."""

    def __init__(self, address: Address, what: str, timeout: float = 10.0) -> None:
        self._what = f"{what} of AIL at {address.host}:{address.port}"
        self._client = redis.Redis(
            host=address.host,
            port=address.port,
            db=address.db,
            password=address.password or None,
            socket_timeout=timeout,
            socket_connect_timeout=timeout,
            retry=Retry(NoBackoff(), 0),
        )

    def script(self, text: str) -> Callable[..., Any]:
        """Return what runs a Lua script with its arguments. Not repeated by itself: after a failure it may have happened."""
        registered = self._client.register_script(text)

        def run(*arguments: bytes | str | int) -> Any:
            with self._speaking():
                return registered(args=list(arguments))

        return run

    def ask(self, *command: bytes | str | int) -> Any:
        """Send one command and return its answer."""
        with self._speaking():
            return self._client.execute_command(*command)  # type: ignore[no-untyped-call]

    def at_once(self, commands: Sequence[Sequence[bytes | str | int]]) -> list[Any]:
        """Send some commands and return their answers, of one moment: nobody changes anything in between."""
        with self._speaking():
            pipeline = self._client.pipeline(transaction=True)
            for command in commands:
                pipeline.execute_command(*command)  # type: ignore[no-untyped-call]
            return pipeline.execute()

    def members(self, keys: Sequence[str]) -> list[set[bytes]]:
        """Return the members of each set."""
        with self._speaking():
            pipeline = self._client.pipeline(transaction=False)
            for key in keys:
                pipeline.smembers(key)
            return cast("list[set[bytes]]", pipeline.execute())

    def close(self) -> None:
        """End the connections."""
        self._client.close()

    @contextmanager
    def _speaking(self) -> Iterator[None]:
        try:
            yield
        except (redis.RedisError, OSError) as error:
            raise AilUnavailable(f"{self._what} does not answer: {error}") from None
