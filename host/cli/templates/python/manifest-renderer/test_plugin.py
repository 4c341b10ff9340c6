import pathlib
import unittest

from colchis import config
from colchis.manifest_renderer import Files, Release, Request
from plugin import Config, MyPlugin

CONFIG = config.parse(Config, pathlib.Path(__file__).with_name("config.json").read_text())


class Tests(unittest.TestCase):
    def test_files_become_a_config_map(self) -> None:
        files = Files({"a.txt": "one", "b.md": "two"})
        self.assertTrue(MyPlugin().detect(files, ""))
        rendered = MyPlugin().render(CONFIG, Request(files, release=Release("app", "ns")))
        made = rendered.manifests[0].object
        self.assertEqual(made["metadata"], {"name": "texts", "namespace": "ns"})
        self.assertEqual(made["data"], {"a.txt": "one"})

    def test_a_name_is_not_empty(self) -> None:
        self.assertEqual([finding.field for finding in MyPlugin().check(Config(""))], ["name"])


if __name__ == "__main__":
    unittest.main()
