"""The HTTP API: one Flask application, its description and its server."""
