import pathlib
import unittest

from colchis import PluginError, config, testing
from colchis.http import Response
from colchis.metric_provider import Request
from plugin import Config, MyPlugin

CONFIG = config.parse(Config, pathlib.Path(__file__).with_name("config.json").read_text())


class Tests(unittest.TestCase):
    def test_the_lag_is_measured(self) -> None:
        def answer(request: testing.Request) -> Response:
            self.assertEqual(request.url, "http://127.0.0.1:8080/numbers?queue=orders")
            return Response(200, b'{"lag": 7}')

        testing.serve(answer)
        self.assertEqual(MyPlugin().run(CONFIG, Request()).value, 7)

    def test_a_server_that_is_overloaded_is_asked_again_later(self) -> None:
        testing.serve(lambda request: Response(429, b"", {"retry-after": "7"}))
        with self.assertRaises(PluginError) as caught:
            MyPlugin().run(CONFIG, Request())
        self.assertEqual((caught.exception.kind, caught.exception.retry_after_ms), ("throttled", 7000))

    def test_a_queue_has_a_name(self) -> None:
        found = MyPlugin().check(Config("http://q", " "))
        self.assertEqual([finding.field for finding in found], ["queue"])


if __name__ == "__main__":
    unittest.main()
