//! Go code for a world of `wit/`, and the world's mark in a module that was built with it.
//!
//! The code is committed with the Go kit, so that a plugin's author needs Go and nothing else to compile and test; `guests --go-bindings` writes it anew, and a
//! test says when it is not what the interfaces say.

use std::collections::BTreeMap;
use std::path::Path;

use anyhow::{Context, Result, bail};
use componentize::{Interfaces, KIT};
use wit_bindgen_core::Files;

use crate::wit;

/// The Go package of the kit that the code is below.
const PACKAGE: &str = "colchis/sdk/internal/bindings";

/// Its folder in the kit.
const FOLDER: &str = "internal/bindings";

/// The generated package with a world's exports: each world has one of its own, and they share all others.
const EXPORTS: &str = "wit_exports/wit_exports.go";

/// Worlds that the kit has bindings for, and the folder below `exports/` that each has its exports in.
pub const WORLDS: &[(&str, Option<&str>)] = &[
    (KIT, None),
    ("metric-provider", Some("metricprovider")),
    ("manifest-renderer", Some("renderer")),
    ("event-receiver", Some("eventreceiver")),
    ("event-subscriber", Some("eventsubscriber")),
    ("trigger", Some("trigger")),
    ("workflow-step", Some("step")),
];

/// Makes the files of all worlds: paths below the kit's folder, and what is in them.
pub fn generate(interfaces: &Path) -> Result<Vec<(String, Vec<u8>)>> {
    let mut made: BTreeMap<String, Vec<u8>> = BTreeMap::new();
    for (world, exports) in WORLDS {
        for (name, bytes) in of_world(interfaces, world)? {
            let name = match (name.as_str(), exports) {
                (EXPORTS, Some(exports)) => {
                    made.insert(format!("{FOLDER}/exports/{exports}/wit_exports.go"), narrowed(&bytes));
                    continue;
                }
                // The kit's own world exports nothing.
                (EXPORTS, None) => continue,
                (name, _) => format!("{FOLDER}/{name}"),
            };
            if let Some(other) = made.insert(name.clone(), bytes)
                && made.get(&name).is_some_and(|bytes| sorted(bytes) != sorted(&other))
            {
                bail!("{name} of the world `{world}` is not that of another, and they share it");
            }
        }
    }
    Ok(made.into_iter().collect())
}

fn of_world(interfaces: &Path, world: &str) -> Result<Vec<(String, Vec<u8>)>> {
    let Interfaces { mut graph } = load(interfaces)?;
    let id = Interfaces { graph: graph.clone() }.world(world)?;
    let mut files = Files::default();
    let options = wit_bindgen_go::Opts { pkg_name: Some(PACKAGE.to_owned()), ..wit_bindgen_go::Opts::default() };
    options
        .build()
        .generate(&mut graph, id, &mut files)
        .with_context(|| format!("Go bindings of the world `{world}`"))?;
    Ok(files.iter().map(|(name, bytes)| (name.to_owned(), bytes.to_vec())).collect())
}

/// Go's compiler takes exported functions whose parameters and result fit into this many bytes, and counts 8 for a pointer, which is one of 4 in WebAssembly.
const EXPORT_BYTES_MAX: usize = 128;

/// Exports that Go's compiler would refuse, with their pointers as numbers of 32 bits, which are the same in WebAssembly.
fn narrowed(code: &[u8]) -> Vec<u8> {
    let mut made = String::new();
    for line in String::from_utf8_lossy(code).lines() {
        let signature = line.strip_prefix("func wasm_export_").and_then(|rest| rest.split_once('('));
        let parameters = signature.and_then(|(_, rest)| rest.split_once(')')).map(|(parameters, _)| parameters);
        let wide = parameters.filter(|parameters| bytes(parameters) > EXPORT_BYTES_MAX);
        let Some(parameters) = wide else {
            made.push_str(line);
            made.push('\n');
            continue;
        };
        let pointers: Vec<&str> =
            parameters.split(", ").filter_map(|parameter| parameter.strip_suffix(" uintptr")).collect();
        let narrow = pointers.iter().fold(line.to_owned(), |line, name| {
            line.replacen(&format!("{name} uintptr"), &format!("{name}At uint32"), 1)
        });
        made.push_str(&format!("{narrow}\n"));
        for name in pointers {
            made.push_str(&format!("\t{name} := uintptr({name}At)\n"));
        }
    }
    made.into_bytes()
}

/// How many bytes Go's compiler counts for parameters and a result.
fn bytes(parameters: &str) -> usize {
    let types = parameters.split(", ").filter_map(|parameter| parameter.split_once(' ')).map(|(_, kind)| kind);
    types.chain(["uintptr"]).fold(0, |at, kind| {
        let size = if matches!(kind, "uintptr" | "int64" | "uint64" | "float64") { 8 } else { 4 };
        at.next_multiple_of(size) + size
    })
}

/// Says in a core module which world it is of, as the encoder of components wants it.
pub fn embed(module: &mut Vec<u8>, interfaces: &Path, world: &str) -> Result<()> {
    Ok(load(interfaces)?.embed(module, world)?)
}

fn load(interfaces: &Path) -> Result<Interfaces> {
    Ok(Interfaces::of(wit::load(&[&interfaces.join("deps"), interfaces])?)?)
}

/// The letters of a file in an order that a formatter does not change.
fn sorted(bytes: &[u8]) -> Vec<u8> {
    let mut letters: Vec<u8> = bytes.iter().copied().filter(|byte| !byte.is_ascii_whitespace()).collect();
    letters.sort_unstable();
    letters
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
            assert!(
                sorted(&kept) == sorted(&bytes),
                "plugins/sdk-go/{name} is not what wit/ says: run `guests --go-bindings`"
            );
        }
    }

    #[test]
    fn exports_with_many_pointers_are_made_so_that_go_takes_them() {
        let pairs = |count: usize| {
            let pairs = (0..count).map(|i| format!("arg{} uintptr, arg{} uint32", i * 2, i * 2 + 1));
            format!("func wasm_export_x({}) uintptr {{\n", pairs.collect::<Vec<_>>().join(", "))
        };
        let small = pairs(7);
        assert_eq!(narrowed(small.as_bytes()), small.as_bytes());
        let large = String::from_utf8(narrowed(pairs(8).as_bytes())).unwrap();
        assert!(large.starts_with("func wasm_export_x(arg0At uint32, arg1 uint32, arg2At uint32,"), "{large}");
        assert!(large.contains("\n\targ14 := uintptr(arg14At)\n"), "{large}");
    }

    #[test]
    fn a_world_that_is_not_there_is_said() {
        let error = of_world(&places::wit(), "no-world").unwrap_err().to_string();
        assert_eq!(error, "no world `no-world` in the interfaces");
    }
}
