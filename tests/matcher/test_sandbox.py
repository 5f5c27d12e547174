import json
import subprocess
import sys

import pytest

_FORBIDDEN = {
    "open a file": "open('/etc/passwd')",
    "create a file": "open('/tmp/kuato-sandbox', 'w')",
    "look at a file": "os.stat('/')",
    "remove a file": "os.unlink('/tmp/kuato-sandbox')",
    "list a folder": "os.listdir('/')",
    "make a socket": "socket.socket()",
    "make a pipe": "os.pipe()",
    "fork": "os.fork()",
    "exec": "os.execv('/bin/true', ['true'])",
    "start a thread": "threading.Thread(target=print).start()",
    "signal another": "os.kill(os.getppid(), 0)",
    "change a limit": "resource.setrlimit(resource.RLIMIT_CORE, (0, 0))",
    "map memory to execute": "mmap.mmap(-1, 4096, prot=mmap.PROT_READ | mmap.PROT_EXEC)",
}
_NEEDED = {
    "allocate": "bytearray(100 << 20)",
    "sleep": "time.sleep(0.001)",
    "use what is open": "os.write(2, b'')",
    "set its alarm": "signal.setitimer(signal.ITIMER_REAL, 5)",
    "compute": "numpy.linalg.svd(numpy.eye(60))",
}
_TRY_ALL = """
import json, mmap, os, resource, signal, socket, threading, time
import numpy
from matcher import sandbox
numpy.linalg.svd(numpy.eye(60))
reason = sandbox.install()
outcomes = {"unavailable": reason}
for what, attempt in ATTEMPTS.items():
    if reason is None:
        try:
            eval(attempt)
            outcomes[what] = "done"
        except (OSError, RuntimeError, ValueError) as error:
            outcomes[what] = "refused"
os.write(1, json.dumps(outcomes).encode())
os._exit(0)
"""
_OTHER_THREAD = """
import json, os, threading
from matcher import sandbox
go, outcomes = threading.Event(), {}
def attempt():
    go.wait()
    try:
        outcomes["thread"] = os.listdir("/")
    except OSError:
        outcomes["thread"] = "refused"
thread = threading.Thread(target=attempt)
thread.start()
outcomes["unavailable"] = sandbox.install()
go.set()
thread.join()
print(json.dumps(outcomes))
"""


def run(code: str) -> dict[str, str]:
    """Run `code` in a process of its own and return the outcomes it prints."""
    ran = subprocess.run(
        [sys.executable, "-c", f"import sys; sys.path[:] = {[p for p in sys.path if p]!r}\n{code}"],
        env={"OPENBLAS_NUM_THREADS": "1"},
        capture_output=True,
        timeout=60,
        check=True,
    )
    outcomes: dict[str, str] = json.loads(ran.stdout)
    if reason := outcomes.pop("unavailable"):
        pytest.skip(reason)
    return outcomes


@pytest.fixture(scope="module")
def outcomes() -> dict[str, str]:
    """What a confined process achieved."""
    return run(f"ATTEMPTS = {_FORBIDDEN | _NEEDED!r}\n{_TRY_ALL}")


@pytest.mark.parametrize("what", _FORBIDDEN)
def test_a_confined_process_cannot(outcomes: dict[str, str], what: str) -> None:
    assert outcomes[what] == "refused"


@pytest.mark.parametrize("what", _NEEDED)
def test_a_confined_process_can(outcomes: dict[str, str], what: str) -> None:
    assert outcomes[what] == "done"


def test_threads_that_ran_before_are_confined_too() -> None:
    assert run(_OTHER_THREAD) == {"thread": "refused"}
