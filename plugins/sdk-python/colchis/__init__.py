"""What a plugin in Python is written with.

Nothing here imports generated bindings at its head, so that a plugin is tested natively, with `colchis.testing` as its host. A kind has a module
(`colchis.metric_provider`, …) with what its functions take and give; its function `component` makes the component's exports of a plugin.
"""

from .about import About, Finding, Need
from .errors import PluginError

__all__ = ["About", "Finding", "Need", "PluginError"]
