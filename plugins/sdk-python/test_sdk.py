"""python3 -m unittest"""

import unittest
from dataclasses import dataclass, field
from typing import Annotated, Any

from colchis import PluginError, config, host, http, testing
from colchis.events import id_of
from colchis.manifest_renderer import Files


@dataclass
class Part:
    name: str
    weight: float = 1.0


@dataclass
class Config:
    """All that a configuration can have."""

    parts: Annotated[list[Part], "The parts.", {"minItems": 1}]
    max_count: int = 3
    labels: dict[str, str] = field(default_factory=dict)
    more: Any = None
    on: bool = True
    title: str | None = None


class Configurations(unittest.TestCase):
    def test_a_schema_is_made_of_the_class(self) -> None:
        made = config.schema(Config)
        self.assertEqual((made["required"], made["additionalProperties"]), (["parts"], False))
        self.assertEqual(made["properties"]["maxCount"], {"type": "integer"})
        parts = made["properties"]["parts"]
        self.assertEqual((parts["description"], parts["minItems"], parts["items"]["required"]), ("The parts.", 1, ["name"]))
        self.assertEqual(made["properties"]["more"], {})

    def test_a_document_is_read(self) -> None:
        value = config.parse(Config, '{"parts": [{"name": "a", "weight": 2}], "maxCount": 7, "labels": {"x": "y"}}')
        self.assertEqual((value.parts, value.max_count, value.labels), ([Part("a", 2)], 7, {"x": "y"}))

    def test_what_is_wrong_is_said_at_its_path(self) -> None:
        for text, fields in [
            ("[]", [""]),
            ("{", [""]),
            ("{}", ["parts"]),
            ('{"parts": [{"nme": "a"}]}', ["parts[0].nme", "parts[0].name"]),
            ('{"parts": [], "maxCount": true}', ["maxCount"]),
            ('{"parts": {}, "labels": {"x": 1}}', ["parts", "labels.x"]),
        ]:
            self.assertEqual([finding.field for finding in config.check(Config, text)[1]], fields, text)
        with self.assertRaises(PluginError) as caught:
            config.parse(Config, "{}")
        self.assertEqual((caught.exception.kind, caught.exception.field), ("invalid-config", "parts"))


class Requests(unittest.TestCase):
    def test_what_is_sent(self) -> None:
        asked: list[testing.Request] = []
        testing.serve(lambda request: asked.append(request) or http.Response(200, b"[1]"))  # type: ignore[func-returns-value]
        self.assertEqual(http.get("http://a/x?y=1#z", query={"q": "a b"}).json(), [1])
        http.post("https://a", {"b": 1}, headers={"X-Key": "k"})
        self.assertEqual((asked[0].url, asked[0].query), ("http://a/x?y=1&q=a+b", {"y": "1", "q": "a b"}))
        self.assertEqual((asked[1].json(), asked[1].headers["x-key"]), ({"b": 1}, "k"))

    def test_what_cannot_be_sent_is_an_error(self) -> None:
        native = testing.serve(lambda request: http.Response(200))
        for url in ("ftp://a", "a", "http://", "http://[", "http://user:hush@a"):
            with self.assertRaises(PluginError) as caught:
                http.get(url)
            self.assertEqual(caught.exception.kind, "invalid-config", url)
            self.assertNotIn("hush", caught.exception.message)
        native.time_ms = 10
        with self.assertRaises(PluginError) as caught:
            http.get("http://a")
        self.assertEqual(caught.exception.code, "timeout")
        native.cancelled = True
        with self.assertRaises(PluginError) as caught:
            http.get("http://a")
        self.assertEqual(caught.exception.code, "cancelled")


class TheHost(unittest.TestCase):
    def test_state_has_versions(self) -> None:
        testing.serve()
        self.assertEqual((host.State.get("k"), host.State.set("k", b"1", 0)), (None, 1))
        with self.assertRaises(PluginError) as caught:
            host.State.set("k", b"2", 0)
        self.assertEqual((caught.exception.code, host.State.get("k")), ("conflict", (b"1", 1)))

    def test_ids_tell_contents_apart(self) -> None:
        self.assertEqual((len(id_of()), id_of(b"ab", b"c")), (32, id_of(b"ab", b"c")))
        self.assertNotEqual(id_of(b"ab", b"c"), id_of(b"a", b"bc"))

    def test_a_tree_is_listed_and_matched(self) -> None:
        files = Files({"a.txt": "1", "b/c.txt": "2", "b/d/e.md": "3"})
        self.assertEqual([entry.name for entry in files.list("b")], ["c.txt", "d"])
        self.assertEqual((files.glob("", "**/*.txt"), files.glob("b", "**/*.txt")), (["a.txt", "b/c.txt"], ["b/c.txt"]))
        with self.assertRaises(PluginError):
            files.stat("x")


if __name__ == "__main__":
    unittest.main()
