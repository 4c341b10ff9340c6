"""python3 -m unittest"""

import socketserver
import threading
import unittest
from dataclasses import dataclass, field
from typing import Annotated, Any

from colchis import PluginError, blob, config, endpoint, host, http, testing
from colchis.events import id_of
from colchis.manifest_renderer import Files
from colchis.step import Artifact, ArtifactWriter, output


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
        host.State.set("k2", b"")
        self.assertEqual((host.State.keys("k"), host.State.keys("k", "k"), host.State.keys(limit=1)), (["k", "k2"], ["k2"], ["k"]))

    def test_ids_tell_contents_apart(self) -> None:
        self.assertEqual((len(id_of()), id_of(b"ab", b"c")), (32, id_of(b"ab", b"c")))
        self.assertNotEqual(id_of(b"ab", b"c"), id_of(b"a", b"bc"))

    def test_a_tree_is_listed_and_matched(self) -> None:
        files = Files({"a.txt": "1", "b/c.txt": "2", "b/d/e.md": "3"})
        self.assertEqual([entry.name for entry in files.list("b")], ["c.txt", "d"])
        self.assertEqual((files.glob("", "**/*.txt"), files.glob("b", "**/*.txt")), (["a.txt", "b/c.txt"], ["b/c.txt"]))
        with self.assertRaises(PluginError):
            files.stat("x")


class LargeValues(unittest.TestCase):
    def test_a_value_is_there_when_it_is_finished(self) -> None:
        testing.serve()
        with blob.Writer.create("b") as writer:
            writer.write(b"lost")
        with self.assertRaises(PluginError) as caught:
            blob.Reader.open("b")
        self.assertEqual(caught.exception.kind, "not-found")
        with blob.Writer.create("b") as writer:
            writer.write(b"01234")
            writer.write(b"56789")
            writer.finish()
        with blob.Reader.open("b") as reader:
            self.assertEqual((reader.size, reader.read(8, 5), b"".join(reader.pieces())), (10, b"89", b"0123456789"))
        blob.delete("b")
        blob.delete("b")

    def test_artifacts_are_read_and_written(self) -> None:
        native = testing.serve()
        native.artifacts["in"] = {"a": b"one", "b/c": b"two"}
        with Artifact.open("in") as read, ArtifactWriter.create("out") as written:
            for path in read.paths():
                written.write(path, read.read(path, 1, read.size(path)))
            self.assertNotIn("out", native.artifacts)
            written.finish()
            with self.assertRaises(PluginError):
                read.size("d")
        output("done\n")
        self.assertEqual((native.artifacts["out"], bytes(native.said)), ({"a": b"ne", "b/c": b"wo"}, b"done\n"))
        with self.assertRaises(PluginError) as caught:
            Artifact.open("other")
        self.assertEqual(caught.exception.code, "no-artifact")


class Connections(unittest.TestCase):
    def test_addresses_are_read_as_users_write_them(self) -> None:
        for text, tls, expected in [
            ("a.example:1883", False, "tcp://a.example:1883"),
            ("a.example", False, "tcp://a.example:1883"),
            ("mqtt://a.example/", False, "tcp://a.example:1883"),
            ("mqtts://a.example", False, "tls://a.example:8883"),
            ("a.example", True, "tls://a.example:8883"),
            ("mqtt://[::1]:7", False, "tcp://[::1]:7"),
            ("mqtt://[::1]", False, "tcp://[::1]:1883"),
            *((bad, False, None) for bad in ("", ":1883", "a:x", "a:99999", "u:p@a:1", "http://a", "a:1,b:2")),
        ]:
            try:
                read = endpoint.address(text, endpoint.Tls() if tls else None, ["mqtt", "tcp"], ["mqtts"], 1883, 8883)
            except ValueError:
                read = None
            self.assertEqual(read, expected, text)

    def test_a_stream_keeps_what_was_not_taken_and_no_more_than_it_may(self) -> None:
        answers = {b"": [b"hello"], b"more": [b"12345678"]}
        testing.connect(lambda address: lambda written: answers.get(written, [b""]))
        stream = endpoint.Stream.open("tcp://a:1", 8)
        self.assertEqual((stream.fill(0), stream.take(3), stream.fill(0), bytes(stream.bytes)), (True, b"hel", False, b"lo"))
        stream.write(b"more")
        self.assertEqual((stream.fill(0), bytes(stream.bytes)), (True, b"lo123456"))
        with self.assertRaises(PluginError) as caught:
            stream.fill(0)
        self.assertEqual(caught.exception.code, "message-too-large")
        stream.take(8)
        stream.write(b"bye")
        self.assertTrue(stream.fill(0))
        with self.assertRaises(PluginError) as caught:
            stream.fill(0)
        self.assertEqual((caught.exception.kind, caught.exception.code), ("unavailable", "disconnected"))

    def test_secrets_are_put_in_and_real_servers_are_reached(self) -> None:
        class Echo(socketserver.BaseRequestHandler):
            def handle(self) -> None:
                self.request.sendall(self.request.recv(1024))

        with socketserver.TCPServer(("127.0.0.1", 0), Echo) as server:
            threading.Thread(target=server.handle_request).start()
            native = testing.serve()
            native.secrets["stand-in-of-token"] = b"hush"
            with endpoint.Connection.open(f"tcp://127.0.0.1:{server.server_address[1]}") as connection:
                connection.write_secret(f"AUTH {host.Secrets.stand_in('token')}")
                self.assertEqual((connection.read(4, 5000), connection.read(99, 5000), connection.read(9, 5000)), (b"AUTH", b" hush", b""))
            self.assertEqual(host.Secrets.reveal("token"), b"hush")


if __name__ == "__main__":
    unittest.main()
