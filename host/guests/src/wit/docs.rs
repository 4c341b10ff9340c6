//! Everything of ours says what it is.

use wit_parser::{Docs, Resolve, TypeDefKind};

use super::NAMESPACE;
use super::types::{interface_name, is_use};

/// Names what has no documentation.
pub(super) fn check(graph: &Resolve) -> Vec<String> {
    let mut found = Vec::new();
    let mut look = |docs: &Docs, what: &str, name: String| {
        if docs.contents.as_deref().unwrap_or_default().trim().is_empty() {
            found.push(format!("{what} {name} says nothing about itself"));
        }
    };
    for (_, package) in graph.packages.iter().filter(|(_, package)| package.name.namespace == NAMESPACE) {
        for (name, id) in &package.worlds {
            if let Some(world) = graph.worlds.get(*id) {
                look(&world.docs, "world", format!("{}:{}/{name}", package.name.namespace, package.name.name));
            }
        }
        for interface in package.interfaces.values().filter_map(|id| graph.interfaces.get(*id)) {
            let interface_name = interface_name(graph, interface);
            look(&interface.docs, "interface", interface_name.clone());
            for (name, function) in &interface.functions {
                look(&function.docs, "function", format!("{interface_name}.{name}"));
            }
            for (name, definition) in interface.types.iter().filter_map(|(n, id)| Some((n, graph.types.get(*id)?))) {
                if is_use(graph, definition) {
                    continue;
                }
                let name = format!("{interface_name}.{name}");
                look(&definition.docs, "type", name.clone());
                match &definition.kind {
                    TypeDefKind::Record(record) => {
                        record.fields.iter().for_each(|f| look(&f.docs, "field", format!("{name}.{}", f.name)));
                    }
                    TypeDefKind::Variant(variant) => {
                        variant.cases.iter().for_each(|c| look(&c.docs, "case", format!("{name}.{}", c.name)));
                    }
                    TypeDefKind::Enum(cases) => {
                        cases.cases.iter().for_each(|c| look(&c.docs, "case", format!("{name}.{}", c.name)));
                    }
                    TypeDefKind::Flags(flags) => {
                        flags.flags.iter().for_each(|f| look(&f.docs, "flag", format!("{name}.{}", f.name)));
                    }
                    _ => {}
                }
            }
        }
    }
    found
}
