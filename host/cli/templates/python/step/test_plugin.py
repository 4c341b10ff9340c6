import pathlib
import unittest

from colchis import PluginError, config
from colchis.step import Request
from plugin import Config, MyPlugin

CONFIG = config.parse(Config, pathlib.Path(__file__).with_name("config.json").read_text())


class Tests(unittest.TestCase):
    def test_words_are_counted(self) -> None:
        done = MyPlugin().start(CONFIG, Request())
        self.assertEqual((done.phase, done.result), ("succeeded", "4"))

    def test_too_few_are_a_failure(self) -> None:
        done = MyPlugin().start(Config(least=2), Request({"text": "one"}))
        self.assertEqual((done.phase, done.message), ("failed", "1 words, and 2 are expected"))

    def test_a_text_is_needed(self) -> None:
        with self.assertRaises(PluginError) as caught:
            MyPlugin().start(Config(), Request())
        self.assertEqual(caught.exception.field, "text")


if __name__ == "__main__":
    unittest.main()
