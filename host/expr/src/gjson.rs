//! gjson paths, for the conditions of resource templates: `status.phase`, `status.conditions.0.type`, `status.conditions.#(type=="Ready").status`.
//!
//! | path | means |
//! |---|---|
//! | `a.b`, `a.0`, `a\.b` | key, element, key with a dot |
//! | `a*`, `a?` | the first key that fits |
//! | `a.#` | number of elements |
//! | `a.#.b` | `b` of every element |
//! | `a.#(b=="x")`, `a.#(b>1)#` | the first, all elements that fulfil the query (`== != < <= > >= % !%`) |
//! | `a\|b` | like a dot, but after `#` for the whole array |
//! | `@this @keys @values @reverse @flatten` | modifiers |
//!
//! The crate `gjson` is no longer maintained and works on unparsed text; objects are parsed here anyway.

use std::borrow::Cow;
use std::cmp::Ordering;

use serde_json::Value as Json;

/// Components of a path at most.
const COMPONENTS_MAX: usize = 64;

/// The value at `path`, or nothing.
pub fn get(json: &Json, path: &str) -> Option<Json> {
    walk(json, path, 0).map(Cow::into_owned)
}

/// The value at `path` as gjson's `String()` gives it: strings raw, null empty, the rest as JSON.
pub fn get_text(json: &Json, path: &str) -> Option<String> {
    Some(match walk(json, path, 0)?.as_ref() {
        Json::String(text) => text.clone(),
        Json::Null => String::new(),
        other => other.to_string(),
    })
}

/// The first component of a path, what separates it from the rest, and the rest.
fn split(path: &str) -> (&str, Option<char>, &str) {
    let (mut depth, mut quoted, mut escaped) = (0usize, false, false);
    for (at, c) in path.char_indices() {
        match c {
            _ if escaped => escaped = false,
            '\\' => escaped = true,
            '"' if depth > 0 => quoted = !quoted,
            _ if quoted => {}
            '(' => depth += 1,
            ')' => depth = depth.saturating_sub(1),
            '.' | '|' if depth == 0 => {
                return (path.get(..at).unwrap_or(""), Some(c), path.get(at + 1..).unwrap_or(""));
            }
            _ => {}
        }
    }
    (path, None, "")
}

fn walk<'j>(json: &'j Json, path: &str, depth: usize) -> Option<Cow<'j, Json>> {
    if depth > COMPONENTS_MAX {
        return None;
    }
    let (component, separator, rest) = split(path);
    if component.is_empty() {
        return None;
    }
    let go_on = |found: Cow<'j, Json>| match (separator, found) {
        (None, found) => Some(found),
        (Some(_), Cow::Borrowed(found)) => walk(found, rest, depth + 1),
        (Some(_), Cow::Owned(found)) => walk(&found, rest, depth + 1).map(|found| Cow::Owned(found.into_owned())),
    };
    if let Some(modifier) = component.strip_prefix('@') {
        return go_on(modified(json, modifier)?);
    }
    match json {
        Json::Object(entries) => {
            let found = if component.contains(['*', '?']) {
                entries.iter().find(|(key, _)| matches(key, component)).map(|(_, value)| value)
            } else {
                entries.get(unescape(component).as_ref())
            };
            go_on(Cow::Borrowed(found?))
        }
        Json::Array(items) => match component.strip_prefix('#') {
            None => go_on(Cow::Borrowed(items.get(component.parse::<usize>().ok()?)?)),
            Some("") => match separator {
                // `a.#.b`: every element; the rest of the path up to a `|` belongs to the elements.
                Some('.') => {
                    let (inner, outer) = at_pipe(rest);
                    let each = items.iter().filter_map(|item| walk(item, inner, depth + 1)).map(Cow::into_owned);
                    let all = Json::Array(each.collect());
                    match outer {
                        Some(outer) => walk(&all, outer, depth + 1).map(|found| Cow::Owned(found.into_owned())),
                        None => Some(Cow::Owned(all)),
                    }
                }
                _ => go_on(Cow::Owned(Json::from(items.len()))),
            },
            Some(query) => {
                let (query, all) = match query.strip_suffix('#') {
                    Some(query) => (query, true),
                    None => (query, false),
                };
                let query = Query::parse(query.strip_prefix('(')?.strip_suffix(')')?);
                if !all {
                    return go_on(Cow::Borrowed(items.iter().find(|item| query.holds(item, depth))?));
                }
                let found: Vec<&Json> = items.iter().filter(|item| query.holds(item, depth)).collect();
                let (inner, outer) = if separator == Some('.') { at_pipe(rest) } else { ("", Some(rest)) };
                let each = found.into_iter().filter_map(|item| {
                    if inner.is_empty() {
                        Some(item.clone())
                    } else {
                        walk(item, inner, depth + 1).map(Cow::into_owned)
                    }
                });
                let list = Json::Array(each.collect());
                match outer.filter(|outer| !outer.is_empty()) {
                    Some(outer) => walk(&list, outer, depth + 1).map(|found| Cow::Owned(found.into_owned())),
                    None => Some(Cow::Owned(list)),
                }
            }
        },
        _ => None,
    }
}

