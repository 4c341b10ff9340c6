"""python -m unittest, with PYTHONPATH=../sdk-python"""
import unittest

from colchis import PluginError
from measure import pick, read


class Measure(unittest.TestCase):
    def test_a_value_is_found_by_its_path(self) -> None:
        self.assertEqual(pick(b'{"a":[{"b":1.5}]}', "a.0.b"), 1.5)

    def test_what_is_not_there_is_an_error_with_its_field(self) -> None:
        for path in ("x", "a.1", "a.-1", "a.0.b.c"):
            with self.assertRaises(PluginError) as caught:
                pick(b'{"a":[{"b":1}]}', path)
            self.assertEqual((caught.exception.kind, caught.exception.field), ("not-found", "path"))
        with self.assertRaises(PluginError):
            pick(b"<html>", "a")

    def test_all_that_is_wrong_is_told_with_fields(self) -> None:
        config, _, _ = read('{"url": 1, "pth": "a"}')
        self.assertEqual([field for field, _ in config.end()], ["url", "path", "pth"])
        self.assertEqual(read('{"url": "http://a", "path": "b"}')[0].end(), [])


if __name__ == "__main__":
    unittest.main()
