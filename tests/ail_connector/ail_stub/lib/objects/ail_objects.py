"""Objects of AIL as a module sees them, out of a JSON file: {gid: {"file": path, "tags": [..], "correlations": {type: [..]}}}."""

import json
import os
from io import BytesIO

TYPES = ("image", "screenshot", "item", "favicon", "domain")


class Stub:
    def __init__(self, type, id):
        self.type, self.id = type, id
        with open(os.environ["STUB_OBJECTS"]) as file:
            self._known = json.load(file).get(self.get_global_id(), {})

    def get_global_id(self):
        return f"{self.type}::{self.id}"

    def get_file_content(self):
        # A path that leads outside is None, and opening it raises, as in AIL.
        with open(self._known.get("file"), "rb") as file:
            return BytesIO(file.read())

    def get_tags(self):
        return set(self._known.get("tags", ()))

    def get_correlation(self, kind):
        return {kind: set(self._known.get("correlations", {}).get(kind, ()))}

    def is_crawled(self):
        return self.id.startswith("crawled")


def get_obj_from_global_id(global_id):
    type, _, id = global_id.split(":", 2)
    return dict.fromkeys(TYPES, Stub)[type](type, id)
