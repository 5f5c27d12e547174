"""What is copied into a misp-modules server."""
