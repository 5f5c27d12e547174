"""Known pictures as MISP objects `image-fingerprint`: what finds them again, without the pictures themselves."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any
from uuid import uuid4

from pymisp import MISPObject

from matcher.records import Record

TEMPLATE = "image-fingerprint"
# Short ones by which others find a picture too.
_SHOWN = ("pdq", "pdq-trimmed")


class FingerprintWriter:
    """Writes pictures with the template in `templates`/image-fingerprint/definition.json. versions: of each algorithm."""

    def __init__(self, templates: Path, versions: Mapping[str, int]) -> None:
        self._template: dict[str, Any] = json.loads((templates / TEMPLATE / "definition.json").read_text("utf-8"))
        self._versions = versions

    def write(self, record: Record, note: str, annotated: str) -> dict[str, Any]:
        """Return an object, or where the picture has no such fingerprint an attribute. annotated: UUID that it refers to, "" for none."""
        prints = {name: record.fingerprints[name] for name in _SHOWN if name in record.fingerprints}
        if not prints:
            return _attribute(record, note)
        found = MISPObject(TEMPLATE, strict=True, standalone=False, misp_objects_template_custom=self._template)
        rows = [("note", note), *((name, value.hex()) for name, value in prints.items())]
        rows.append(("method", ", ".join(f"{name} {self._versions.get(name, '')}".rstrip() for name in prints)))
        # Of a picture that is known by a fingerprint alone nobody knows the file.
        rows += [("sha256", record.sha256)] if not record.fingerprint_only else []
        for relation, value in rows:
            row = self._template["attributes"][relation]
            silent = bool(row.get("disable_correlation", False))
            found.add_attribute(relation, value=value, to_ids=False, distribution=5, disable_correlation=silent)
        if annotated:
            found.add_reference(annotated, "annotates")
        written: dict[str, Any] = json.loads(found.to_json())
        return written


def _attribute(record: Record, note: str) -> dict[str, Any]:
    about: dict[str, Any] = {"type": "sha256", "category": "External analysis", "value": record.sha256, "comment": note}
    return about | {"uuid": str(uuid4()), "to_ids": False, "distribution": "5", "disable_correlation": False}
