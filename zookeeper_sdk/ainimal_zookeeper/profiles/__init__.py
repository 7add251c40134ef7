"""Profiles: where a zoo runs, and which adapters stand behind its ports there.

The composition root of each deployable asks for the ports that it needs; the others are never made, and their
libraries never imported.
"""

from __future__ import annotations

from .profile import Profile
from .settings import ProfileSettings

__all__ = ["Profile", "ProfileSettings", "open_profile"]


def open_profile(settings: ProfileSettings) -> Profile:
    """Returns the profile of `settings`. Nothing is opened before it is asked for."""
    if settings.name == "embedded":
        from .embedded import EmbeddedProfile

        return EmbeddedProfile(settings.state_dir, settings.public_url, settings.secret, settings.home)
    from .google import GoogleProfile

    return GoogleProfile(settings)
