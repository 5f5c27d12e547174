"""Who works on which job next: dramatiq's queue on the store's own Redis.

A message is one job's id in JSON. It is a call to have a look, no more: whether there is something to do is read from the
job, and who may do it is decided by the lock on its folder. So a message that comes twice does no harm.

The names of all keys of a queue have one part in braces: on a cluster they lie together, as dramatiq's scripts need it.
"""

import threading
from collections.abc import Callable, Iterable

import dramatiq
from dramatiq.brokers.redis import RedisBroker

from matcher.store import ScriptClient, Store

_ACTOR = "job"
# An idle server asks every so often, as a sign of life, too; jobs that it was given itself it takes up at once.
_PAUSE = 5.0  # seconds
_LIFE_SIGN = 20_000  # milliseconds without a sign after which a server's messages go to others
_ALWAYS = 1_000_000  # in a million commands; looking for the dead is one look at a sorted set
_CLOSING = 0.02  # seconds
_WORKER_PAUSE = 250  # milliseconds
_SIGN_OFF = b"return redis.call('ZREM', KEYS[1], ARGV[1])"


class Dispatcher:
    """Calls `work` with the ids sent to a queue, in up to `threads` threads of this process once `start` was called.

    queue: letters, digits, dashes. All processes that name the same queue share it. `work` must not raise.
    """

    def __init__(self, store: Store, queue: str, work: Callable[[str], None], threads: int) -> None:
        self._broker = _Broker(ScriptClient(store), store.prefix.decode() + "{q}")
        self._actor = dramatiq.Actor(work, broker=self._broker, actor_name=_ACTOR, queue_name=queue, priority=0, options={})
        self._threads = threads
        self._worker: dramatiq.Worker | None = None

    def send(self, id: str) -> None:
        """Have a job looked at. Raises StoreUnavailable."""
        self._actor.send(id)
        self._broker.ring()

    def start(self) -> None:
        """Begin to work."""
        worker = dramatiq.Worker(self._broker, worker_threads=self._threads, worker_timeout=_WORKER_PAUSE)
        worker.queue_prefetch = self._threads  # what a process has fetched and not begun is kept from others that could
        worker.start()
        self._worker = worker

    def stop(self, seconds: float) -> None:
        """Let what is in work finish, for so long at most, and give back the rest."""
        if self._worker is not None:
            self._broker.closing = True
            self._broker.ring()
            self._worker.stop(int(seconds * 1000))
            if not any(thread.is_alive() for thread in self._worker.workers):
                self._broker.sign_off()
            self._worker = None


class _Broker(RedisBroker):
    """dramatiq's, without its middleware and its sleep between two looks."""

    def __init__(self, client: ScriptClient, namespace: str) -> None:
        super().__init__(  # type: ignore[no-untyped-call]
            client=client, namespace=namespace, middleware=[], maintenance_chance=_ALWAYS, heartbeat_timeout=_LIFE_SIGN
        )
        self.closing = False
        self._bells: list[threading.Event] = []

    def consume(self, queue_name: str, prefetch: int = 1, timeout: int = 0) -> dramatiq.Consumer:  # noqa: ARG002 - see _PAUSE
        bell = threading.Event()
        self._bells.append(bell)
        return _Consumer(self, super().consume(queue_name, prefetch, 0), bell)

    def ring(self) -> None:
        """Have everybody look for messages."""
        for bell in self._bells:
            bell.set()

    def forget(self, bell: threading.Event) -> None:
        """Ring this one no more; nothing happens when it was forgotten before."""
        self._bells = [known for known in self._bells if known is not bell]

    def sign_off(self) -> None:
        """Take this process off the list of those that live, so that nobody need look what it left."""
        self.client.register_script(_SIGN_OFF)(keys=[f"{self.namespace}:__heartbeats__"], args=[self.broker_id])


class _Consumer(dramatiq.Consumer):
    """Another consumer; what keeps it waiting is a bell."""

    def __init__(self, broker: _Broker, inner: dramatiq.Consumer, bell: threading.Event) -> None:
        self._broker, self._inner, self._bell = broker, inner, bell

    def __next__(self) -> dramatiq.MessageProxy | None:
        message = next(self._inner)
        if message is None:
            self._bell.wait(_CLOSING if self._broker.closing else _PAUSE)
            self._bell.clear()
        return message

    def ack(self, message: dramatiq.MessageProxy) -> None:
        self._inner.ack(message)
        self._bell.set()  # there is room for the next

    def nack(self, message: dramatiq.MessageProxy) -> None:
        self._inner.nack(message)
        self._bell.set()

    def requeue(self, messages: Iterable[dramatiq.MessageProxy]) -> None:
        self._inner.requeue(messages)

    def close(self) -> None:
        self._broker.forget(self._bell)
        self._inner.close()
