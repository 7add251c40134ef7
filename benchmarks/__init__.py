"""Comparisons that print ratios side by side in one run: never absolute times that a test would assert."""
