"""The description of the API, and a page to try it on; the page loads nothing from elsewhere."""

from importlib.resources import files
from typing import Any

from matcher.errors import NotFound
from matcher.web.operation import Call, Reply, Routes

# The files of Swagger UI that the page needs, and what they are.
_FILES = {
    "swagger-ui-bundle.js": "text/javascript; charset=utf-8",
    "swagger-ui.css": "text/css; charset=utf-8",
    "favicon-32x32.png": "image/png",
}
_POLICY = "; ".join(
    (
        "default-src 'none'",
        "script-src 'self'",
        "style-src 'self' 'unsafe-inline'",
        "img-src 'self' data:",
        "connect-src 'self'",
        "frame-ancestors 'none'",
        "form-action 'none'",
        "base-uri 'none'",
    )
)
_PAGE = """<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<title>Kuato: the API</title>
<link rel="icon" href="api/page/favicon-32x32.png">
<link rel="stylesheet" href="api/page/swagger-ui.css">
</head>
<body>
<div id="page"></div>
<script src="api/page/swagger-ui-bundle.js"></script>
<script src="api/page/begin.js"></script>
</body>
</html>
"""
_BEGIN = """SwaggerUIBundle({url: "api/v1/openapi.json", dom_id: "#page", validatorUrl: null, deepLinking: true, tryItOutEnabled: true});
"""


def page_routes(document: dict[str, Any]) -> Routes:
    """Return the routes of the description and of the page; they describe the API and are no part of it."""
    routes = Routes("page")

    @routes.get("/openapi.json", role=None, returns=dict[str, Any])
    def openapi(_call: Call) -> dict[str, Any]:
        """Return the OpenAPI document."""
        return document

    @routes.get("/api", role=None, outside=True, returns=str, content_type="text/html; charset=utf-8")
    def page(_call: Call) -> Reply:
        """Return a page to try the API on."""
        return Reply(_PAGE, headers={"Content-Security-Policy": _POLICY})

    @routes.get("/api/page/{file}", role=None, outside=True, returns=str)
    def page_file(call: Call) -> Reply:
        """Return a file of that page."""
        name = call.path["file"]
        if name == "begin.js":
            return Reply(_BEGIN, content_type="text/javascript; charset=utf-8")
        if name not in _FILES:
            raise NotFound("the page has no such file")
        return Reply(files("flask_swagger_ui").joinpath("dist", name).read_bytes(), content_type=_FILES[name])

    return routes
