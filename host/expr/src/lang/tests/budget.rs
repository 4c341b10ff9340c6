//! Expressions that would take all time or memory end quickly, with the error that says so.

use std::time::{Duration, Instant};

use crate::{Budget, Env, ErrorKind, Expression, NoScope};

/// A generous bound for a slow machine and an unoptimized build; unbudgeted, each of these takes hours or all memory.
const DEADLINE: Duration = Duration::from_secs(60);

fn run(code: &str) -> Result<crate::Value, crate::Error> {
    let started = Instant::now();
    let result = Expression::parse(code).and_then(|e| e.eval(&mut Env::new(&NoScope)));
    assert!(started.elapsed() < DEADLINE, "{code} took {:?}", started.elapsed());
    result
}

#[test]
fn bombs() {
    for code in [
        "map(1..1000000000, #)",
        "1..9223372036854775807",
        "-9223372036854775807..9223372036854775807",
        "repeat('x', 1000000000)",
        "repeat(repeat('x', 100000), 100000)",
        "map(1..1000, map(1..1000, map(1..1000, #)))",
        "count(1..1000, {any(1..1000, {all(1..1000, # > 0) and false})})",
        "reduce(1..200, #acc + #acc, 'x')",
        "toJSON(reduce(1..60, [#acc, #acc], [1]))",
        "string(reduce(1..60, [#acc, #acc], [1]))",
        "flatten(reduce(1..60, [#acc, #acc], [1]))",
        "reduce(1..60, [#acc, #acc], [1]) == reduce(1..60, [#acc, #acc], [1])",
        "reduce(1..60, ({a: #acc, b: #acc}), {}) == reduce(1..60, ({a: #acc, b: #acc}), {})",
        "replace(repeat('a', 100000), 'a', repeat('b', 100000))",
        "replace(repeat('a', 1000000), '', repeat('b', 1000))",
        "split(repeat(',', 50000000), ',')",
        "join(map(1..100000, repeat('x', 100000)), '')",
        "uniq(map(1..1000000, [#]))",
        "sort(map(1..1000000, string(#)))",
        "concat(1..1000000, 1..1000000, 1..1000000, 1..1000000)",
        "map(1..100000, toBase64(repeat('x', 1000)))",
        "sprig.repeat(1000000000, 'x')",
        "sprig.until(1000000000)",
        "sprig.untilStep(0, 9223372036854775807, 1)",
        "sprig.seq(1, 1000000000)",
        "sprig.indent(1000000000, 'x')",
        "sprig.nindent(100000, repeat('\\n', 100000))",
        "sprig.wrapWith(1, repeat('x', 100000), repeat('y', 100000))",
        "sprig.regexReplaceAll('', repeat('a', 100000), repeat('b', 100000))",
        "sprig.regexReplaceAll('a*', repeat('a', 100000), repeat('$0', 100000))",
        "sprig.cat(reduce(1..60, [#acc, #acc], [1]))",
        "sprig.toJson(reduce(1..60, [#acc, #acc], [1]))",
        "sprig.join(repeat('x', 1000000), 1..1000000)",
        "sprig.randAlpha(1000000000)",
        "sprig.sha512sum(repeat('x', 60000000))",
        "map(1..1000000, sprig.dateInZone('2006', 0, 'Europe/Zurich'))",
        "map(1..1000000, sprig.regexMatch('a{100}' + string(#), 'x'))",
        "map(1..1000000, timezone('Europe/Zurich'))",
        "jsonpath(reduce(1..60, ({a: #acc, b: #acc}), {}), '$..a')",
        "fromJSON('[' + repeat('1,', 10000000) + '1]')",
    ] {
        let error = run(code).expect_err(code);
        assert!(error.is_limit(), "{code}\n{}", error.render());
    }
}

#[test]
fn deep_values_are_refused() {
    for code in
        ["reduce(1..100000, [#acc], [])", "reduce(1..100000, ({a: #acc}), {})", "reduce(1..1000, sprig.list(#acc), [])"]
    {
        assert!(matches!(run(code).unwrap_err().kind(), ErrorKind::TooDeep { .. }), "{code}");
    }
}

