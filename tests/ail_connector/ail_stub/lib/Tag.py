"""What AIL takes a tag back with."""

import json
import os


def delete_object_tag(tag, obj_type, id, subtype=""):
    with open(os.environ["STUB_SENT"], "a") as file:
        file.write(json.dumps(["deleted", f"{obj_type}:{subtype}:{id}", tag]) + "\n")
