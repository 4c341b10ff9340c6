"""A number in a JSON document: no WebAssembly, no network."""
import json
from typing import Any

from colchis import Config, PluginError


def read(text: str) -> tuple[Config, str, str]:
    """The configuration, its address and the path of its value."""
    config = Config(text)
    return config, config.text("url"), config.text("path")


def pick(body: bytes, path: str) -> Any:
    """The value at a path such as `data.items.0`."""
    try:
        value = json.loads(body)
    except ValueError:
        raise PluginError("permanent", "no-json", "the answer is no JSON") from None
    for name in path.split("."):
        if isinstance(value, dict) and name in value:
            value = value[name]
        elif isinstance(value, list) and name.isdecimal() and int(name) < len(value):
            value = value[int(name)]
        else:
            raise PluginError("not-found", "no-value", f"the answer has no `{path}`: nothing at `{name}`", "path")
    return value
