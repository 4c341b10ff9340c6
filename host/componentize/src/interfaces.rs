//! The interfaces, and a module's mark that says which of them it has.

use std::collections::HashSet;

use include_dir::{Dir, File, include_dir};
use wit_component::StringEncoding;
use wit_parser::{PackageName, Resolve, SourceMap, UnresolvedPackageGroup, WorldId};

use crate::ComponentError;

static WIT: Dir<'_> = include_dir!("$CARGO_MANIFEST_DIR/../../wit");

/// The namespace of our own packages.
const NAMESPACE: &str = "colchis";

/// What the kits of languages use beside the kind's own interfaces: a world of imports, of which a component has those that its module uses.
const KIT_SOURCE: &str = "
    package colchis:kit@1.0.0;
    world kit {
        include colchis:plugin/host@1.0.0;
        import wasi:clocks/monotonic-clock@0.2.12;
        import wasi:io/poll@0.2.12;
        import wasi:http/outgoing-handler@0.2.12;
    }
";

/// The name of that world.
pub const KIT: &str = "kit";

/// Packages of interfaces.
#[derive(Debug)]
pub struct Interfaces {
    /// All of them.
    pub graph: Resolve,
}

impl Interfaces {
    /// Those of a graph of `wit/`, and the kit's world.
    ///
    /// # Errors
    /// What the kit's world uses is not in it.
    pub fn of(mut graph: Resolve) -> Result<Self, ComponentError> {
        let mut sources = SourceMap::default();
        sources.push_str("kit.wit", KIT_SOURCE);
        let group = parse(sources)?;
        push(&mut graph, group)?;
        Ok(Self { graph })
    }

    /// Those of this binary.
    ///
    /// # Errors
    /// None that a test of this crate would not have found.
    pub fn embedded() -> Result<Self, ComponentError> {
        let mut groups = Vec::new();
        for folder in WIT.dirs().filter(|folder| !folder.path().starts_with("released")) {
            // A folder is a package; of WASI's, each file is.
            let apart = folder.path().starts_with("deps");
            let mut whole = SourceMap::default();
            for (name, text) in folder.files().filter_map(wit) {
                let mut own = SourceMap::default();
                let sources = if apart { &mut own } else { &mut whole };
                sources.push_str(name, text);
                if apart {
                    groups.push(parse(own)?);
                }
            }
            if !apart {
                groups.push(parse(whole)?);
            }
        }
        Self::of(resolve(groups)?)
    }

    /// The world of that name among our own packages.
    ///
    /// # Errors
    /// There is none.
    pub fn world(&self, name: &str) -> Result<WorldId, ComponentError> {
        let own = |id: &WorldId| {
            let world = self.graph.worlds.get(*id);
            let package = world.filter(|world| world.name == name).and_then(|world| world.package);
            let package = package.and_then(|id| self.graph.packages.get(id));
            package.is_some_and(|package| package.name.namespace == NAMESPACE)
        };
        let found = self.graph.worlds.iter().map(|(id, _)| id).find(own);
        found.ok_or_else(|| ComponentError::NoWorld(name.to_owned()))
    }

    /// Says in a core module which world it is of, as the encoder of components wants it.
    ///
    /// # Errors
    /// There is no such world, or what was given is no module.
    pub fn embed(&self, module: &mut Vec<u8>, world: &str) -> Result<(), ComponentError> {
        for world in [world, KIT] {
            let id = self.world(world)?;
            wit_component::embed_component_metadata(module, &self.graph, id, StringEncoding::UTF8)
                .map_err(|e| ComponentError::failed(format!("the module cannot be one of the world `{world}`"), e))?;
        }
        Ok(())
    }
}

fn wit(file: &'static File<'static>) -> Option<(&'static str, &'static str)> {
    let path = file.path();
    path.extension().filter(|extension| *extension == "wit")?;
    Some((path.to_str()?, file.contents_utf8()?))
}

fn parse(sources: SourceMap) -> Result<UnresolvedPackageGroup, ComponentError> {
    sources.parse().map_err(|(sources, error)| ComponentError::Interfaces(error.render(&sources)))
}

/// Puts packages into one graph, those that others use first.
///
/// # Errors
/// A package that is used is not there, or they use each other in a circle.
pub fn resolve(groups: Vec<UnresolvedPackageGroup>) -> Result<Resolve, ComponentError> {
    let mut graph = Resolve::default();
    let mut waiting = groups;
    let names: HashSet<PackageName> = waiting.iter().map(|group| group.main.name.clone()).collect();
    while !waiting.is_empty() {
        let before = waiting.len();
        let mut later = Vec::new();
        for group in waiting {
            let missing = group.main.foreign_deps.keys().find(|name| !graph.package_names.contains_key(*name));
            match missing {
                Some(name) if names.contains(name) => later.push(group),
                Some(name) => {
                    let (package, used) = (group.main.name.to_string(), name.to_string());
                    return Err(ComponentError::Missing { package, used });
                }
                None => push(&mut graph, group)?,
            }
        }
        waiting = later;
        if waiting.len() == before {
            let names: Vec<String> = waiting.iter().map(|group| group.main.name.to_string()).collect();
            return Err(ComponentError::Circle(names.join(", ")));
        }
    }
    Ok(graph)
}

fn push(graph: &mut Resolve, group: UnresolvedPackageGroup) -> Result<(), ComponentError> {
    let name = group.main.name.clone();
    let pushed = graph.push_group(group);
    pushed.map_err(|error| ComponentError::Interfaces(format!("{name}: {}", error.render(&graph.source_map))))?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_binary_has_a_world_of_each_kind() {
        let interfaces = Interfaces::embedded().unwrap();
        for world in [
            "metric-provider",
            "manifest-renderer",
            "event-subscriber",
            "event-receiver",
            "trigger",
            "workflow-step",
            KIT,
        ] {
            interfaces.world(world).unwrap_or_else(|error| panic!("{error}"));
        }
        assert_eq!(interfaces.world("no-world").unwrap_err().to_string(), "no world `no-world` in the interfaces");
        let mut module = b"#!/bin/sh".to_vec();
        assert!(interfaces.embed(&mut module, "no-world").is_err());
    }
}
