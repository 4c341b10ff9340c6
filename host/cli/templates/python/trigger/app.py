"""The component's exports, made of the plugin."""

from colchis.trigger import component
from plugin import ABOUT, MyPlugin

Description, Action = component(ABOUT, MyPlugin())
