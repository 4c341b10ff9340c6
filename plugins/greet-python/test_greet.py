"""PYTHONPATH=../sdk-python python3 -m unittest"""

import unittest

from colchis import PluginError, config, testing
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


if __name__ == "__main__":
    unittest.main()
