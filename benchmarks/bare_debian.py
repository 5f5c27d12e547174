"""Install Kuato in a Debian that has nothing but its base system, by what the docs say, and have MISP's and AIL's questions answered there.

    python benchmarks/bare_debian.py FOLDER

Needs root, debootstrap, and a mirror of Debian and a package index that can be reached. FOLDER must not exist; it becomes the system, some
1.5 GB, and is deleted again unless --keep is given. All that runs in it is in namespaces of its own, and ends with them: nothing is mounted
or left running outside. Commands are those of docs/installation.md, docs/misp.md and docs/ail.md, word for word; only where systemd would
start a unit, its ExecStart is run by the unit's user. There is no MISP and no AIL here: what MISP asks is asked of a stock misp-modules
server with Kuato's modules, and AIL is the stand-in of the tests.
"""

import argparse
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).parents[1]
MIRROR = "http://deb.debian.org/debian"
PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"

# What MISP sends when somebody presses the button, with the question's picture.
PRESS = """
import base64, json, sys, urllib.request
data = base64.b64encode(open(sys.argv[1], "rb").read()).decode()
attribute = {"type": "attachment", "value": "shot.png", "uuid": "5f0c1e0a-7a1c-4d0e-9d53-5b1f2a3c4d5e", "data": data}
body = json.dumps({"module": "image_correlation", "attribute": attribute, "event_id": "1", "config": {}}).encode()
with urllib.request.urlopen(urllib.request.Request("http://127.0.0.1:6666/query", body), timeout=30) as answer:
    objects = json.load(answer)["results"]["Object"]
rows = {row["object_relation"]: row["value"] for row in objects[0]["Attribute"]}
print("MISP is told:", rows["explanation"])
assert rows["decision"] == "YES"
"""

# An AIL that has collected one image of a chat, and after the consumer its module Tags.
COLLECT = """
import sys, subprocess
from pathlib import Path
from tests.ail_connector.stand_in import running
for ail in running(Path("/opt/ail-framework")):
    gid = ail.feed_image(Path("/srv/samples/queries/octopus-forum-post.jpg").read_bytes(), "net:1")
    done = subprocess.run(["sh", "-eu", "/root/ail.sh"])
    given = [tag for (object, tag) in ail.run_tags() if object == gid]
    print("AIL is told:", *given)
    assert done.returncode == 0 and 'image-match:bank="phishing kits"' in given
"""


def commands(page: str, heading: str, fenced: bool = False) -> list[str]:
    """Return the blocks of commands below a heading of a page of docs/, up to the next heading.

    fenced: those that the tests run, marked `sh`; else those that are indented.
    """
    text = (ROOT / "docs" / f"{page}.md").read_text()
    (part,) = re.findall(rf"^#+ {re.escape(heading)}$(.*?)(?=^#+ |\Z)", text, re.MULTILINE | re.DOTALL)
    if fenced:
        return [block.strip() for block in re.findall(r"```sh\n(.*?)```", part, re.DOTALL)]
    blocks = re.findall(r"(?:^    .*\n)+", part, re.MULTILINE)
    return ["\n".join(line[4:] for line in block.splitlines()) for block in blocks]


def started(unit: str) -> str:
    """Return what systemd would run for a unit, in the background."""
    text = (ROOT / "config" / "systemd" / unit).read_text()
    (command,) = re.findall(r"^ExecStart=(.*)$", text, re.MULTILINE)
    (environment,) = re.findall(r"^Environment=(.*)$", text, re.MULTILINE)
    return f"setpriv --reuid=kuato --regid=kuato --init-groups env HOME=/var/lib/kuato {environment} {command} 2>/var/log/{unit}.log &"


