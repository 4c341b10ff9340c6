import json
import pathlib
import unittest

import words


class Words(unittest.TestCase):
    def test_words_are_counted(self):
        config = json.loads(pathlib.Path(__file__).with_name("config.json").read_text())
        self.assertEqual(words.check(config), [])
        self.assertEqual(words.count(config, {}), (True, 4))

    def test_what_is_wrong_is_said_at_its_field(self):
        self.assertEqual([field for field, _ in words.check({"text": 1, "least": -1, "more": 1})], ["more", "text", "least"])

    def test_a_text_is_needed(self):
        with self.assertRaises(KeyError):
            words.count({}, {})


if __name__ == "__main__":
    unittest.main()
