//! Go code for a world of `wit/`, and the world's mark in a module that was built with it.
//!
//! The code is committed with the Go kit, so that a plugin's author needs Go and nothing else to compile and test; `guests --go-bindings` writes it anew, and a
//! test says when it is not what the interfaces say.

use std::path::Path;

use anyhow::{Context, Result, anyhow};
use wit_bindgen_core::Files;
use wit_component::StringEncoding;
use wit_parser::{Resolve, WorldId};

use crate::wit;

/// The Go module of the kit.
const MODULE: &str = "colchis/sdk";

/// Worlds that the kit has bindings for, and the package each is in.
pub const WORLDS: &[(&str, &str)] =
    &[("manifest-renderer", "internal/bindings/renderer"), ("workflow-step", "internal/bindings/step")];

/// Makes the files of all worlds: paths below the kit's folder, and what is in them.
pub fn generate(interfaces: &Path) -> Result<Vec<(String, Vec<u8>)>> {
    let mut made = Vec::new();
    for (world, package) in WORLDS {
        let (mut graph, id) = find(interfaces, world)?;
        let mut files = Files::default();
        let options =
            wit_bindgen_go::Opts { pkg_name: Some(format!("{MODULE}/{package}")), ..wit_bindgen_go::Opts::default() };
        options
            .build()
            .generate(&mut graph, id, &mut files)
            .with_context(|| format!("Go bindings of the world `{world}`"))?;
        for (name, bytes) in files.iter() {
            made.push((format!("{package}/{name}"), bytes.to_vec()));
        }
    }
    Ok(made)
}

/// Says in a core module which world it is of, as the encoder of components wants it.
pub fn embed(module: &mut Vec<u8>, interfaces: &Path, world: &str) -> Result<()> {
    let (graph, id) = find(interfaces, world)?;
    wit_component::embed_component_metadata(module, &graph, id, StringEncoding::UTF8)
        .with_context(|| format!("marking a module as one of the world `{world}`"))
}

fn find(interfaces: &Path, world: &str) -> Result<(Resolve, WorldId)> {
    let graph = wit::load(&[&interfaces.join("deps"), interfaces])?;
    let own = |id: &WorldId| {
        let found = graph.worlds.get(*id);
        found.is_some_and(|found| {
            found.name == world
                && found
                    .package
                    .and_then(|id| graph.packages.get(id))
                    .is_some_and(|package| package.name.namespace == wit::NAMESPACE)
        })
    };
    let id = graph.worlds.iter().map(|(id, _)| id).find(own);
    let id = id.ok_or_else(|| anyhow!("no world `{world}` in {}", interfaces.display()))?;
    Ok((graph, id))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::places;

    #[test]
    fn the_kit_has_the_bindings_of_the_interfaces() {
        let kit = places::plugins().join("sdk-go");
        for (name, bytes) in generate(&places::wit()).unwrap() {
            let kept = std::fs::read(kit.join(&name)).unwrap_or_default();
            // Where there is no Go, what is generated is not formatted: words are compared, not blanks.
            let words =
                |bytes: &[u8]| -> Vec<u8> { bytes.iter().copied().filter(|b| !b.is_ascii_whitespace()).collect() };
            let imports_aside = |bytes: &[u8]| {
                let mut words = words(bytes);
                words.sort_unstable();
                words
            };
            assert!(
                imports_aside(&kept) == imports_aside(&bytes),
                "plugins/sdk-go/{name} is not what wit/ says: run `guests --go-bindings`"
            );
        }
    }

    #[test]
    fn a_world_that_is_not_there_is_said() {
        let error = find(&places::wit(), "no-world").unwrap_err().to_string();
        assert!(error.starts_with("no world `no-world` in "), "{error}");
    }
}
