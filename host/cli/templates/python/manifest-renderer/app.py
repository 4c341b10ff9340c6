"""The component's exports, made of the plugin."""

from colchis.manifest_renderer import component
from plugin import ABOUT, MyPlugin

Description, Renderer = component(ABOUT, MyPlugin())