#[test]
fn deep_texts_are_refused() {
    let n = 100_000;
    for code in [
        "(".repeat(n),
        format!("{}1{}", "(".repeat(n), ")".repeat(n)),
        "[".repeat(n),
        "{a:".repeat(n),
        "!".repeat(n),
        "not ".repeat(n / 2),
        "-".repeat(n),
        "- ".repeat(n),
        "a ? b : ".repeat(n / 10),
        "a ?: ".repeat(n / 10),
        "2 ** ".repeat(n / 10),
        "if a { ".repeat(n / 10),
        "if a {1} else ".repeat(n / 20),
        "map(a, ".repeat(n / 10),
        "f(".repeat(n),
        "a[".repeat(n),
        "x | upper() ".repeat(n / 20),
        format!("x{}", " | upper()".repeat(n / 20)),
        "a.b(".repeat(n / 10),
        "let a = (".repeat(n / 20),
        format!("'{}'", "x".repeat(300_000)),
    ] {
        assert!(Expression::parse(&code).is_err(), "{}", &code[..30]);
    }
}

/// The deepest texts that are accepted are evaluated on an ordinary thread's stack.
#[test]
fn the_deepest_texts_run() {
    let within =
        |n: usize, open: &str, inner: &str, close: &str| format!("{}{inner}{}", open.repeat(n), close.repeat(n));
    for (code, expected) in [
        (within(48, "(", "1", ")"), "1"),
        (within(95, "!", "true", ""), "false"),
        (within(90, "[", "", "]") + " != []", "true"),
        (within(45, "map([1], ", "1", ")") + " != []", "true"),
        (within(45, "map([1], {", "1", "})") + " != []", "true"),
        (within(90, "upper(", "'a'", ")"), "\"A\""),
        (within(45, "{a: {a: ", "1", "}}") + ".a == nil", "false"),
        (format!("'a'{}", " | upper()".repeat(150)), "\"A\""),
        (within(45, "true ? ", "1", " : 2"), "1"),
        (within(90, "1 ** ", "2", ""), "1"),
        (within(30, "if true { ", "1", " } else { 2 }"), "1"),
    ] {
        assert_eq!(crate::testing::answer(&code).as_deref(), Ok(expected), "{code}");
    }
}

/// What is long without being deep works.
#[test]
fn long_chains_work() {
    let sum = vec!["1"; 20_000].join(" + ");
    assert_eq!(run(&sum).unwrap(), crate::Value::Int(20_000));
    let any = format!("{} || true", vec!["false"; 10_000].join(" || "));
    assert_eq!(run(&any).unwrap(), crate::Value::Bool(true));
    let lets: String = (0..2_000).map(|n| format!("let v{n} = {n}; ")).collect();
    assert_eq!(run(&format!("{lets} v1999")).unwrap(), crate::Value::Int(1999));
    let list = format!("len([{}])", vec!["1"; 20_000].join(","));
    assert_eq!(run(&list).unwrap(), crate::Value::Int(20_000));
}

/// The caller's budget is what counts.
#[test]
fn budgets_are_the_callers() {
    let expression = Expression::parse("sum(1..1000)").unwrap();
    let eval = |budget| expression.eval(&mut Env::new(&NoScope).with_budget(budget));
    assert_eq!(eval(Budget::DEFAULT).unwrap(), crate::Value::Int(500_500));
    assert!(eval(Budget { fuel_max: 500, bytes_max: 1 << 20 }).unwrap_err().is_limit());
    assert!(eval(Budget { fuel_max: 1_000_000, bytes_max: 1000 }).unwrap_err().is_limit());
}

/// Sources that are too long are refused before they are parsed.
#[test]
fn long_texts_are_refused() {
    assert!(matches!(Expression::parse(&" ".repeat(1 << 20)).unwrap_err().kind(), ErrorKind::TooLong { .. }));
}
