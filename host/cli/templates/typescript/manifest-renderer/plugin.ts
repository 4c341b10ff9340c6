// Makes a ConfigMap of the text files of a folder.
import { object, optional, text } from "./colchis/config.js";
import { PluginError } from "./colchis/errors.js";
import type { ManifestRenderer } from "./colchis/kinds.js";

/** What users write below the renderer's name. */
export interface Config {
  name?: string;
}

/** How it is read, and described to users. */
export const config = object({
  name: optional(text("The ConfigMap's name; the application's by default.")),
});

/** The renderer. */
export const plugin: ManifestRenderer<Config> = {
  about: { name: "my-plugin", version: "0.1.0", summary: "Makes a ConfigMap of the text files of a folder" },
  config,

  check({ name }) {
    return name === "" ? [{ field: "name", message: "expected a name, or no field `name`" }] : [];
  },

  detect: (files, path) => files.glob(path, "**/*.txt").length > 0,

  render({ name }, { files, path, release }) {
    const data: Record<string, string> = {};
    for (const file of files.glob(path, "**/*.txt")) {
      try {
        // Keys of a ConfigMap have no slashes.
        data[file.replaceAll("/", ".")] = new TextDecoder("utf-8", { fatal: true }).decode(files.read(file));
      } catch (error) {
        if (error instanceof PluginError) throw error;
        throw PluginError.permanent(`${file} is no text in UTF-8`);
      }
    }
    const metadata = { name: name ?? release.name, namespace: release.namespace };
    return { manifests: [{ object: { apiVersion: "v1", kind: "ConfigMap", metadata, data } }] };
  },
};
