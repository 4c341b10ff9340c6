//! Makes a ConfigMap of the text files of a folder.

use colchis_sdk::manifest_renderer::{Manifest, ManifestRenderer, Rendered, Request, Tree};
use colchis_sdk::{Error, Finding, Result, about};
use serde_json::{Map, Value, json};

/// What users write below the renderer's name.
#[derive(serde::Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Config {
    /// The ConfigMap's name; the application's by default.
    #[serde(default)]
    name: Option<String>,
}

/// The renderer.
pub struct MyPlugin;

impl ManifestRenderer for MyPlugin {
    type Config = Config;

    fn check(config: &Config) -> Vec<Finding> {
        match config.name.as_deref() {
            Some("") => vec![Finding::error(
                "name",
                "expected a name, or no field `name`",
            )],
            _ => Vec::new(),
        }
    }

    fn detect(files: &Tree, path: &str) -> Result<bool> {
        Ok(!files.glob(path, "**/*.txt")?.is_empty())
    }

    fn render(config: Config, request: &Request) -> Result<Rendered> {
        let mut data = Map::new();
        for file in request.files.glob(&request.path, "**/*.txt")? {
            let text = String::from_utf8(request.files.read(&file)?)
                .map_err(|_| Error::permanent(format!("{file} is no text in UTF-8")))?;
            // Keys of a ConfigMap have no slashes.
            data.insert(file.replace('/', "."), Value::String(text));
        }
        let name = config.name.unwrap_or_else(|| request.release.name.clone());
        let object = json!({
            "apiVersion": "v1",
            "kind": "ConfigMap",
            "metadata": {"name": name, "namespace": request.release.namespace},
            "data": data,
        });
        Ok(Rendered {
            manifests: vec![Manifest { object, file: None }],
            ..Rendered::default()
        })
    }
}

colchis_sdk::export! {
    about: about!("my-plugin", "Makes a ConfigMap of the text files of a folder"),
    manifest_renderer: MyPlugin,
}

#[cfg(test)]
mod tests {
    use super::*;
    use colchis_sdk::manifest_renderer::Release;

    #[test]
    fn files_become_a_config_map() {
        let files = Tree::of([("a.txt", "one"), ("b.md", "two")]);
        assert!(MyPlugin::detect(&files, "").unwrap());
        let release = Release {
            name: "app".into(),
            namespace: "ns".into(),
            ..Release::default()
        };
        let request = Request {
            files,
            path: String::new(),
            fetched: Vec::new(),
            release,
        };
        let config = colchis_sdk::parse(include_str!("../config.json")).unwrap();
        let rendered = MyPlugin::render(config, &request).unwrap();
        assert_eq!(
            rendered.manifests[0].object["data"],
            json!({"a.txt": "one"})
        );
    }
}
