//! What the tests of all languages share: a scope with everything, and answers as text.

use crate::{Env, Expression, MapScope, Value};

/// The scope of the tables: a few variables, as workflows have them.
pub(crate) fn scope() -> MapScope {
    let pair = |a: f64, b: f64| Value::from(vec![Value::from(a), Value::from(b)]);
    MapScope::new()
        .with("s", "1")
        .with("n", 5.0)
        .with("arr", pair(1.0, 2.0))
        .with("foo.bar", 1.0)
        .with("inputs.parameters.name", "world")
        .with("inputs.parameters.my-count", "3")
        .with("inputs.parameters.list", r#"["a","b"]"#)
        .with("item", Value::from(serde_json::json!({"os": "linux", "tags": ["x", "y"]})))
        .with("steps.a.outputs.result", "7")
        .with("steps.skipped.outputs.result", Value::Nil)
}

/// The expression's value as JSON, or its error as a person sees it. Time and randomness are fixed.
pub(crate) fn answer(code: &str) -> Result<String, String> {
    let scope = scope();
    let mut random = |out: &mut [u8]| out.fill(7);
    let mut env = Env::new(&scope).with_now("2024-05-06T07:08:09Z".parse().unwrap()).with_random(&mut random);
    let value = Expression::parse(code).and_then(|e| e.eval(&mut env)).map_err(|e| e.render())?;
    Ok(json(&value))
}

/// The value as JSON, strings quoted.
pub(crate) fn json(value: &Value) -> String {
    let list = Value::from(vec![value.clone()]).to_tag_text();
    list.strip_prefix('[').and_then(|list| list.strip_suffix(']')).unwrap().to_owned()
}

/// Checks each `expression <tab> answer` of a table; all failures are shown at once.
pub(crate) fn check_table(table: &str) {
    let mut failures = Vec::new();
    let mut checked = 0;
    for line in table.lines().filter(|line| !line.starts_with("// ")) {
        let (code, expected) = line.split_once('\t').unwrap_or_else(|| panic!("no tab in {line:?}"));
        checked += 1;
        let got = answer(code);
        let same = match &got {
            Ok(got) => got == expected,
            Err(_) => expected == "error",
        };
        if !same {
            failures.push(format!("{code}\n  expected {expected}\n  got      {}", got.unwrap_or_else(|e| e)));
        }
    }
    assert!(checked > 100, "the table is not read");
    assert!(failures.is_empty(), "{} of {checked} differ:\n{}", failures.len(), failures.join("\n"));
}
