"""The component's exports, made of the plugin."""

from colchis.step import component
from plugin import ABOUT, MyPlugin

Description, Step = component(ABOUT, MyPlugin())
