//! How Argo names nodes and pods, so that tools which read its statuses find their way here.
//!
//! ```text
//!  run                                  the run itself, or its entrypoint
//!  run[0]                               a group of steps
//!  run[0].build                         a step
//!  run[0].build(1:amd64)                a step's repetition for the second item
//!  run[0].build(1:amd64)(0)             its first try
//!  run.compile                          a task of a DAG
//!  run.compile.onExit                   its exit handler
//!  run.compile.hooks.running            a lifecycle hook
//! ```

use serde_json::Value;

use crate::workflow::Item;

/// The 32-bit FNV-1a hash.
pub fn fnv1a32(text: &str) -> u32 {
    text.bytes().fold(0x811c_9dc5, |hash, b| (hash ^ u32::from(b)).wrapping_mul(0x0100_0193))
}

/// The id of a node: the run's name for the root, else the run's name and the hash of the node's name.
pub fn node_id(workflow: &str, node_name: &str) -> String {
    if node_name == workflow { workflow.to_owned() } else { format!("{workflow}-{}", fnv1a32(node_name)) }
}

/// Characters of a pod's name; the hash has up to ten of them, and a dash before it.
const POD_NAME_MAX: usize = 253;
const HASH_MAX: usize = 10;

/// The name of a node's pod: run, template and hash of the node's name (Argo's "v2"), cut so that it is a name. The root's pod
/// is called like the run; an inline template leaves the template's name out.
pub fn pod_name(workflow: &str, template: &str, node_name: &str) -> String {
    if node_name == workflow {
        return workflow.to_owned();
    }
    let mut prefix = workflow.to_owned();
    if !template.is_empty() {
        prefix.push('-');
        prefix.push_str(template);
    }
    let mut end = prefix.len().min(POD_NAME_MAX - HASH_MAX - 1);
    while !prefix.is_char_boundary(end) {
        end -= 1;
    }
    prefix.truncate(end);
    format!("{prefix}-{}", fnv1a32(node_name))
}

/// `parent[index]`
pub fn step_group(parent: &str, index: usize) -> String {
    format!("{parent}[{index}]")
}

/// `group.name`
pub fn step(group: &str, name: &str) -> String {
    format!("{group}.{name}")
}

/// `parent.name`
pub fn task(parent: &str, name: &str) -> String {
    format!("{parent}.{name}")
}

/// `name(index:label)`, see [`item_label`].
pub fn item(name: &str, index: usize, label: &str) -> String {
    format!("{name}({index}:{label})")
}

/// `name(attempt)`, from 0.
pub fn retry(name: &str, attempt: u32) -> String {
    format!("{name}({attempt})")
}

/// `name.onExit`
pub fn on_exit(name: &str) -> String {
    format!("{name}.onExit")
}

/// `name.hooks.hook`
pub fn hook(name: &str, hook: &str) -> String {
    format!("{name}.hooks.{hook}")
}

/// `local/name`, `namespaced/name` or `cluster/name`: where a node's template comes from.
pub fn template_scope(scope: &str, name: &str) -> String {
    format!("{scope}/{name}")
}

/// How an item of a loop is shown in node names: text, numbers and booleans as they are, a map as `key:value,…` by key, a list
/// as JSON.
pub fn item_label(item: &Item) -> String {
    let Ok(value) = item.parse::<Value>() else { return item.get().to_owned() };
    match value {
        Value::Object(map) => {
            let mut entries: Vec<(&String, &Value)> = map.iter().collect();
            entries.sort_by_key(|(key, _)| *key);
            let shown: Vec<String> = entries.into_iter().map(|(key, value)| format!("{key}:{}", show(value))).collect();
            shown.join(",")
        }
        other => show(&other),
    }
}

fn show(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        Value::Number(number) => match number.as_f64() {
            Some(v) if number.is_f64() => crate::values::float_text(v),
            _ => number.to_string(),
        },
        other => other.to_string(),
    }
}

/// A name that begins with `prefix` (`metadata.generateName`) and ends with five characters made from `random`, as Kubernetes
/// makes them: no vowels, so that no words come about. The prefix is cut so that the name has at most 63 characters.
pub fn generated(prefix: &str, random: u64) -> String {
    const ALPHABET: &[u8; 27] = b"bcdfghjklmnpqrstvwxz2456789";
    const SUFFIX: usize = 5;
    const NAME_MAX: usize = 63;
    let mut end = prefix.len().min(NAME_MAX - SUFFIX);
    while !prefix.is_char_boundary(end) {
        end -= 1;
    }
    let mut name = prefix.get(..end).unwrap_or_default().to_owned();
    let mut rest = random;
    for _ in 0..SUFFIX {
        let i = usize::try_from(rest % ALPHABET.len() as u64).unwrap_or(0);
        rest /= ALPHABET.len() as u64;
        name.extend(ALPHABET.get(i).map(|b| char::from(*b)));
    }
    name
}
