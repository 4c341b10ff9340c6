"""Makes a ConfigMap of the text files of a folder."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

from colchis import About, Finding, PluginError
from colchis.manifest_renderer import Manifest, ManifestRenderer, Rendered, Request, Tree

ABOUT = About("my-plugin", "0.1.0", "Makes a ConfigMap of the text files of a folder")


@dataclass
class Config:
    """What users write below the renderer's name."""

    name: Annotated[str | None, "The ConfigMap's name; the application's by default."] = None


class MyPlugin(ManifestRenderer):
    """The renderer."""

    Config = Config

    def check(self, config: Config) -> list[Finding]:
        if config.name == "":
            return [Finding("name", "expected a name, or no field `name`")]
        return []

    def detect(self, files: Tree, path: str) -> bool:
        return bool(files.glob(path, "**/*.txt"))

    def render(self, config: Config, request: Request) -> Rendered:
        data = {}
        for file in request.files.glob(request.path, "**/*.txt"):
            try:
                # Keys of a ConfigMap have no slashes.
                data[file.replace("/", ".")] = request.files.read(file).decode()
            except UnicodeDecodeError:
                raise PluginError.permanent(f"{file} is no text in UTF-8") from None
        metadata = {"name": config.name or request.release.name, "namespace": request.release.namespace}
        return Rendered([Manifest({"apiVersion": "v1", "kind": "ConfigMap", "metadata": metadata, "data": data})])
