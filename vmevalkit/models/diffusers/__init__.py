"""Models that run through Diffusers: public base classes for families of your own.

A family subclasses `DiffusersService` and registers `Variant`s with its configuration. See docs/add-a-model.md.
"""

from vmevalkit.models.diffusers.config import DiffusersConfig
from vmevalkit.models.diffusers.limits import Limits, Variant
from vmevalkit.models.diffusers.service import ENVIRONMENT, PACKAGES, Call, DiffusersService, Loaded

__all__ = ["ENVIRONMENT", "PACKAGES", "Call", "DiffusersConfig", "DiffusersService", "Limits", "Loaded", "Variant"]
