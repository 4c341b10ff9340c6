//! What a released interface promised is still so.
//!
//! A compiled plugin carries the types that it was compiled against: an added case of a variant, an added field of a record, even another order of them is another
//! type to it. So nothing in a released interface changes; what is new comes in new interfaces. A type may be added, because nothing that is released speaks of it.

use wit_parser::{Function, FunctionKind, Interface, Package, Resolve, World, WorldItem};

use super::NAMESPACE;
use super::types::{interface_name, is_use, kind, parts, shown};

/// Everything that was promised and is no longer so, a sentence each.
pub(super) fn breaks(then: &Resolve, now: &Resolve) -> Vec<String> {
    let mut found = Vec::new();
    for (_, old) in then.packages.iter().filter(|(_, package)| package.name.namespace == NAMESPACE) {
        let same = |new: &Package| {
            new.name.namespace == old.name.namespace
                && new.name.name == old.name.name
                && new.name.version.as_ref().map(|v| v.major) == old.name.version.as_ref().map(|v| v.major)
        };
        let Some((_, new)) = now.packages.iter().find(|(_, package)| same(package)) else {
            found.push(format!("package {} is gone", old.name));
            continue;
        };
        if new.name.version < old.name.version {
            found.push(format!("package {} is older than what was released, {}", new.name, old.name));
        }
        for (name, id) in &old.interfaces {
            let Some(old_interface) = then.interfaces.get(*id) else { continue };
            match new.interfaces.get(name).and_then(|id| now.interfaces.get(*id)) {
                Some(new_interface) => interfaces(then, old_interface, now, new_interface, &mut found),
                None => found.push(format!("interface {} is gone", interface_name(then, old_interface))),
            }
        }
        for (name, id) in &old.worlds {
            let Some(old_world) = then.worlds.get(*id) else { continue };
            match new.worlds.get(name).and_then(|id| now.worlds.get(*id)) {
                Some(new_world) => worlds(then, old_world, now, new_world, &mut found),
                None => found.push(format!("world {}/{name} is gone", old.name)),
            }
        }
    }
    found
}

fn interfaces(then: &Resolve, old: &Interface, now: &Resolve, new: &Interface, found: &mut Vec<String>) {
    let interface = interface_name(then, old);
    for (name, id) in &old.types {
        let Some(old_type) = then.types.get(*id) else { continue };
        let Some(new_type) = new.types.get(name).and_then(|id| now.types.get(*id)) else {
            found.push(format!("type {interface}.{name} is gone"));
            continue;
        };
        let (was, is) = (kind(then, &old_type.kind), kind(now, &new_type.kind));
        if was != is {
            found.push(format!("type {interface}.{name} was {was} and is {is}"));
        } else if !is_use(then, old_type) {
            let (what, old_parts) = parts(then, &old_type.kind);
            let (_, new_parts) = parts(now, &new_type.kind);
            compare_parts(what, &format!("{interface}.{name}"), &old_parts, &new_parts, found);
        }
    }
    for (name, old_function) in &old.functions {
        let Some(new_function) = new.functions.get(name) else {
            found.push(format!("function {interface}.{name} is gone"));
            continue;
        };
        functions(then, old_function, now, new_function, &format!("{interface}.{name}"), found);
    }
    for name in new.functions.keys().filter(|name| !old.functions.contains_key(*name)) {
        found.push(format!("function {interface}.{name} is new: new functions come in new interfaces"));
    }
}

/// Fields of a record, cases of a variant: names, order, types.
fn compare_parts(what: &str, of: &str, old: &[(String, String)], new: &[(String, String)], found: &mut Vec<String>) {
    let before = found.len();
    for (name, was) in old {
        match new.iter().find(|(other, _)| other == name) {
            None => found.push(format!("{what} {of}.{name} is gone")),
            Some((_, is)) if is != was => {
                found.push(format!("{what} {of}.{name} was {} and is {}", or_nothing(was), or_nothing(is)));
            }
            Some(_) => {}
        }
    }
    for (name, _) in new.iter().filter(|(name, _)| !old.iter().any(|(other, _)| other == name)) {
        found.push(format!("{what} {of}.{name} is new: plugins that are compiled do not know it"));
    }
    if found.len() == before && old != new {
        found.push(format!("each {what} of {of} is still there, in another order"));
    }
}

fn or_nothing(text: &str) -> &str {
    if text.is_empty() { "without a value" } else { text }
}

fn functions(then: &Resolve, old: &Function, now: &Resolve, new: &Function, name: &str, found: &mut Vec<String>) {
    let (was, is) = (signature(then, old), signature(now, new));
    if was != is {
        found.push(format!("function {name} was {was} and is {is}"));
    }
}

fn signature(graph: &Resolve, function: &Function) -> String {
    let params: Vec<String> =
        function.params.iter().map(|param| format!("{}: {}", param.name, shown(graph, &param.ty))).collect();
    let result = function.result.as_ref().map(|result| format!(" -> {}", shown(graph, result))).unwrap_or_default();
    let word = if function.kind.is_async() { "async func" } else { "func" };
    let owner = match function.kind {
        FunctionKind::Static(_) | FunctionKind::AsyncStatic(_) => "static ",
        FunctionKind::Constructor(_) => "constructor ",
        _ => "",
    };
    format!("{owner}{word}({}){result}", params.join(", "))
}

/// What a world gives may grow; what it asks for may not, and nothing of it goes away.
fn worlds(then: &Resolve, old: &World, now: &Resolve, new: &World, found: &mut Vec<String>) {
    let names = |graph: &Resolve, items: &wit_parser::IndexMap<wit_parser::WorldKey, WorldItem>| -> Vec<String> {
        items
            .iter()
            .map(|(key, item)| match item {
                WorldItem::Interface { id, .. } => {
                    graph.interfaces.get(*id).map(|i| interface_name(graph, i)).unwrap_or_default()
                }
                _ => graph.name_world_key(key),
            })
            .collect()
    };
    let (old_imports, new_imports) = (names(then, &old.imports), names(now, &new.imports));
    let (old_exports, new_exports) = (names(then, &old.exports), names(now, &new.exports));
    for gone in old_imports.iter().filter(|name| !new_imports.contains(name)) {
        found.push(format!("world {} no longer imports {gone}", old.name));
    }
    for gone in old_exports.iter().filter(|name| !new_exports.contains(name)) {
        found.push(format!("world {} no longer exports {gone}", old.name));
    }
    for more in new_exports.iter().filter(|name| !old_exports.contains(name)) {
        found.push(format!("world {} exports {more} as well: plugins that are compiled do not", old.name));
    }
}
