//! Label and field selectors as people write them, and the store's queries made from them.

use proto_gen::v1::{ObjectSelector, Order as OrderAsked};
use store::objects::{LabelRequirement, Order, Selector};

use crate::failure::{Failure, Outcome};
use crate::gate::Grant;
use crate::kinds::KindRef;

/// The longest selector (bytes).
const SELECTOR_BYTES_MAX: usize = 16 << 10;

/// Phases of runs, for `status.phase!=…`.
const PHASES: &[&str] = &["", "Pending", "Running", "Succeeded", "Failed", "Error"];

/// The store's selector for a kind in the namespace of a grant.
pub(crate) fn of(grant: &Grant, kind: &KindRef, asked: Option<&ObjectSelector>) -> Outcome<Selector> {
    let mut selector = Selector { gvk: Some(kind.gvk()), namespace: grant.namespace_selector(), ..Selector::default() };
    let Some(asked) = asked else { return Ok(selector) };
    selector.labels = labels(&asked.labels)?;
    selector.phases.clone_from(&asked.phases);
    let moment = |ms: i64| (ms != 0).then_some(ms);
    selector.created_from = moment(asked.created_from_ms);
    selector.created_until = moment(asked.created_until_ms);
    let text = |text: &str| (!text.is_empty()).then(|| text.to_owned());
    selector.name_prefix = text(&asked.name_prefix);
    selector.owner_uid = text(&asked.owner_uid);
    fields(&asked.fields, &mut selector)?;
    Ok(selector)
}

/// The store's order.
pub(crate) fn order(asked: i32) -> Order {
    match OrderAsked::try_from(asked) {
        Ok(OrderAsked::NewestFirst) => Order::NewestFirst,
        _ => Order::Name,
    }
}

/// `a=b, c!=d, e in (f,g), h notin (i), j, !k`.
pub(crate) fn labels(text: &str) -> Outcome<Vec<LabelRequirement>> {
    let bad = |reason: String| {
        Failure::field("selector.labels", reason).hint("write labels as `a=b,c!=d,e in (f,g),h notin (i),j,!k`")
    };
    if text.len() > SELECTOR_BYTES_MAX {
        return Err(Failure::too_large(
            "the label selector",
            "selector_bytes_max",
            SELECTOR_BYTES_MAX as u64,
            text.len() as u64,
        ));
    }
    let mut found = Vec::new();
    let mut rest = text.trim();
    while !rest.is_empty() {
        let (requirement, after) = requirement(rest).map_err(bad)?;
        found.push(requirement);
        rest = match after.strip_prefix(',') {
            Some(after) if after.trim().is_empty() => {
                return Err(bad("there is nothing after the last comma".to_owned()));
            }
            Some(after) => after.trim_start(),
            None if after.is_empty() => after,
            None => return Err(bad(format!("a comma is expected before `{after}`"))),
        };
    }
    Ok(found)
}

fn requirement(text: &str) -> Result<(LabelRequirement, &str), String> {
    if let Some(rest) = text.strip_prefix('!') {
        let (key, rest) = word(rest.trim_start());
        return Ok((LabelRequirement::NotExists(checked(key)?), rest.trim_start()));
    }
    let (key, rest) = word(text);
    let key = checked(key)?;
    let rest = rest.trim_start();
    let (operator, after) =
        ["==", "!=", "="].iter().find_map(|op| Some((*op, rest.strip_prefix(op)?))).unwrap_or(("", rest));
    if !operator.is_empty() {
        let (value, after) = word(after.trim_start());
        let requirement = match operator {
            "!=" => LabelRequirement::NotIn(key, vec![value.to_owned()]),
            _ => LabelRequirement::In(key, vec![value.to_owned()]),
        };
        return Ok((requirement, after.trim_start()));
    }
    let (operator, after) = word(rest);
    match operator {
        "" => Ok((LabelRequirement::Exists(key), rest)),
        "in" | "notin" => {
            let list = after
                .trim_start()
                .strip_prefix('(')
                .ok_or_else(|| format!("`(` is expected after `{key} {operator}`"))?;
            let (values, after) =
                list.split_once(')').ok_or_else(|| format!("`)` is missing after `{key} {operator} (`"))?;
            let values: Vec<String> = values.split(',').map(|value| value.trim().to_owned()).collect();
            let requirement =
                if operator == "in" { LabelRequirement::In(key, values) } else { LabelRequirement::NotIn(key, values) };
            Ok((requirement, after.trim_start()))
        }
        other => Err(format!("`{other}` after `{key}` is no operator; there are =, ==, !=, in, notin")),
    }
}

