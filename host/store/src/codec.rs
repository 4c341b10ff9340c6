//! JSON as stores keep and compare it.

use std::borrow::Cow;
use std::ops::Deref;
use std::sync::Arc;

use model::{Object, ObjectMeta};
use serde::Deserialize;
use serde_json::value::RawValue;

/// The same JSON without white space between its tokens, so that equal documents mostly are equal texts.
pub fn compact<R: Deref<Target = RawValue> + From<Box<RawValue>>>(raw: R) -> R {
    let Some(text) = without_space(raw.get()) else { return raw };
    RawValue::from_string(text).map_or(raw, R::from)
}

/// Whether two compact JSON texts say the same, regardless of the order of keys.
pub fn same_json(a: &RawValue, b: &RawValue) -> bool {
    let (a, b) = (a.get(), b.get());
    if a == b {
        return true;
    }
    // Only a permutation of the same bytes can be the same document with its keys in another order.
    let sum = |s: &str| s.bytes().map(u64::from).sum::<u64>();
    if a.len() != b.len() || sum(a) != sum(b) {
        return false;
    }
    let parse = |s: &str| serde_json::from_str::<serde_json::Value>(s).ok();
    matches!((parse(a), parse(b)), (Some(a), Some(b)) if a == b)
}

/// `status.phase`, or the empty string.
pub fn phase_of(status: Option<&RawValue>) -> Arc<str> {
    #[derive(Deserialize)]
    struct Status<'a> {
        #[serde(borrow, default)]
        phase: Option<Cow<'a, str>>,
    }
    let phase = status.and_then(|s| serde_json::from_str::<Status<'_>>(s.get()).ok()).and_then(|s| s.phase);
    phase.as_deref().unwrap_or_default().into()
}

/// About how many bytes an object takes, in JSON and in memory.
pub fn size_of(object: &Object) -> u64 {
    let meta = &object.metadata;
    let pairs = |m: &model::meta::StringMap| m.iter().map(|(k, v)| k.len() + v.len() + 6).sum::<usize>();
    let owners: usize = meta.owner_references.iter().map(|o| o.name.len() + o.uid.len() + o.kind.len() + 64).sum();
    let finalizers: usize = meta.finalizers.iter().map(|f| f.len() + 3).sum();
    let status = object.status.as_ref().map_or(0, |s| s.get().len());
    (256 + pairs(&meta.labels) + pairs(&meta.annotations) + owners + finalizers + object.body.get().len() + status)
        as u64
}

/// About how many bytes the parts of the metadata take that users write.
pub fn size_of_metadata(meta: &ObjectMeta) -> u64 {
    let pairs = |m: &model::meta::StringMap| m.iter().map(|(k, v)| k.len() + v.len() + 6).sum::<usize>();
    let owners: usize = meta.owner_references.iter().map(|o| o.name.len() + o.uid.len() + o.kind.len() + 64).sum();
    (pairs(&meta.labels)
        + pairs(&meta.annotations)
        + owners
        + meta.finalizers.iter().map(|f| f.len() + 3).sum::<usize>()) as u64
}

/// The empty JSON object.
pub fn empty_object() -> Arc<RawValue> {
    RawValue::from_string("{}".to_owned()).unwrap_or_else(|_| RawValue::NULL.to_owned()).into()
}

/// Nothing when there is no such space.
fn without_space(text: &str) -> Option<String> {
    let first = outside_strings(text).find(|(_, c)| c.is_ascii_whitespace())?.0;
    let mut out = Vec::with_capacity(text.len());
    out.extend_from_slice(text.as_bytes().get(..first)?);
    out.extend(
        all(text).filter(|(i, c, inside)| *i >= first && (*inside || !c.is_ascii_whitespace())).map(|(_, c, _)| c),
    );
    String::from_utf8(out).ok()
}

fn outside_strings(text: &str) -> impl Iterator<Item = (usize, u8)> + '_ {
    all(text).filter(|(_, _, inside)| !inside).map(|(i, c, _)| (i, c))
}

/// Every byte, with whether it is inside a string.
fn all(text: &str) -> impl Iterator<Item = (usize, u8, bool)> + '_ {
    let (mut inside, mut escaped) = (false, false);
    text.bytes().enumerate().map(move |(i, c)| {
        let was = inside;
        match c {
            _ if escaped => escaped = false,
            b'\\' if inside => escaped = true,
            b'"' => inside = !inside,
            _ => {}
        }
        (i, c, was)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn raw(s: &str) -> Box<RawValue> {
        RawValue::from_string(s.to_owned()).unwrap()
    }

    #[test]
    fn compacts_outside_strings_only() {
        for (given, want) in [
            ("{}", "{}"),
            (r#"{ "a" : [ 1 , 2 ] }"#, r#"{"a":[1,2]}"#),
            ("{\"a b\": \"c \\\" d\\\\\" , \"e\":\n\t\"f  g\"}", r#"{"a b":"c \" d\\","e":"f  g"}"#),
            (r#""ä  ö""#, r#""ä  ö""#),
        ] {
            assert_eq!(compact(raw(given)).get(), want);
        }
    }

    #[test]
    fn compares_as_json() {
        assert!(same_json(&raw(r#"{"a":1,"b":2}"#), &raw(r#"{"b":2,"a":1}"#)));
        assert!(!same_json(&raw(r#"{"a":1,"b":2}"#), &raw(r#"{"a":2,"b":1}"#)));
        assert!(!same_json(&raw("[1,2]"), &raw("[2,1]")));
        assert!(!same_json(&raw("[1]"), &raw("[12]")));
    }

    #[test]
    fn reads_the_phase() {
        for (status, want) in
            [(r#"{"nodes":{"a":{"phase":"X"}},"phase":"Running"}"#, "Running"), (r#"{"phase":7}"#, ""), ("{}", "")]
        {
            assert_eq!(&*phase_of(Some(&raw(status))), want);
        }
        assert_eq!(&*phase_of(None), "");
    }
}