/// Splits at the first `|` outside of queries.
fn at_pipe(path: &str) -> (&str, Option<&str>) {
    let mut rest = path;
    loop {
        let (_, separator, tail) = split(rest);
        match separator {
            None => return (path, None),
            Some('|') => return (path.get(..path.len() - tail.len() - 1).unwrap_or(""), Some(tail)),
            Some(_) => rest = tail,
        }
    }
}

fn unescape(component: &str) -> Cow<'_, str> {
    if !component.contains('\\') {
        return Cow::Borrowed(component);
    }
    let mut out = String::with_capacity(component.len());
    let mut chars = component.chars();
    while let Some(c) = chars.next() {
        out.push(if c == '\\' { chars.next().unwrap_or(c) } else { c });
    }
    Cow::Owned(out)
}

fn modified<'j>(json: &'j Json, modifier: &str) -> Option<Cow<'j, Json>> {
    Some(match (modifier, json) {
        ("this", json) => Cow::Borrowed(json),
        ("keys", Json::Object(entries)) => Cow::Owned(entries.keys().map(String::as_str).collect()),
        ("values", Json::Object(entries)) => Cow::Owned(entries.values().cloned().collect()),
        ("reverse", Json::Array(items)) => Cow::Owned(items.iter().rev().cloned().collect()),
        ("flatten", Json::Array(items)) => Cow::Owned(
            items.iter().flat_map(|item| item.as_array().cloned().unwrap_or_else(|| vec![item.clone()])).collect(),
        ),
        ("keys" | "values" | "reverse" | "flatten", other) => Cow::Borrowed(other),
        _ => return None,
    })
}

/// Does `text` fit a pattern with `*` and `?`? Linear: only the last star is ever tried again.
fn matches(text: &str, pattern: &str) -> bool {
    let (text, pattern): (Vec<char>, Vec<char>) = (text.chars().collect(), pattern.chars().collect());
    let (mut at, mut place) = (0, 0);
    let mut star: Option<(usize, usize)> = None;
    while at < text.len() {
        match pattern.get(place) {
            Some('*') => {
                star = Some((place, at));
                place += 1;
            }
            Some('\\') if pattern.get(place + 1) == text.get(at) => {
                place += 2;
                at += 1;
            }
            Some(c) if *c == '?' || Some(c) == text.get(at) => {
                place += 1;
                at += 1;
            }
            _ => match star {
                Some((back, from)) => {
                    star = Some((back, from + 1));
                    place = back + 1;
                    at = from + 1;
                }
                None => return false,
            },
        }
    }
    pattern.iter().skip(place).all(|c| *c == '*')
}

/// `path op value`, `op value` (the element itself), or `path` (it exists).
struct Query<'q> {
    path: &'q str,
    operator: &'q str,
    value: Json,
}