/// The longest prefix that may be a label's name or value.
fn word(text: &str) -> (&str, &str) {
    let end = text.find(|c: char| !(c.is_ascii_alphanumeric() || "-_./".contains(c))).unwrap_or(text.len());
    text.split_at(end)
}

fn checked(key: &str) -> Result<String, String> {
    if key.is_empty() { Err("a label's name is expected".to_owned()) } else { Ok(key.to_owned()) }
}

fn fields(text: &str, selector: &mut Selector) -> Outcome<()> {
    for term in text.split(',').map(str::trim).filter(|term| !term.is_empty()) {
        let bad = |reason: &str| {
            Failure::field("selector.fields", format!("`{term}`: {reason}"))
                .hint("the store selects by metadata.name=, metadata.namespace=, status.phase= and status.phase!=; for others list and filter")
        };
        let (name, value, equal) = match term.split_once("!=") {
            Some((name, value)) => (name, value, false),
            None => {
                let (name, value) = term.split_once('=').ok_or_else(|| bad("= or != is expected"))?;
                (name, value.strip_prefix('=').unwrap_or(value), true)
            }
        };
        match (name.trim(), value.trim(), equal) {
            ("metadata.name", value, true) => selector.name = Some(value.into()),
            ("metadata.namespace", value, true) => match &selector.namespace {
                Some(namespace) if **namespace != *value => return Err(bad("the request names another namespace")),
                Some(_) => {}
                None => selector.namespace = Some(value.into()),
            },
            ("status.phase", value, true) => selector.phases.push(value.to_owned()),
            ("status.phase", value, false) => {
                selector.phases.extend(PHASES.iter().filter(|phase| **phase != value).map(|phase| (*phase).to_owned()));
            }
            _ => return Err(bad("this field and operator cannot be selected by")),
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use LabelRequirement::{Exists, In, NotExists, NotIn};

    #[test]
    fn labels_as_kubernetes_writes_them() {
        let list = |values: &[&str]| values.iter().map(|v| (*v).to_owned()).collect::<Vec<_>>();
        for (text, expected) in [
            ("", vec![]),
            ("a=b", vec![In("a".into(), list(&["b"]))]),
            ("a==b , c != d", vec![In("a".into(), list(&["b"])), NotIn("c".into(), list(&["d"]))]),
            (
                "x/y in (a, b),!k,j",
                vec![In("x/y".into(), list(&["a", "b"])), NotExists("k".into()), Exists("j".into())],
            ),
            ("a notin (b)", vec![NotIn("a".into(), list(&["b"]))]),
            ("a=", vec![In("a".into(), list(&[""]))]),
            ("in in (in)", vec![In("in".into(), list(&["in"]))]),
        ] {
            assert_eq!(labels(text).unwrap(), expected, "{text}");
        }
    }

    #[test]
    fn nonsense_is_told() {
        for (text, part) in [
            ("a=b,", "nothing after"),
            ("=b", "name is expected"),
            ("a ~ b", "comma is expected"),
            ("a is b", "no operator"),
            ("a in b", "`(` is expected"),
            ("a in (b", "`)` is missing"),
            ("a=b c=d", "comma is expected"),
            ("!", "name is expected"),
        ] {
            let failure = labels(text).unwrap_err();
            assert!(failure.detail.message.contains(part), "{text}: {}", failure.detail.message);
        }
        assert!(labels(&"a,".repeat(SELECTOR_BYTES_MAX)).is_err());
    }

    #[test]
    fn fields_that_the_store_knows() {
        let mut selector = Selector::default();
        fields("metadata.name=a, metadata.namespace==n,status.phase!=Running", &mut selector).unwrap();
        assert_eq!((selector.name.as_deref(), selector.namespace.as_deref()), (Some("a"), Some("n")));
        assert_eq!(selector.phases, ["", "Pending", "Succeeded", "Failed", "Error"]);
        for bad in ["spec.suspend=true", "metadata.name!=a", "metadata.name", "metadata.namespace=other"] {
            assert!(
                fields(bad, &mut Selector { namespace: Some("n".into()), ..Selector::default() }).is_err(),
                "{bad}"
            );
        }
    }
}
