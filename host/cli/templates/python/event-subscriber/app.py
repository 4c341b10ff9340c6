"""The component's exports, made of the plugin."""

from colchis.event_subscriber import component
from plugin import ABOUT, MyPlugin

Description, Subscriber = component(ABOUT, MyPlugin())
