"""What runs inside AIL: one file, kuato_ail.py, that needs nothing of Kuato and nothing but Python's standard library."""
