// @ts-nocheck: what is imported here is there in components alone.
import { lookup as find } from "colchis:manifest-renderer/destination@1.0.0";
import { answerBy, asked, describe, read } from "./describe.js";

const SOURCES = ["helm-chart", "oci", "git"];

/** An object of the destination, or null: needs the grant `lookup`. */
export function lookup(apiVersion, kind, namespace, name) {
  return JSON.parse(asked(() => find(apiVersion, kind, namespace, name)));
}

/** A tree of the host. */
function borrowed(tree) {
  const entry = ({ name, kind, size, executable }) => ({ name, kind: kind.tag, size: Number(size), executable });
  return {
    stat: (path) => entry(asked(() => tree.stat(path))),
    list: (path) => asked(() => tree.list(path)).map(entry),
    glob: (path, pattern) => asked(() => tree.glob(path, pattern)),
    read: (path) => asked(() => tree.read(path)),
  };
}

/** The exports `description` and `renderer`. @template C @param {import("../kinds.js").ManifestRenderer<C>} plugin */
export function component(plugin) {
  answerBy();
  const request = ({ files, path, fetched, release }) => ({
    files: borrowed(files),
    path,
    fetched: Object.fromEntries(fetched.map((one) => [one.name, borrowed(one.files)])),
    release: {
      name: release.name,
      namespace: release.namespace,
      kubeVersion: release.kubeVersion,
      apiVersions: release.apiVersions,
      environment: Object.fromEntries(release.environment),
    },
  });
  const required = ({ name, source, of, digest }) => ({
    name,
    source: SOURCES.includes(source) ? { tag: source, val: of } : { tag: "url", val: of[0] },
    digest,
  });
  return {
    description: describe(plugin, "manifest-renderer"),
    renderer: {
      detect: (files, path) => plugin.detect(borrowed(files), path),
      requirements: (of) => (plugin.requirements?.(read(plugin, of.config), request(of)) ?? []).map(required),
      render(of) {
        const { manifests, warnings = [], notes } = plugin.render(read(plugin, of.config), request(of));
        return { manifests: manifests.map(({ object, file }) => ({ object: JSON.stringify(object), file })), warnings, notes, extensions: [] };
      },
    },
  };
}
