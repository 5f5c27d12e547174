"""A sync with write-back of many attributes from a stand-in for MISP that fails now and then, killed at random moments.

    python -m benchmarks.misp_sync [--attributes 2000] [--kills 10] [--broken 0.02] [--seed 1]

Tells what is not as it must be in the end: attributes, sightings, relationships, tags, objects, each exactly once, and nothing of
other organisations changed. Exit code 1 where anything is.
"""

import argparse
import tempfile
import time
from pathlib import Path

from matcher.engine import Matcher
from matcher.redis_server import EmbeddedRedis
from matcher.settings import Settings
from tests.misp_module.fake_misp import FOREIGN, KEY, FakeMisp, Faults
from tests.misp_module.killed_sync import WRITES, differences, filled, run_killed


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--attributes", type=int, default=2000)
    parser.add_argument("--kills", type=int, default=10)
    parser.add_argument("--broken", type=float, default=0.02, help="share of requests that are answered with 500")
    parser.add_argument("--requests", type=int, default=900, help="most requests that a sync makes before it is killed")
    parser.add_argument("--seed", type=int, default=1)
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder, FakeMisp(asked.seed, Faults(broken=asked.broken)).served() as misp:
        data = Path(folder)
        expected = filled(misp, asked.attributes, asked.seed)
        foreign = misp.of_orgs(FOREIGN)
        settings = Settings.load(environ={}, overrides={"data.dir": data / "data", "workers.count": 1})
        environ = {"KUATO_DATA_DIR": str(data / "data"), "KUATO_WORKERS_COUNT": "1", "XDG_CONFIG_HOME": folder, "PATH": "/usr/bin:/bin"}
        environ |= {"KUATO_MISP_URL": misp.url, "KUATO_MISP_KEY": KEY, "KUATO_MISP_PAUSE": "0.01", "KUATO_MISP_WRITE": WRITES}
        environ |= {"KUATO_MISP_MAX_WRITES_RUN": "1000000", "KUATO_MISP_MAX_WRITES_DAY": "1000000", "KUATO_MISP_PAGE": "100"}
        environ |= {"KUATO_ADD_LEASE_SECONDS": "2"}
        begun = time.monotonic()
        try:
            killed = run_killed(environ, misp, asked.kills, asked.seed, asked.requests, data / "log")
            with Matcher.open(settings) as matcher:
                known = {source.id: record.sha256 for record in matcher.find(limit=None) for source in record.sources}
            wrong = differences(misp, expected, known)
            if misp.of_orgs(FOREIGN) != foreign:
                wrong.append("events of others were changed")
            print(f"{asked.attributes} attributes, killed {killed} times, {time.monotonic() - begun:.0f} s, {len(misp.requests)} requests")
            written = f"{len(misp.sightings)} sightings, {len(misp.analyst)} relationships"
            print(f"{len(known)} attributes known, {written}, {sum(not row['deleted'] for row in misp.objects.values())} objects")
            print("\n".join(wrong) or "all as it must be, each once")
        finally:
            EmbeddedRedis(data / "data").stop()
        return 1 if wrong or killed < asked.kills else 0


if __name__ == "__main__":
    raise SystemExit(main())