class System:
    """A Debian in a folder. times: (what, seconds) of each step."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.times: list[tuple[str, float]] = []

    def step(self, what: str, script: str, network: bool = True) -> None:
        """Run a script in it. Raises CalledProcessError."""
        begun = time.monotonic()
        print(f"\n== {what}", flush=True)
        (self.folder / "root" / "step.sh").write_text(script)
        prelude = "mount -t proc proc {0}/proc && {1} exec chroot {0} /bin/sh -eu /root/step.sh"
        alone = [] if network else ["--net"]
        enter = prelude.format(self.folder, "" if network else "ip link set lo up &&")
        environ = {"PATH": PATH, "HOME": "/root", "DEBIAN_FRONTEND": "noninteractive", "LC_ALL": "C.UTF-8"}
        environ |= {name: value for name, value in os.environ.items() if name in ("PIP_INDEX_URL", "PIP_DEFAULT_TIMEOUT")}
        if (self.folder / "etc" / "pip-ca.pem").exists():
            environ["PIP_CERT"] = "/etc/pip-ca.pem"
        command = ["unshare", "--mount", "--pid", "--fork", "--kill-child", *alone, "sh", "-eu", "-c", enter]
        subprocess.run(command, env=environ, check=True, stdin=subprocess.DEVNULL, cwd="/")
        self.times.append((what, time.monotonic() - begun))


def follow(system: System) -> None:
    """Do what the pages say."""
    apt, package, user, short = commands("installation", "On a server")
    system.step("what the system lacks", apt.replace("apt ", "apt-get -y -qq "))
    system.step("Kuato", f"cd /root\n{package}")
    system.step("user, folders, a short name", f"{user}\n{short}")
    system.step("(a stock misp-modules)", "python3 -m venv /opt/misp-modules\n/opt/misp-modules/bin/pip install -qq misp-modules")
    ready = "for each in $(seq 100); do curl -fs http://127.0.0.1:6670/status/ready && break; sleep 0.2; done"
    server = f"{started('kuato.service')}\n{ready}"
    known = commands("misp", "1. Kuato")[0].replace("kuato serve", "").replace("screenshots/", "/srv/screenshots/")
    modules, listening = commands("misp", "2. A: the module file")[0].splitlines()
    answering = "for each in $(seq 300); do curl -fs http://127.0.0.1:6666/healthcheck && break; sleep 0.2; done"
    system.step(
        "MISP: from the server's start to the answer",
        f"{server}\ncp -r /srv/samples/seen /srv/screenshots\n{known}\n/opt/kuato/bin/{modules}\n"
        f"PATH=/opt/misp-modules/bin:$PATH {listening} >/var/log/misp-modules.log 2>&1 &\n{answering}\n"
        "python3 /root/press.py /srv/samples/queries/market-photo.jpg\n"
        "kuato misp check --modules http://127.0.0.1:6666 || true",
        network=False,
    )
    (beside,) = commands("installation", "Beside misp-modules")
    system.step("(Kuato beside misp-modules, in one environment)", f"cd /root\n{beside}\n/opt/misp-modules/bin/kuato --version")
    sets_up, banks, consume, *_ = commands("ail", "From an AIL installation to the first tag", fenced=True)
    script = "\n".join([sets_up, banks.replace("samples/", "/srv/samples/"), consume])
    (system.folder / "root" / "ail.sh").write_text(script + "\n")
    system.step(
        "AIL: from the server's start to the tag",
        f"{server}\nPYTHONPATH=/srv/stand-in /opt/kuato/bin/python /root/collect.py",
        network=False,
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--mirror", default=MIRROR)
    parser.add_argument("--base", type=Path, help="A debootstrap of before, copied instead of made.")
    parser.add_argument("--ca", type=Path, help="Certificates that pip is to trust there, where something stands between.")
    parser.add_argument("--keep", action="store_true", help="Leave the folder.")
    given = parser.parse_args()
    folder = given.folder.absolute()
    if folder.exists():
        sys.exit(f"{folder} exists; name a folder that does not")
    begun = time.monotonic()
    try:
        if given.base:
            subprocess.run(["cp", "-a", given.base, folder], check=True)
        else:
            subprocess.run(["debootstrap", "--variant=minbase", "--include=ca-certificates", "bookworm", folder, given.mirror], check=True)
        system = System(folder)
        system.times.append(("(debootstrap, which stands for a fresh machine)", time.monotonic() - begun))
        with tempfile.TemporaryDirectory() as built:
            subprocess.run([sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", built], cwd=ROOT, check=True)
            (wheel,) = Path(built).glob("*.whl")
            shutil.copy(wheel, folder / "root")
        shutil.copy("/etc/resolv.conf", folder / "etc")
        shutil.copy("/etc/hosts", folder / "etc")
        if given.ca:
            shutil.copy(given.ca, folder / "etc" / "pip-ca.pem")
        shutil.copytree(ROOT / "samples", folder / "srv" / "samples")
        stand_in = folder / "srv" / "stand-in" / "tests" / "ail_connector"
        stand_in.mkdir(parents=True)
        shutil.copy(ROOT / "tests" / "ail_connector" / "stand_in.py", stand_in)
        (folder / "root" / "press.py").write_text(PRESS)
        (folder / "root" / "collect.py").write_text(COLLECT)
        follow(system)
        print("\n| step | seconds |\n|---|---|")
        print("\n".join(f"| {what} | {seconds:.0f} |" for what, seconds in system.times))
    finally:
        if not given.keep and folder.exists():
            shutil.rmtree(folder)


if __name__ == "__main__":
    main()
