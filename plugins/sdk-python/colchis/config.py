"""Reads a configuration field by field, and refuses what nobody has read."""
import json
from typing import Any, Dict, List, Optional, Tuple

from .errors import PluginError

Finding = Tuple[str, str]


class Config:
    """A configuration, an object as JSON text. `findings` has a field and a sentence for all that is wrong."""

    def __init__(self, text: str) -> None:
        self.findings: List[Finding] = []
        try:
            value = json.loads(text)
        except ValueError as error:
            value = {}
            self.findings.append(("", f"the configuration is no JSON: {error}"))
        if not isinstance(value, dict):
            value = {}
            self.findings.append(("", "the configuration must be an object"))
        self._fields: Dict[str, Any] = value
        self._read: List[str] = []

    def text(self, name: str, default: Optional[str] = None) -> str:
        """A text that is not empty; needed unless there is a default."""
        self._read.append(name)
        value = self._fields.get(name, default)
        if value is None:
            self.findings.append((name, f"`{name}` is missing: a text is needed"))
        elif not isinstance(value, str) or not value:
            self.findings.append((name, f"`{name}` must be a text that is not empty"))
        else:
            return value
        return ""

    def end(self) -> List[Finding]:
        """All findings, with those of fields that nobody has read."""
        known = ", ".join(sorted(self._read))
        unknown = [(f, f"`{f}` is not known; there are: {known}") for f in self._fields if f not in self._read]
        return self.findings + unknown

    def refuse(self) -> None:
        """Raises the first finding as an error of the class `invalid-config`."""
        for field, message in self.end():
            raise PluginError("invalid-config", "bad-config", message, field or None)
