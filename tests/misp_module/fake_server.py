"""The part of a MISP server that `kuato misp install` and `check` speak with, served over HTTP from this process."""

import re
import threading
from contextlib import contextmanager
from dataclasses import dataclass, field

from flask import Flask, jsonify, request
from pymisp.abstract import describe_types
from werkzeug.serving import make_server

KEY = "k" * 40


@dataclass
class FakeServer:
    """rights: of the key's role. files: what is in app/files/misp-objects, read on an update. settings: of the server."""

    rights: set[str] = field(
        default_factory=lambda: {"perm_site_admin", "perm_tag_editor", "perm_tagger", "perm_sighting", "perm_analyst_data"}
    )
    tags: dict[str, dict] = field(default_factory=dict)
    templates: dict[str, int] = field(default_factory=dict)
    taxonomies: dict[str, bool] = field(default_factory=dict)
    settings: dict[str, object] = field(default_factory=dict)
    folder: object = None
    asked: list[str] = field(default_factory=list)
    url: str = ""

    @contextmanager
    def served(self):
        server = make_server("127.0.0.1", 0, _app(self), threaded=True)
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        self.url = f"http://127.0.0.1:{server.server_port}"
        try:
            yield self
        finally:
            server.shutdown()
            thread.join()
            server.server_close()


def _refused(text, status=403):
    return jsonify({"name": text, "message": text, "url": request.path}), status


def _app(misp):
    app = Flask(__name__)

    @app.before_request
    def admit():
        misp.asked.append(f"{request.method} {request.path}")
        if request.headers.get("Authorization") != KEY:
            return _refused(
                "Authentication failed. Please make sure you pass the API key of an API enabled user along in the Authorization header."
            )
        return None

    @app.get("/servers/getVersion")
    @app.get("/servers/getVersion.json")
    def version():
        return jsonify({"version": "2.5.1", "pymisp_recommended_version": "2.5.1", "perm_sync": True, "perm_sighting": True})

    @app.get("/attributes/describeTypes.json")
    def types():
        return jsonify(result=describe_types)

    @app.get("/users/view/me")
    @app.get("/users/view/me.json")
    def me():
        role = {"name": "sync user"} | dict.fromkeys(sorted(misp.rights), True)
        return jsonify({"User": {"id": "1", "org_id": "1"}, "Role": role, "UserSetting": {}})

    @app.get("/objectTemplates/index")
    @app.get("/objectTemplates")
    def templates():
        return jsonify([{"ObjectTemplate": {"name": name, "version": str(number)}} for name, number in misp.templates.items()])

    @app.post("/objectTemplates/update")
    def update():
        if "perm_site_admin" not in misp.rights:
            return _refused("You do not have permission to use this functionality.")
        import json

        for path in (misp.folder / "app" / "files" / "misp-objects" / "objects").glob("*/definition.json"):
            found = json.loads(path.read_text())
            misp.templates[found["name"]] = found["version"]
        return jsonify({"saved": True, "success": True})

    @app.post("/taxonomies/import")
    def take():
        if "perm_site_admin" not in misp.rights:
            return _refused("You do not have permission to use this functionality.")
        misp.taxonomies.setdefault(request.json["namespace"], False)
        return jsonify({"saved": True, "success": True})

    @app.get("/taxonomies/index")
    @app.get("/taxonomies")
    def taxonomies():
        return jsonify([{"Taxonomy": {"id": "7", "namespace": name, "enabled": on}} for name, on in misp.taxonomies.items()])

    @app.post("/taxonomies/enable/<id>")
    def enable(id):
        misp.taxonomies = dict.fromkeys(misp.taxonomies, True)
        return jsonify({"saved": True, "success": True})

    @app.post("/tags/search")
    def search():
        wanted = re.compile(re.escape(request.json["tagname"]).replace("%", ".*"))
        return jsonify([{"Tag": tag} for name, tag in misp.tags.items() if wanted.fullmatch(name)])

    @app.post("/tags/add")
    def add():
        if "perm_tag_editor" not in misp.rights:
            return _refused("You do not have permission to use this functionality.")
        tag = request.json.get("Tag", request.json)
        misp.tags[tag["name"]] = {"id": str(len(misp.tags) + 1), **tag}
        return jsonify({"Tag": misp.tags[tag["name"]]})

    @app.get("/servers/serverSettings")
    @app.get("/servers/serverSettings.json")
    def settings():
        if "perm_site_admin" not in misp.rights:
            return _refused("You do not have permission to use this functionality.")
        return jsonify({"finalSettings": [{"setting": name, "value": value} for name, value in misp.settings.items()]})

    return app
