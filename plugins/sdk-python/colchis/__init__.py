"""What a plugin in Python is written with: configurations, errors, and HTTP by the host.

Imports nothing of the generated bindings at its head, so that a plugin's logic is tested without WebAssembly.
"""
from .config import Config
from .errors import PluginError
from .http import Response, get

__all__ = ["Config", "PluginError", "Response", "get"]
