"""What the plugin decides, in plain Python: tested without WebAssembly."""

SCHEMA = {
    "$schema": "https://json-schema.org/draft/2020-12/schema",
    "type": "object",
    "additionalProperties": False,
    "properties": {
        "text": {"type": "string", "description": "The text; the input parameter `text` by default."},
        "least": {"type": "integer", "minimum": 0, "description": "The fewest words that are good; 0 by default."},
    },
}


def check(config: dict) -> list[tuple[str, str]]:
    """All that is wrong with a configuration: fields and sentences."""
    wrong = [(name, "there is no such field") for name in config if name not in SCHEMA["properties"]]
    if not isinstance(config.get("text", ""), str):
        wrong.append(("text", "expected a text"))
    least = config.get("least", 0)
    if not isinstance(least, int) or isinstance(least, bool) or least < 0:
        wrong.append(("least", "expected a whole number, 0 or more"))
    return wrong


def count(config: dict, parameters: dict[str, str]) -> tuple[bool, int]:
    """Whether there are enough words, and how many there are. Without a text: KeyError."""
    text = config["text"] if "text" in config else parameters["text"]
    words = len(text.split())
    return words >= config.get("least", 0), words
