import pathlib
import unittest

from colchis import config
from colchis.event_receiver import Incoming, Outcome
from plugin import Config, MyPlugin

CONFIG = config.parse(Config, pathlib.Path(__file__).with_name("config.json").read_text())


def outcome(body: bytes) -> Outcome:
    return MyPlugin().on_request(CONFIG, "orders", Incoming(body=body))


class Tests(unittest.TestCase):
    def test_a_delivery_is_an_event_of_its_id(self) -> None:
        taken = outcome(b'{"id": "7", "total": 3}')
        self.assertEqual((taken.status, [event.id for event in taken.events]), (200, ["7"]))

    def test_what_is_none_is_answered_and_no_event(self) -> None:
        for body, status in [(b"no json", 400), (b'{"total": 3}', 422)]:
            taken = outcome(body)
            self.assertEqual((taken.status, taken.events), (status, []))

    def test_a_path_begins_with_a_slash(self) -> None:
        self.assertEqual([finding.field for finding in MyPlugin().check(Config("orders"))], ["path"])


if __name__ == "__main__":
    unittest.main()
