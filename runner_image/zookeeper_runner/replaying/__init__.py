"""Replaying: doing once more what was recorded, and saying where it first comes out otherwise."""
