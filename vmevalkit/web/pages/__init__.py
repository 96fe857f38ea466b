"""The pages of the viewer: one module with one router for each page."""

from importlib import import_module
from pkgutil import iter_modules

# No page matches an address of another, so their order does not matter.
ROUTERS = tuple(import_module(f"{__name__}.{module.name}").router for module in iter_modules(__path__))
