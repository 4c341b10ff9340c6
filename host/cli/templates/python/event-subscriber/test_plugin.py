import pathlib
import unittest

from colchis import config, testing
from colchis.http import Response
from plugin import Config, MyPlugin

CONFIG = config.parse(Config, pathlib.Path(__file__).with_name("config.json").read_text())


class Tests(unittest.TestCase):
    def test_entries_become_events_and_the_last_is_the_cursor(self) -> None:
        def answer(request: testing.Request) -> Response:
            self.assertEqual(request.query, {"after": "6", "max": "10"})
            return Response(200, b'{"entries": [{"id": "7"}, {"id": "8"}]}')

        testing.serve(answer)
        batch = MyPlugin().open(CONFIG, "feed", "6").poll(10, 1000)
        self.assertEqual(([event.id for event in batch.events], batch.cursor), (["7", "8"], "8"))

    def test_a_feed_has_an_address(self) -> None:
        self.assertEqual([finding.field for finding in MyPlugin().check(Config("feed"))], ["url"])


if __name__ == "__main__":
    unittest.main()
