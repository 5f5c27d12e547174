"""Connects Kuato to AIL."""
