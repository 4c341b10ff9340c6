//! Everything that is parsed from outside gets garbage: an error is an answer, a panic, a hang or a crash is a fault.

mod commands;
mod compile;
mod server;
mod steps;

use std::time::{Duration, Instant};

use expr::{Condition, Depends, Env, Expression, NoScope, Template};
use testkit::hostile::attack;
use tests::example;

/// One input may take no longer, on a busy machine and without optimisation.
const ANSWER_WITHIN: Duration = Duration::from_secs(10);

fn in_time(work: impl FnOnce()) {
    let begun = Instant::now();
    work();
    assert!(begun.elapsed() < ANSWER_WITHIN, "took {:?}", begun.elapsed());
}

fn manifests() -> Vec<Vec<u8>> {
    let mut texts = Vec::new();
    for theme in example::themes() {
        for file in std::fs::read_dir(example::folder().join(theme)).unwrap().flatten() {
            texts.push(std::fs::read(file.path()).unwrap());
        }
    }
    texts
}

#[test]
fn hostile_manifests() {
    let texts = manifests();
    let corpus: Vec<&[u8]> = texts.iter().map(Vec::as_slice).collect();
    let limits = model::yaml::Limits::default();
    attack("manifests", &corpus, |input| {
        in_time(|| {
            let Ok(documents) = model::yaml::read_bytes(input, &limits) else { return };
            for document in documents {
                let value: serde_json::Value = serde_json::from_str(document.json()).expect("what was read is JSON");
                let _ = model::Object::from_value(value);
            }
        });
    });
}

#[test]
fn hostile_expressions() {
    let corpus: [&[u8]; 8] = [
        b"join(map(filter(1..5, # % 2 == 0), string(#)), ',')",
        b"steps['a-b'].outputs.result ?? 'x' + sprig.upper(workflow.name)",
        b"let x = fromJSON('{\"a\": [1, 2]}'); x.a[0] > 1 ? x.a : nil",
        b"sortBy([{n: 2}, {n: 1}], .n, 'desc')[0].n",
        b"asInt(lastRetry.exitCode) >= 2 and lastRetry.status in ['Error', \"Failed\"]",
        b"'abc' matches '^a.*c$' && not ('x' contains 'y')",
        b"now().Add(duration('1h')).Unix() % 60 ** 2",
        b"reduce(1..100, #acc + #, 0)",
    ];
    attack("expressions", &corpus, |input| {
        let Ok(text) = std::str::from_utf8(input) else { return };
        in_time(|| {
            if let Ok(expression) = Expression::parse(text) {
                let _ = expression.eval(&mut Env::new(&NoScope));
            }
        });
    });
}

#[test]
fn hostile_conditions_and_templates() {
    let corpus: [&[u8]; 6] = [
        b"{{steps.flip.outputs.result}} == heads && {{retries}} > 3",
        b"'a' in (a, b) || !(x =~ '^y$')",
        b"(a.Succeeded || a.Skipped) && !b.Failed",
        b"hello {{inputs.parameters.name}} and {{=1 + 2}}",
        b"{{a.{{b}}}} {{ }} {{=}} }} {{",
        b"{.items[?(@.n > 1)].name}",
    ];
    attack("conditions and templates", &corpus, |input| {
        let Ok(text) = std::str::from_utf8(input) else { return };
        in_time(|| {
            let _ = Condition::parse(text);
            let _ = Depends::parse(text);
            let _ = Template::parse(text);
        });
    });
}

/// What else is parsed of people's words.
#[test]
fn hostile_words() {
    let corpus: [&[u8]; 10] = [
        b"*/5 9-17 * * MON-FRI",
        b"@every 1h30m",
        b"CRON_TZ=Europe/Berlin 0 2 29 2 *",
        b"1h30m5.5s",
        b"1.5Gi",
        b"a in (b, c), !d, e notin (f), g=h",
        b"metadata.name=x,status.phase!=Running",
        b"map(.a) | {x: .[0], y: (1, 2)}",
        b"status.phase == Succeeded, !metadata.deletionTimestamp",
        b"data.#(name==\"x\").list.0",
    ];
    attack("words", &corpus, |input| {
        let Ok(text) = std::str::from_utf8(input) else { return };
        in_time(|| {
            let _ = model::cron::Schedule::parse(text);
            let _ = model::values::parse_duration_ms(text);
            let _ = model::values::Quantity(text.into()).bytes();
            let _ = expr::selector::Selector::parse(text);
            let _ = expr::selector::FieldSelector::parse(text);
            let _ = expr::selector::ResourceCondition::parse(text);
        });
    });
}
