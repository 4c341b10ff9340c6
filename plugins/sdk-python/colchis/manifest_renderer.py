"""Makes manifests of a source tree. A renderer sees a fixed clock, a random source of a fixed seed and no network: the same input gives the same output."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from typing import Any, Protocol

from .about import About, Finding
from .errors import PluginError


@dataclass(frozen=True)
class Entry:
    """A file or folder: its name without the folder's; `kind` is file, folder or other; a file's size in bytes."""

    name: str
    kind: str
    size: int = 0
    executable: bool = False


class Tree(Protocol):
    """A folder of files at one revision. Paths are relative to its root, with `/`; the root is the empty path. What is not there is an error `not-found`."""

    def stat(self, path: str) -> Entry: ...
    def list(self, path: str) -> list[Entry]: ...
    def glob(self, path: str, pattern: str) -> list[str]: ...
    def read(self, path: str) -> bytes: ...


class Files:
    """A tree of files by path, for tests. Of patterns, `**/` stands for any folders or none."""

    def __init__(self, files: dict[str, str]) -> None:
        self.files = {path: text.encode() for path, text in files.items()}

    def stat(self, path: str) -> Entry:
        """What stands at a path."""
        name = path.rpartition("/")[2]
        if path in self.files:
            return Entry(name, "file", len(self.files[path]))
        if not path or any(file.startswith(f"{path}/") for file in self.files):
            return Entry(name, "folder")
        raise PluginError.not_found(f"{path}: there is no such file", "no-file")

    def list(self, path: str) -> list[Entry]:
        """What is in a folder, by name."""
        below = f"{path}/" if path else ""
        names = {file[len(below) :].partition("/")[0] for file in self.files if file.startswith(below)}
        return [self.stat(below + name) for name in sorted(names)]

    def glob(self, path: str, pattern: str) -> list[str]:
        """Files below a folder whose paths match a pattern, by path."""
        below = f"{path}/" if path else ""
        inside = [file for file in sorted(self.files) if file.startswith(below)]
        patterns = (pattern, pattern.removeprefix("**/"))
        return [file for file in inside if any(fnmatchcase(file[len(below) :], one) for one in patterns)]

    def read(self, path: str) -> bytes:
        """A whole file."""
        if path not in self.files:
            raise PluginError.not_found(f"{path}: there is no such file", "no-file")
        return self.files[path]


@dataclass(frozen=True)
class Release:
    """What manifests are made for: the application, the namespace of manifests that name none, and the destination's versions."""

    name: str = ""
    namespace: str = ""
    kube_version: str = ""
    api_versions: list[str] = field(default_factory=list)
    environment: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Request:
    """A tree, the folder in it that is rendered, what was fetched beside it, and what for."""

    files: Tree
    path: str = ""
    fetched: dict[str, Tree] = field(default_factory=dict)
    release: Release = Release()


@dataclass(frozen=True)
class Requirement:
    """Something to fetch before rendering: `source` is helm-chart (repository, chart, version), oci (reference, tag), git (URL, revision, path) or url (URL)."""

    name: str
    source: str
    of: tuple[str, ...]
    digest: str | None = None


@dataclass(frozen=True)
class Manifest:
    """An object, and the file that it comes from."""

    object: dict[str, Any]
    file: str | None = None


@dataclass(frozen=True)
class Rendered:
    """The manifests in their order, warnings for people, and notes to show after an installation."""

    manifests: list[Manifest]
    warnings: list[str] = field(default_factory=list)
    notes: str | None = None


class ManifestRenderer:
    """What a renderer does. `Config` is its configuration, a dataclass."""

    Config: type

    def check(self, config: Any) -> list[Finding]:
        """What is wrong with a configuration beyond its types."""
        return []

    def detect(self, files: Tree, path: str) -> bool:
        """Whether the folder is one for this renderer."""
        raise NotImplementedError

    def requirements(self, config: Any, request: Request) -> list[Requirement]:
        """What must be fetched first. Asked again when that was done, until nothing more is named."""
        return []

    def render(self, config: Any, request: Request) -> Rendered:
        """Renders."""
        raise NotImplementedError


def lookup(api_version: str, kind: str, namespace: str, name: str) -> Any:
    """An object of the destination, or None: needs the grant `lookup`. In components alone."""
    from wit_world.imports import destination

    from .component import asked

    return json.loads(asked(lambda: destination.lookup(api_version, kind, namespace, name)))


def component(about: About, plugin: ManifestRenderer) -> tuple[type, type]:
    """The exports `Description` and `Renderer`."""
    # What is imported here is in the component; later, there is no file to import from.
    from wit_world.exports import description, renderer
    from wit_world.imports import destination, source  # noqa: F401

    from .component import answer, asked, describe, parse

    kinds = {source.EntryKind_File: "file", source.EntryKind_Folder: "folder"}
    sources = {
        "helm-chart": renderer.RequirementSource_HelmChart,
        "oci": renderer.RequirementSource_Oci,
        "git": renderer.RequirementSource_Git,
    }

    def entry(of: Any) -> Entry:
        return Entry(of.name, kinds.get(type(of.kind), "other"), of.size, of.executable)

    class Lent:
        """A tree of the host."""

        def __init__(self, tree: Any) -> None:
            self.tree = tree

        def stat(self, path: str) -> Entry:
            return entry(asked(lambda: self.tree.stat(path)))

        def list(self, path: str) -> Any:
            return [entry(of) for of in asked(lambda: self.tree.list(path))]

        def glob(self, path: str, pattern: str) -> Any:
            return asked(lambda: self.tree.glob(path, pattern))

        def read(self, path: str) -> bytes:
            return asked(lambda: self.tree.read(path))

    def read(asked_for: Any) -> tuple[Any, Request]:
        of = asked_for.release
        release = Release(of.name, of.namespace, of.kube_version, of.api_versions, dict(of.environment))
        fetched: dict[str, Tree] = {one.name: Lent(one.files) for one in asked_for.fetched}
        return parse(plugin.Config, asked_for.config), Request(Lent(asked_for.files), asked_for.path, fetched, release)

    def required(of: Requirement) -> Any:
        made = renderer.RequirementSource_Url(of.of[0]) if of.source == "url" else sources[of.source](of.of)
        return renderer.Requirement(of.name, made, of.digest)

    def told(made: Rendered) -> Any:
        manifests = [renderer.Manifest(json.dumps(manifest.object), manifest.file) for manifest in made.manifests]
        return renderer.Rendered(manifests, made.warnings, made.notes, [])

    class Renderer:
        def detect(self, files: Any, path: str) -> bool:
            return answer(lambda: plugin.detect(Lent(files), path))

        def requirements(self, request: Any) -> Any:
            return answer(lambda: [required(of) for of in plugin.requirements(*read(request))])

        def render(self, request: Any) -> Any:
            return answer(lambda: told(plugin.render(*read(request))))

    return describe(about, plugin, description.Kind_ManifestRenderer), Renderer
