"""The component's exports, made of the plugin."""

from colchis.event_receiver import component
from plugin import ABOUT, MyPlugin

Description, Receiver = component(ABOUT, MyPlugin())
