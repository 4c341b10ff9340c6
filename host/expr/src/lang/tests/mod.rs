//! The language against the answers of the reference implementation, and what is only true of this one.

mod budget;
mod errors;

use crate::testing::{answer, check_table, json, scope};
use crate::{Env, ErrorKind, Expression, MapScope, Value};

#[test]
fn answers_of_the_reference_implementation() {
    check_table(include_str!("language.tsv"));
}

/// Where the reference implementation gives an error or something that nobody could want, and this one does not.
#[test]
fn intended_differences() {
    for (code, expected) in [
        // Types are not known before evaluation, so these are no errors.
        (r#"1 == "1""#, "false"),
        ("date('2023-08-14').Month() == 8", "true"),
        ("true || nope", "true"),
        ("1 in nil", "false"),
        (r#""a" contains nil"#, "false"),
        ("get(nil, 'a')", "null"),
        ("$env['nope']", "null"),
        ("7 % 2.0", "1"),
        // Maps keep their order; keys of any type print.
        ("keys({b: 1, a: 2})", r#"["b","a"]"#),
        ("toPairs({b: 1, a: 2})", r#"[["b",1],["a",2]]"#),
        ("groupBy(['a', 'bb', 'cc'], len(#))", r#"{"1":["a"],"2":["bb","cc"]}"#),
        ("groupBy([1, 2, 3], # > 1)[true]", "[2,3]"),
        ("fromPairs([[1, 2]])", r#"{"1":2}"#),
        // No nil lists.
        (r#"split("a,b", ",", 0)"#, "[]"),
        ("nil?.a.b", "null"),
        ("string(timezone('Europe/Zurich'))", r#""Europe/Zurich""#),
        (r#"date("Mon, 14 Aug 2023 10:11:12 -0700")"#, r#""2023-08-14T10:11:12-07:00""#),
    ] {
        assert_eq!(answer(code).as_deref(), Ok(expected), "{code}");
    }
}

#[test]
fn additions() {
    for (code, expected) in [
        ("asInt('42')", "42"),
        ("asInt(3.0)", "3"),
        ("asInt('3.0') + 1", "4"),
        ("asInt(inputs.parameters['my-count']) * 2", "6"),
        ("asFloat('1.5')", "1.5"),
        ("asFloat('2') / 4", "0.5"),
        ("toJson({b: [1, 'x'], a: nil})", r#""{\"a\":null,\"b\":[1,\"x\"]}""#),
        (r#"jsonpath('{"a":{"b":[10,20]}}', '$.a.b[1]')"#, "20"),
        (r#"jsonpath('{"a":[{"n":1},{"n":2}]}', '$.a[*].n')"#, "[1,2]"),
        (r#"jsonpath({a: {b: 'x'}}, '$.a.b')"#, r#""x""#),
        ("map(fromJSON(inputs.parameters.list), # + '!')", r#"["a!","b!"]"#),
        ("sprig.trim(' a ')", r#""a""#),
        ("inputs.parameters.list | fromJSON() | len()", "2"),
        ("' a ' | sprig.trim() | upper()", r#""A""#),
        ("now()", r#""2024-05-06T07:08:09Z""#),
        ("now().Format('2006-01-02')", r#""2024-05-06""#),
    ] {
        assert_eq!(answer(code).as_deref(), Ok(expected), "{code}");
    }
}

#[test]
fn variables() {
    for (code, expected) in [
        ("inputs.parameters.name", r#""world""#),
        ("inputs.parameters['my-count']", r#""3""#),
        ("inputs['parameters']['name']", r#""world""#),
        ("let k = 'name'; inputs.parameters[k]", r#""world""#),
        ("inputs.parameters.missing", "null"),
        ("inputs.parameters.missing ?? 'default'", r#""default""#),
        ("inputs.parameters?.missing?.deeper", "null"),
        ("steps.skipped.outputs.result ?? 'skipped'", r#""skipped""#),
        ("item.os", r#""linux""#),
        ("item.tags[1]", r#""y""#),
        ("item.nope", "null"),
        ("item", r#"{"os":"linux","tags":["x","y"]}"#),
        ("'name' in inputs.parameters", "true"),
        ("'nope' in inputs.parameters", "false"),
        ("'parameters' in inputs", "true"),
        ("inputs", r#"{"parameters":{"list":"[\"a\",\"b\"]","my-count":"3","name":"world"}}"#),
        ("len(inputs.parameters)", "3"),
        ("keys(steps)", r#"["a","skipped"]"#),
        ("$env.s", r#""1""#),
        ("$env['inputs'].parameters.name", r#""world""#),
        ("'s' in $env", "true"),
        ("let inputs = {a: 1}; inputs.a", "1"),
        ("map([1], {let s = # + 1; s})[0] + asInt(s)", "3"),
    ] {
        assert_eq!(answer(code).as_deref(), Ok(expected), "{code}");
    }
}

/// A group is not built for one of its members: the scope is asked by name.
#[test]
fn a_variable_costs_no_walk_over_the_scope() {
    struct Counted(std::cell::Cell<usize>);
    impl crate::Scope for Counted {
        fn lookup(&self, name: &str) -> Option<std::borrow::Cow<'_, str>> {
            (name == "a.b").then_some("x".into())
        }
        fn each_name(&self, _: &str, _: &mut dyn FnMut(&str) -> std::ops::ControlFlow<()>) {
            self.0.set(self.0.get() + 1);
        }
    }
    let scope = Counted(std::cell::Cell::new(0));
    for code in ["a.b", "a['b']", "let k = 'b'; a.b + a.b"] {
        Expression::parse(code).unwrap().eval(&mut Env::new(&scope)).unwrap();
    }
    assert_eq!(scope.0.get(), 0);
}

#[test]
fn references() {
    let of = |code: &str| -> String {
        let references = Expression::parse(code).unwrap().references();
        let texts: Vec<String> = references
            .iter()
            .map(|r| format!("{}{}{}", r.name, if r.dynamic { "[]" } else { "" }, if r.optional { "?" } else { "" }))
            .collect();
        texts.join(" ")
    };
    for (code, expected) in [
        ("a.b['c-d'] + e", "a.b.c-d e"),
        ("a.b ?? 'x'", "a.b?"),
        ("a?.b", "a.b?"),
        ("a[b].c", "a[] b"),
        ("map(xs, .y + z)", "xs z"),
        ("let a = b; a.c", "b"),
        ("len(x) + sprig.int(y)", "x y"),
        ("x.y.Format('2006')", "x.y"),
        ("'k' in m", "m"),
        ("1 + 2", ""),
    ] {
        assert_eq!(of(code), expected, "{code}");
    }
}

#[test]
fn lenient_evaluation_says_what_is_missing() {
    let scope = scope();
    for (code, expected) in [
        ("inputs.parameters.missing", "inputs.parameters.missing"),
        ("steps.b.outputs.result ?? 'x'", "steps.b.outputs.result"),
        ("nowhere", "nowhere"),
        ("inputs.parameters[s]", "inputs.parameters.1"),
    ] {
        let error = Expression::parse(code).unwrap().text(&mut Env::new(&scope), true).unwrap_err();
        assert_eq!(error.kind(), &ErrorKind::Unresolved(expected.to_owned()), "{code}");
    }
}

#[test]
fn typed_results() {
    let scope = MapScope::new().with("b", true).with("t", "true");
    let eval_bool = |code: &str| Expression::parse(code).unwrap().eval_bool(&mut Env::new(&scope));
    assert_eq!(eval_bool("b"), Ok(true));
    assert!(eval_bool("t").unwrap_err().to_string().contains("compare it"));
    let text = |code: &str| Expression::parse(code).unwrap().eval_text(&mut Env::new(&scope));
    assert_eq!(text("'raw'").as_deref(), Ok("raw"));
    assert_eq!(text("[1, 'a', {b: nil}]").as_deref(), Ok(r#"[1,"a",{"b":null}]"#));
    assert_eq!(text("1.50").as_deref(), Ok("1.5"));
    assert_eq!(text("4 / 2").as_deref(), Ok("2"));
    assert!(text("nil").is_err());
    assert!(text("1 / 0").is_err());
    assert_eq!(json(&Value::from(1.0)), "1");
}

#[test]
fn programs_are_shared_between_threads() {
    fn shared<T: Send + Sync>() {}
    shared::<Expression>();
    shared::<crate::Template>();
    shared::<crate::Condition>();
    shared::<crate::Depends>();
    shared::<Value>();
    shared::<crate::Error>();
}

#[test]
fn values_to_json() {
    let value = Value::from(serde_json::json!({"b": [1, 2.5, "<x>"], "a": null, "big": 9007199254740993i64}));
    let json = value.to_json(crate::Budget::DEFAULT).unwrap();
    assert_eq!(json.to_string(), r#"{"a":null,"b":[1,2.5,"<x>"],"big":9007199254740993}"#);
    assert!(Value::from(f64::NAN).to_json(crate::Budget::DEFAULT).is_err());
    let tiny = crate::Budget { fuel_max: 5, bytes_max: 1 << 20 };
    assert!(value.to_json(tiny).unwrap_err().is_limit());
}
