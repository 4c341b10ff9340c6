//! No text whatsoever makes a parser or an evaluation panic, overflow the stack, or run long.

use proptest::prelude::*;

use crate::jsonpath::{self, Missing};
use crate::selector::{FieldSelector, ResourceCondition, Selector};
use crate::testing::scope;
use crate::{Budget, Condition, Depends, Env, Expression, MapScope, Mode, Template, gjson, jq};

/// Enough for anything sensible, little enough for thousands of cases.
const BUDGET: Budget = Budget { fuel_max: 20_000, bytes_max: 1 << 20 };

/// Pieces of all the languages, so that random texts get past the first character.
const PIECES: &[&str] = &[
    "{{",
    "}}",
    "{{=",
    "{",
    "}",
    "(",
    ")",
    "[",
    "]",
    "'",
    "\"",
    "`",
    "\\",
    ".",
    "..",
    "?.",
    "?",
    ":",
    "??",
    ",",
    ";",
    "|",
    "||",
    "&&",
    "!",
    "==",
    "!=",
    "<",
    ">=",
    "=~",
    "+",
    "-",
    "*",
    "**",
    "/",
    "%",
    "^",
    "#",
    "#acc",
    ".x",
    "@",
    "$",
    "$env",
    "a",
    "b.c",
    "s",
    "n",
    "arr",
    "inputs.parameters.name",
    "['my-count']",
    "item",
    "1",
    "0",
    "-1",
    "2.5",
    "1e9",
    "9223372036854775807",
    "0x",
    "true",
    "false",
    "nil",
    "let x =",
    "if",
    "else",
    "in",
    "not",
    "matches",
    "contains",
    "map(",
    "filter(",
    "reduce(",
    "all(",
    "sortBy(",
    "groupBy(",
    "sum(",
    "len(",
    "split(",
    "repeat(",
    "1..5",
    "now()",
    "date('2024-01-02')",
    "duration('1h')",
    ".Format('2006')",
    "sprig.",
    "sprig.trim(",
    "sprig.list(",
    "sprig.date(",
    "sprig.regexReplaceAll(",
    "sprig.semverCompare(",
    "sprig.urlParse(",
    "sprig.round(",
    "sprig.wrap(",
    "asInt(",
    "jsonpath(",
    "fromJSON(",
    "toJSON(",
    "Succeeded",
    "A.Failed",
    "range",
    "end",
    "{end}",
    "?(@.a==1)",
    "[*]",
    "[0:1]",
    " ",
    "\n",
    "é",
    "\u{0}",
    "//",
    "/*",
    "notin",
    "%",
    "a=b",
    "!c",
];

