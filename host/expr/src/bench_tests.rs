//! Costs of the hot path, by hand: `cargo test --release -p expr --lib bench -- --ignored --nocapture`.

use std::hint::black_box;
use std::time::Instant;

use crate::testing::scope;
use crate::{Condition, Depends, Env, Expression, Mode, NoScope, Template};

fn measure(name: &str, mut run: impl FnMut()) {
    const ROUNDS: u32 = 200_000;
    for _ in 0..ROUNDS / 10 {
        run();
    }
    let started = Instant::now();
    for _ in 0..ROUNDS {
        run();
    }
    println!("{name:<44} {:>8.0} ns", started.elapsed().as_nanos() as f64 / f64::from(ROUNDS));
}

#[test]
#[ignore = "prints times; says nothing about right or wrong"]
fn bench() {
    let scope = scope();
    let plain = Template::parse("a text without any tag in it, as most are").unwrap();
    let tag = Template::parse("{{inputs.parameters.name}}").unwrap();
    let text = Template::parse("echo {{inputs.parameters.name}} > /tmp/{{item.os}}{{s}}.txt").unwrap();
    let simple = Template::parse("{{=asInt(s) + 1}}").unwrap();
    let medium = Expression::parse(
        "asInt(inputs.parameters['my-count']) > 2 && item.os == 'linux' ? sprig.upper(s) + '-x' : 'none'",
    )
    .unwrap();
    let large = Expression::parse("map(filter(1..100, # % 2 == 0), # * 2) | sum()").unwrap();
    let condition = Condition::parse("{{inputs.parameters.name}} == world && {{s}} < 3").unwrap();
    let depends = Depends::parse("A.Succeeded && (B.Failed || !C.Skipped)").unwrap();

    measure("render, no tags", || drop(black_box(plain.render(&scope, Mode::Strict))));
    measure("render, one tag", || drop(black_box(tag.render(&scope, Mode::Strict))));
    measure("render, three tags in a text", || drop(black_box(text.render(&scope, Mode::Lenient))));
    measure("render, {{=asInt(s) + 1}}", || drop(black_box(simple.render(&scope, Mode::Strict))));
    measure("eval, medium expression", || drop(black_box(medium.eval(&mut Env::new(&scope)))));
    measure("eval, 150 predicate steps", || drop(black_box(large.eval(&mut Env::new(&NoScope)))));
    measure("condition, two tags", || drop(black_box(condition.eval(&scope))));
    measure("depends, three tasks", || {
        black_box(depends.eval(&mut |task, _| task == "A"));
    });
    measure("parse, text with three tags", || drop(black_box(Template::parse(text.source()))));
    measure("parse, medium expression", || drop(black_box(Expression::parse(medium.source()))));
    measure("parse, condition", || drop(black_box(Condition::parse(condition.source()))));
}
