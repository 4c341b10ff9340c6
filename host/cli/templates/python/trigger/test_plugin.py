import pathlib
import unittest

from colchis import config, testing
from colchis.http import Response
from colchis.trigger import Request
from plugin import Config, MyPlugin

CONFIG = config.parse(Config, pathlib.Path(__file__).with_name("config.json").read_text())


class Tests(unittest.TestCase):
    def test_it_is_posted_with_its_key(self) -> None:
        def answer(request: testing.Request) -> Response:
            self.assertEqual((request.headers["idempotency-key"], request.json()), ("k-1", {"order": 7}))
            return Response(202)

        testing.serve(answer)
        done = MyPlugin().execute(CONFIG, Request(), {"order": 7}, "k-1")
        self.assertEqual(done.answer, {"status": 202})

    def test_a_service_has_an_address(self) -> None:
        self.assertEqual([finding.field for finding in MyPlugin().check(Config("orders"))], ["url"])


if __name__ == "__main__":
    unittest.main()
