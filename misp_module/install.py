"""Templates and tags on a MISP server: what is there, what is missing, and what may be done about it."""

import json
import shutil
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from pymisp import MISPTag, PyMISP
from pymisp.exceptions import PyMISPError
from requests.exceptions import RequestException

from matcher.errors import BadRequest, FetchFailed
from matcher.settings import config_dir
from misp_module.marking import reason
from misp_module.steps import Step
from misp_module.tags import NAMESPACE, TODO, UNSUPERVISED, colours, file, of_taxonomy, taxonomy

TEMPLATES = ("image-similarity", "image-fingerprint")
# What Kuato uses a right for, by the name that MISP has for it.
RIGHTS = {
    "perm_tag_editor": "make tags; without it those that Kuato gives are dropped silently",
    "perm_tagger": "give attributes tags (image_tag, write-back)",
    "perm_sighting": "add sightings (image_sighting, write-back)",
    "perm_analyst_data": "write relationships and opinions (write-back)",
}


class Installer:
    """Installs on the server that `misp` is connected to.

    folder: MISP's own, or its app/files, where it is on this machine; None: templates and taxonomy cannot be copied.
    """

    def __init__(self, misp: PyMISP, folder: Path | None = None) -> None:
        self._misp = misp
        self._folder = folder

    def install(self) -> Iterator[Step]:
        """Do what can be done, and yield what came of it. Raises FetchFailed, BadRequest."""
        role = self._role()
        yield from self._rights(role)
        yield from self._copied()
        yield from self._templates(bool(role.get("perm_site_admin")))
        if role.get("perm_site_admin"):
            yield from self._taxonomy()
        yield from self._tags(bool(role.get("perm_tag_editor")))

    def state(self) -> Iterator[Step]:
        """Yield what is there and what is missing, and change nothing. Raises FetchFailed."""
        yield from self._rights(self._role())
        known = self._known_templates()
        for name in TEMPLATES:
            there = known.get(name, 0) >= _version(name)
            yield Step(there, f"template {name} {'is there' if there else 'is missing, or old; `kuato misp install` says what to do'}")
        missing = [name for name in colours() if name not in self._known_tags()]
        yield Step(not missing, f"tags missing: {', '.join(missing)}; run `kuato misp install`" if missing else "all tags are there")

    def _role(self) -> Mapping[str, Any]:
        found = self._ask("who we are", lambda: self._misp.get_user())
        role = found.get("Role") if isinstance(found, dict) else None
        if not isinstance(role, dict):
            raise FetchFailed("MISP does not say what the user of misp.key may do")
        return role

    def _rights(self, role: Mapping[str, Any]) -> Iterator[Step]:
        for right, purpose in RIGHTS.items():
            if not role.get(right):
                yield Step(False, f"the role {role.get('name', '')} of Kuato's user has no {right}, which it takes to {purpose}")

    def _copied(self) -> Iterator[Step]:
        if self._folder is None:
            return
        # The folder ./files of MISP's docker compose is app/files itself.
        files = self._folder if (self._folder / "misp-objects").is_dir() else self._folder / "app" / "files"
        if not files.is_dir():
            raise BadRequest(f"{self._folder} is not MISP's folder: there is neither app/files in it nor misp-objects")
        pairs = [(_template(name), files / "misp-objects" / "objects" / name / "definition.json") for name in TEMPLATES]
        for source, target in (*pairs, (file(), files / "taxonomies" / NAMESPACE / file().name)):
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(source, target)
            yield Step(True, f"copied {target}")

    def _templates(self, admin: bool) -> Iterator[Step]:
        if self._folder is not None and admin:
            self._ask("the update of object templates", lambda: self._misp.update_object_templates())
        known = self._known_templates()
        for name in TEMPLATES:
            if known.get(name, 0) >= _version(name):
                yield Step(True, f"template {name} is there")
            elif self._folder is None:
                yield Step(False, f"template {name} is missing: run this on MISP's machine with --misp-folder, or {_by_hand(name)}")
            else:
                yield Step(False, f"template {name} is copied; a site administrator has to press Update Objects (List Object Templates)")

    def _taxonomy(self) -> Iterator[Step]:
        answer = self._try(lambda: self._misp.direct_call("taxonomies/import", taxonomy()))
        if isinstance(answer, dict) and answer.get("errors"):
            yield Step(False, f"the taxonomy {NAMESPACE} cannot be imported: {reason(answer)}")
            return
        listed = self._ask("the taxonomies", lambda: self._misp.taxonomies())
        ours = [one["Taxonomy"] for one in listed if one.get("Taxonomy", {}).get("namespace") == NAMESPACE]
        for one in ours:
            self._ask("enabling the taxonomy", lambda one=one: self._misp.enable_taxonomy(one["id"]))
        yield Step(bool(ours), f"the taxonomy {NAMESPACE} is {'imported and enabled' if ours else 'not listed after its import'}")

    def _tags(self, editor: bool) -> Iterator[Step]:
        known, wanted = self._known_tags(), colours()
        missing = [name for name in wanted if name not in known]
        if missing and not editor:
            yield Step(False, f"tags missing: {', '.join(missing)}; somebody with perm_tag_editor has to run this, or make them")
            return
        values = of_taxonomy(taxonomy())
        for name in missing:
            tag = MISPTag()
            tag.from_dict(name=name, colour=wanted[name], exportable=True, numerical_value=values.get(name, {}).get("numerical_value"))
            answer = self._try(lambda tag=tag: self._misp.add_tag(tag))
            refused = isinstance(answer, dict) and answer.get("errors")
            yield Step(not refused, f"the tag {name} cannot be made: {reason(answer)}" if refused else f"made the tag {name}")
        if not missing:
            yield Step(True, "all tags are there")

    def _known_templates(self) -> dict[str, int]:
        found = self._ask("the object templates", lambda: self._misp.object_templates())
        rows = [one["ObjectTemplate"] for one in found if isinstance(one, dict) and isinstance(one.get("ObjectTemplate"), dict)]
        return {str(row.get("name")): int(row["version"]) for row in rows if str(row.get("version", "")).isdecimal()}

    def _known_tags(self) -> set[str]:
        found = set[str]()
        for pattern in (f"{NAMESPACE}:%", UNSUPERVISED, TODO):
            answer = self._ask("the tags", lambda pattern=pattern: self._misp.search_tags(pattern))
            rows = answer.get("Tag", answer) if isinstance(answer, dict) else answer
            found |= {str(row.get("Tag", row).get("name")) for row in rows if isinstance(row, dict)}
        return found

    def _ask(self, what: str, ask: Any) -> Any:
        answer = self._try(ask)
        if isinstance(answer, dict) and answer.get("errors"):
            raise FetchFailed(f"MISP does not give {what}: {reason(answer)}")
        return answer

    def _try(self, ask: Any) -> Any:
        try:
            return ask()
        except (PyMISPError, RequestException) as error:
            raise FetchFailed(f"MISP failed: {type(error).__name__}: {str(error)[:200]}") from error


def _template(name: str) -> Path:
    return config_dir() / "misp" / "objects" / name / "definition.json"


def _version(name: str) -> int:
    return int(json.loads(_template(name).read_text("utf-8"))["version"])


def _by_hand(name: str) -> str:
    return f"copy {_template(name).parent} to app/files/misp-objects/objects/ there and press Update Objects"