fn soup() -> impl Strategy<Value = String> {
    prop_oneof![
        3 => prop::collection::vec(prop::sample::select(PIECES), 0..25).prop_map(|pieces| pieces.concat()),
        1 => prop::collection::vec(prop::sample::select(PIECES), 0..25).prop_map(|pieces| pieces.join(" ")),
        1 => any::<String>(),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 2_000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn expressions(text in soup()) {
        let scope = scope();
        let mut random = |bytes: &mut [u8]| bytes.fill(1);
        let mut env = Env::new(&scope).with_now(jiff::Timestamp::UNIX_EPOCH).with_random(&mut random).with_budget(BUDGET);
        match Expression::parse(&text) {
            Ok(expression) => {
                let _ = expression.references();
                if let Err(error) = expression.eval(&mut env) {
                    let _ = error.render();
                }
            }
            Err(error) => { let _ = error.render(); }
        }
    }

    #[test]
    fn templates(text in soup()) {
        let scope = scope();
        for text in [text.clone(), format!("{{{{{text}}}}}"), format!("{{{{={text}}}}}")] {
            match Template::parse(&text) {
                Ok(template) => {
                    for mode in [Mode::Lenient, Mode::Strict, Mode::StrictUnder(&["inputs."])] {
                        match template.render_in(&mut Env::new(&scope).with_budget(BUDGET), mode) {
                            Ok(rendered) => prop_assert!(!template.is_static() || rendered.text == text),
                            Err(error) => { let _ = error.render(); }
                        }
                    }
                    for reference in template.tags() {
                        prop_assert!(reference.span.end as usize <= text.len());
                    }
                }
                Err(error) => { let _ = error.render(); }
            }
        }
    }

    #[test]
    fn conditions(text in soup()) {
        match Condition::parse(&text) {
            Ok(condition) => {
                let _ = condition.tags();
                if let Err(error) = condition.eval_in(&mut Env::new(&scope()).with_budget(BUDGET)) {
                    let _ = error.render();
                }
            }
            Err(error) => { let _ = error.render(); }
        }
    }

    /// The value of an operand changes the outcome only as a value: an equality with something else stays false.
    #[test]
    fn conditions_take_no_injection(value in soup()) {
        prop_assume!(value != "expected" && value != "other");
        let scope = MapScope::new().with("x", value);
        for condition in ["{{x}} == expected && other == other", "'{{x}}' == expected", "expected == {{x}}", "{{x}}{{x}} == expected"] {
            prop_assert_eq!(Condition::parse(condition).unwrap().eval(&scope), Ok(false));
        }
    }

    #[test]
    fn rendered_values_stay_values(value in soup()) {
        let scope = MapScope::new().with("x", value.clone());
        for text in ["{{x}}", "{{=x}}", "{{='{{x}}'}}"] {
            let template = Template::parse(text).unwrap();
            prop_assert_eq!(template.render(&scope, Mode::Strict).unwrap().text, value.as_str());
        }
    }

    #[test]
    fn paths_and_selectors(text in soup()) {
        let document = serde_json::json!({"a": [1, {"b": {"c": "x"}}], "b": {"c": null}, "items": [], "x": "y"});
        if let Ok(template) = jsonpath::Template::parse(&text) {
            let _ = template.render(&document, Missing::Error, BUDGET);
        }
        let _ = jsonpath::Template::parse(&format!("{{{text}}}")).map(|t| t.render(&document, Missing::Empty, BUDGET));
        let _ = jsonpath::Path::parse(&text);
        let _ = gjson::get_text(&document, &text);
        let _ = Selector::parse(&text).map(|s| s.matches(|_| Some("x")));
        let _ = FieldSelector::parse(&text).map(|s| s.matches(|_| None));
        let _ = ResourceCondition::parse(&text).map(|c| c.matches(&document));
        let _ = Depends::parse(&text).map(|d| d.eval(&mut |_, result| result.is_none()));
    }

    #[test]
    fn selectors_print_what_they_parse(text in soup()) {
        if let Ok(selector) = Selector::parse(&text) {
            prop_assert_eq!(Selector::parse(&selector.to_string()), Ok(selector));
        }
    }

    #[test]
    fn jq_programs_are_checked(text in soup()) {
        if let Err(error) = jq::check(&text) {
            let _ = error.render();
        }
    }

    /// Layouts and dates in Go's notation.
    #[test]
    fn times(layout in "[a-zA-Z0-9:/. +_-]{0,20}", text in "[a-zA-Z0-9:/. +_-]{0,20}", seconds in -60_000_000_000i64..200_000_000_000) {
        let at = crate::Time::utc(jiff::Timestamp::from_second(seconds).unwrap());
        let _ = crate::time::format_time(&at, &layout);
        let _ = crate::time::parse_time(&text, &layout, &crate::Zone::Utc);
        let _ = crate::time::parse_any(&text, &crate::Zone::Utc);
        let _ = crate::time::parse_duration(&text);
        let shown = crate::time::rfc3339_nano(&at);
        let read = crate::time::parse_time(&shown, "2006-01-02T15:04:05Z07:00", &crate::Zone::Utc).unwrap();
        prop_assert_eq!(read.at(), at.at());
    }

    #[test]
    fn durations_read_what_they_write(ns in any::<i64>()) {
        prop_assume!(ns != i64::MIN);
        prop_assert_eq!(crate::time::parse_duration(&crate::time::duration_text(ns)).unwrap(), ns);
    }
}
