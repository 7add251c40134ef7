"""Tokens of one attempt: made from the zoo's secret alone, so that nobody has to store or look them up.

A token is an HMAC-SHA256 over purpose, instance and attempt. The zoo's secret never leaves the functions; a runner
gets its own tokens only. Revocation is fencing: a token of an older attempt is valid and yet refused.
"""

from __future__ import annotations

import hmac
from typing import Literal

Purpose = Literal["link", "live"]


def attempt_token(secret: bytes, purpose: Purpose, instance_id: str, attempt: int) -> str:
    """Returns the token that a runner shows to the runner link ("link"), or that others show to it ("live")."""
    text = f"{purpose}|{instance_id}|{attempt}"
    return hmac.new(secret, text.encode(), "sha256").hexdigest()


def seat_token(live_token: str, instance_id: str) -> str:
    """Returns what `instance_id` shows to a world whose live token is `live_token`, to take its seat."""
    return hmac.new(live_token.encode(), f"seat|{instance_id}".encode(), "sha256").hexdigest()


def same_token(left: str, right: str) -> bool:
    """Compares two tokens in constant time; any text may be given, also half a surrogate pair out of JSON."""
    return hmac.compare_digest(left.encode("utf-8", "surrogatepass"), right.encode("utf-8", "surrogatepass"))
