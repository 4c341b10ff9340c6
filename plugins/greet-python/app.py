"""The component's exports, made of the plugin."""

from colchis.metric_provider import component
from greet import ABOUT, Greet

Description, Provider = component(ABOUT, Greet())
