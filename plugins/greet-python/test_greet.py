"""PYTHONPATH=../sdk-python python3 -m unittest"""

import unittest

import copy_step
import lines
from colchis import PluginError, config, step, testing
from colchis.http import Response
from colchis.metric_provider import Request
from greet import Config, Greet, pick


class Measure(unittest.TestCase):
    def test_a_value_is_measured(self) -> None:
        native = testing.serve(lambda request: Response(200, b'{"a": [{"b": 1.5}]}'))
        measured = Greet().run(Config("http://numbers/x", "a.0.b"), Request(metric="m"))
        self.assertEqual((measured.phase, measured.value), ("measured", 1.5))
        self.assertEqual(native.lines, [("info", "measured", {"metric": "m"})])

    def test_what_a_status_says_is_an_error_of_its_class(self) -> None:
        answers = [
            (401, {}, "denied", None),
            (404, {}, "not-found", None),
            (429, {"retry-after": "7"}, "throttled", 7000),
            (500, {}, "unavailable", None),
            (302, {}, "permanent", None),
        ]
        for status, headers, kind, wait in answers:
            testing.serve(lambda request: Response(status, b"out of order", headers))
            with self.assertRaises(PluginError) as caught:
                Greet().run(Config("http://numbers", "a"), Request())
            self.assertEqual((caught.exception.kind, caught.exception.retry_after_ms), (kind, wait), status)
            self.assertEqual(caught.exception.message, f"the answer is {status}: out of order")

    def test_what_is_not_there_is_an_error_with_its_field(self) -> None:
        for path in ("x", "a.1", "a.-1", "a.0.b.c"):
            with self.assertRaises(PluginError) as caught:
                pick({"a": [{"b": 1}]}, path)
            self.assertEqual((caught.exception.kind, caught.exception.field), ("not-found", "path"))

    def test_all_that_is_wrong_is_told_with_fields(self) -> None:
        value, findings = config.check(Config, '{"url": 1, "pth": "a"}')
        self.assertEqual((value, [finding.field for finding in findings]), (None, ["pth", "path", "url"]))
        value, findings = config.check(Config, '{"url": "http://a", "path": "a..b"}')
        self.assertEqual(([], ["path"]), (findings, [finding.field for finding in Greet().check(value)]))


class Bring(unittest.TestCase):
    def test_lines_become_events_and_are_acknowledged(self) -> None:
        written: list[bytes] = []
        said = {b"FROM 6\n": [b"7 sev", b"en\n8 eight\n9 ni"]}
        testing.connect(lambda address: lambda text: (written.append(text), said.get(text, []))[1])
        reading = lines.Lines().open(lines.Config("tcp://lines.example"), "l", "6")
        self.assertEqual(reading.poll(9, 0).events, [])
        batch = reading.poll(1, 0)
        self.assertEqual(([event.id for event in batch.events], batch.cursor, batch.events[0].data), (["7"], "7", b'{"text": "seven"}'))
        reading.ack(batch.delivery)
        self.assertEqual((reading.poll(9, 0).cursor, written), ("8", [b"", b"FROM 6\n", b"ACK 7\n"]))
        reading.drain()
        self.assertEqual(reading.poll(9, 0).events, [])

    def test_a_server_has_an_address(self) -> None:
        found = lines.Lines().check(lines.Config("user:hush@lines.example"))
        self.assertEqual([finding.field for finding in found], ["address"])


class CopyArtifacts(unittest.TestCase):
    def test_an_artifact_is_copied_and_remembered(self) -> None:
        native = testing.serve()
        native.artifacts["in"] = {"a": b"1" * 100_000, "b/c": b""}
        for before in ("", "100000"):
            done = copy_step.Copy().start(copy_step.Config("in", "out"), step.Request())
            self.assertEqual((done.result, done.parameters), ("100000", {"before": before}))
        self.assertEqual((native.artifacts["out"], bytes(native.said)), (native.artifacts["in"], b"100000 bytes\n" * 2))


if __name__ == "__main__":
    unittest.main()
