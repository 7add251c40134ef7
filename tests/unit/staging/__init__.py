"""Staging the functions."""