impl<'q> Query<'q> {
    fn parse(text: &'q str) -> Query<'q> {
        const OPERATORS: [&str; 9] = ["==", "!=", "<=", ">=", "!%", "=", "<", ">", "%"];
        let mut nested = 0usize;
        for (at, c) in text.char_indices() {
            match c {
                '(' => nested += 1,
                ')' => nested = nested.saturating_sub(1),
                _ if nested > 0 => continue,
                _ => {}
            }
            let rest = text.get(at..).unwrap_or("");
            if let Some(operator) = OPERATORS.iter().find(|operator| rest.starts_with(**operator)) {
                let value = rest.get(operator.len()..).unwrap_or("").trim();
                let value = serde_json::from_str(value).unwrap_or_else(|_| Json::from(value));
                return Query { path: text.get(..at).unwrap_or("").trim(), operator, value };
            }
        }
        Query { path: text.trim(), operator: "", value: Json::Null }
    }

    fn holds(&self, item: &Json, depth: usize) -> bool {
        let found = if self.path.is_empty() { Some(Cow::Borrowed(item)) } else { walk(item, self.path, depth + 1) };
        let Some(found) = found else { return false };
        let ordering = match (found.as_ref(), &self.value) {
            (Json::String(a), Json::String(b)) if self.operator.ends_with('%') => {
                return matches(a, b) == (self.operator == "%");
            }
            (Json::String(a), Json::String(b)) => Some(a.cmp(b)),
            (Json::Number(a), Json::Number(b)) => a.as_f64().partial_cmp(&b.as_f64()),
            (Json::Bool(a), Json::Bool(b)) => Some(a.cmp(b)),
            (Json::Null, Json::Null) => Some(Ordering::Equal),
            _ => None,
        };
        match self.operator {
            "" => true,
            "=" | "==" => ordering == Some(Ordering::Equal),
            "!=" => ordering != Some(Ordering::Equal),
            "<" => ordering == Some(Ordering::Less),
            "<=" => ordering.is_some_and(Ordering::is_le),
            ">" => ordering == Some(Ordering::Greater),
            ">=" => ordering.is_some_and(Ordering::is_ge),
            _ => false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const OBJECT: &str = r#"{"kind":"List","items":[{"kind":"None","name":"one","labels":{"a.b":"dot"},"n":3,"f":1.5,"b":true},
        {"kind":"None","name":"two","n":7,"f":2.5,"b":false}],"users":[{"name":"me"},{"name":"e2e","user":{"password":"x"}}],
        "nums":[1,2,3,4,5],"big":12345678,"nul":null,"e":{},"ea":[],"status":{"phase":"Succeeded","conditions":[
        {"type":"Ready","status":"False"},{"type":"Complete","status":"True"}]}}"#;

    #[test]
    fn paths() {
        let object: Json = serde_json::from_str(OBJECT).unwrap();
        for (path, expected) in [
            ("kind", Some("List")),
            ("items.0.kind", Some("None")),
            ("items.#", Some("2")),
            ("items.#.name", Some(r#"["one","two"]"#)),
            (r"items.0.labels.a\.b", Some("dot")),
            (r#"items.#(name=="two").n"#, Some("7")),
            ("items.#(n>3).name", Some("two")),
            ("items.#(n>2)#.name", Some(r#"["one","two"]"#)),
            (r#"items.#(name%"t*").n"#, Some("7")),
            (r#"items.#(name!%"t*").n"#, Some("3")),
            (r#"items.#(nope=="x").kind"#, None),
            ("items.#(b==true).n", Some("3")),
            (r#"users.#(name=="e2e").user.password"#, Some("x")),
            ("users.#(user.password).name", Some("e2e")),
            ("nums.1", Some("2")),
            ("nums.-1", None),
            ("nums.9", None),
            ("nums.#(>2)", Some("3")),
            ("nums.#(>2)#", Some("[3,4,5]")),
            ("nums.@reverse", Some("[5,4,3,2,1]")),
            ("nums|0", Some("1")),
            ("items.#.name|#", Some("2")),
            ("items.#.name|0", Some("one")),
            ("big", Some("12345678")),
            ("nul", Some("")),
            ("nope", None),
            ("kind.x", None),
            ("us*s.0.name", Some("me")),
            ("k?nd", Some("List")),
            ("e", Some("{}")),
            ("ea.#", Some("0")),
            ("items.#.nope", Some("[]")),
            ("status.phase", Some("Succeeded")),
            (r#"status.conditions.#(type=="Complete").status"#, Some("True")),
            ("e.@keys", Some("[]")),
            ("", None),
            ("..", None),
        ] {
            assert_eq!(get_text(&object, path).as_deref(), expected, "{path}");
        }
    }

    #[test]
    fn hostile_paths_end() {
        let object: Json = serde_json::from_str(OBJECT).unwrap();
        for path in
            [".".repeat(10_000), "#(".repeat(10_000), "@this|".repeat(10_000), format!("{}x", "*".repeat(5_000))]
        {
            let _ = get(&object, &path);
        }
    }
}
