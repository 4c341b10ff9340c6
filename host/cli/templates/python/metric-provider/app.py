"""The component's exports, made of the plugin."""

from colchis.metric_provider import component
from plugin import ABOUT, MyPlugin

Description, Provider = component(ABOUT, MyPlugin())
