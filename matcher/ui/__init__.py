"""Pages for people, served by the same listener as the API."""
