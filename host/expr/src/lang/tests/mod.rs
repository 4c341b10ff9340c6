//! The language against answers of the reference implementation, and against what only this one does.

use crate::{Env, Expression, MapScope, Value};

fn scope() -> MapScope {
    MapScope::new()
        .with("s", "1")
        .with("n", 5.0)
        .with("arr", Value::from(vec![Value::from(1.0), Value::from(2.0)]))
        .with("foo.bar", 1.0)
}

fn answer(code: &str) -> Result<String, String> {
    let scope = scope();
    let mut bytes = |out: &mut [u8]| out.fill(7);
    let mut env = Env::new(&scope).with_now("2024-05-06T07:08:09Z".parse().unwrap()).with_random(&mut bytes);
    let value = Expression::parse(code).and_then(|e| e.eval(&mut env)).map_err(|e| e.render())?;
    Ok(match value {
        Value::Str(s) => Value::from(vec![Value::Str(s)]).to_tag_text().trim_matches(['[', ']']).to_owned(),
        other => other.to_tag_text(),
    })
}

#[test]
fn dump() {
    let Ok(path) = std::env::var("CASES") else { return };
    let mut bad = 0;
    for line in std::fs::read_to_string(path).unwrap().lines() {
        let mut parts = line.split('\t');
        let (code, want) = (parts.next().unwrap(), parts.next().unwrap());
        let got = answer(code);
        let same = match (&got, want.strip_prefix("ERR")) {
            (Err(_), Some(_)) => true,
            (Ok(got), None) => got == want,
            _ => false,
        };
        if !same {
            bad += 1;
            println!("{code}\n   want {want}\n   got  {}", got.unwrap_or_else(|e| format!("ERR {e}")));
        }
    }
    println!("{bad} differ");
}
