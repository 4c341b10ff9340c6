//! Errors as a person sees them.

use crate::testing::answer;

#[test]
fn pictures() {
    for (code, expected) in [
        (
            "inputs.parameters.nam.x",
            "`inputs.parameters.nam.x` is not known here
  |
  | inputs.parameters.nam.x
  | ^^^^^^^^^^^^^^^^^^^^^^^
  = hint: did you mean `inputs.parameters.name`?
  = hint: `inputs.parameters` is known, and has no `nam`",
        ),
        (
            "upperr('a') + 'b'",
            "there is no function `upperr`
  |
  | upperr('a') + 'b'
  | ^^^^^^
  = hint: did you mean `upper`?",
        ),
        (
            "trimall('a', 'b')",
            "there is no function `trimall`
  |
  | trimall('a', 'b')
  | ^^^^^^^
  = hint: did you mean `trim`?",
        ),
        (
            "snakecase('a')",
            "there is no function `snakecase`
  |
  | snakecase('a')
  | ^^^^^^^^^
  = hint: did you mean `sprig.snakecase`?",
        ),
        (
            "sprig.snakcase('a')",
            "there is no function `sprig.snakcase`
  |
  | sprig.snakcase('a')
  |       ^^^^^^^^
  = hint: did you mean `sprig.snakecase` or `sprig.swapcase`?",
        ),
        (
            "s + 1",
            "`+` cannot take the string \"1\" and the int 1
  |
  | s + 1
  | ^^^^^
  = hint: join texts with `string(n)`, add numbers with `asInt(s)` or `asFloat(s)`",
        ),
        (
            "asInt('x1')",
            "`asInt` cannot read the string \"x1\" as an integer
  |
  | asInt('x1')
  | ^^^^^^^^^^^
  = hint: `asFloat(…)` reads numbers with a fraction",
        ),
        (
            "1 +",
            "unexpected end
  |
  | 1 +
  |    ^
  = expected a value",
        ),
        (
            "x = 1",
            "unexpected `=`
  |
  | x = 1
  |   ^
  = expected an operator or the end
  = hint: equality is `==`; a variable is declared with `let name = …;`",
        ),
        (
            "\"abc",
            "the string is not closed
  |
  | \"abc
  | ^^^^
  = expected a closing \"",
        ),
        (
            "let a = 1;\nlet b = 2;\na + bb(b)",
            "there is no function `bb`
  | line 3, column 5
  | a + bb(b)
  |     ^^",
        ),
        (
            "inputs.parameters.my-count",
            "`count` is not known here
  |
  | inputs.parameters.my-count
  |                      ^^^^^",
        ),
        (
            "steps.skipped.outputs.result.x",
            "there is no `x` in nil
  |
  | steps.skipped.outputs.result.x
  | ^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^
  = hint: `?.` gives nil where the left side is nil",
        ),
        (
            "[1, 2][5]",
            "there is no element 5 in an array of 2
  |
  | [1, 2][5]
  |       ^^^
  = hint: `get(array, index)` gives nil instead",
        ),
        (
            "s matches '['",
            "invalid regular expression `[`: unclosed character class
  |
  | s matches '['
  |           ^^^",
        ),
        (
            "sprig.genCA('a', 365)",
            "`sprig.genCA` is not available: a key or certificate would stand readable in the workflow and its history; make it in a step and keep it in a Secret
  |
  | sprig.genCA('a', 365)
  |       ^^^^^^^^^^^^^^^",
        ),
        (
            "now().Yer()",
            "there is no function `Yer`
  |
  | now().Yer()
  |      ^^^^^^
  = hint: did you mean `Year`?",
        ),
        (
            "split('a')",
            "`split` takes 2 to 3 argument(s), not 1
  |
  | split('a')
  | ^^^^^^^^^^",
        ),
        (
            "# > 1",
            "`#` outside of a predicate
  |
  | # > 1
  | ^
  = hint: it is the element that `map`, `filter`, `all` … look at",
        ),
        (
            "sprig.fail('no way')",
            "no way
  |
  | sprig.fail('no way')
  |       ^^^^^^^^^^^^^^",
        ),
        (
            "timezone('Europe/Zurch')",
            "unknown time zone `Europe/Zurch`
  |
  | timezone('Europe/Zurch')
  | ^^^^^^^^^^^^^^^^^^^^^^^^
  = hint: did you mean `Europe/Zurich`?",
        ),
    ] {
        let got = answer(code).unwrap_err();
        assert_eq!(got, expected, "{code}\n{got}");
    }
}

/// A long line is cut around the mistake.
#[test]
fn long_lines_are_cut() {
    let code = format!("[{} nope(1), {}]", "1234567890, ".repeat(30), "1234567890, ".repeat(30));
    let picture = answer(&code).unwrap_err();
    assert!(picture.lines().all(|line| line.chars().count() < 120), "{picture}");
    let lines: Vec<&str> = picture.lines().collect();
    let caret = lines[3].find('^').unwrap();
    let shown: String = lines[2].chars().skip(lines[3][..caret].chars().count()).take(4).collect();
    assert_eq!(shown, "nope", "{picture}");
}

#[test]
fn codes_are_stable() {
    for (code, expected) in [
        ("1 +", "expression-syntax"),
        ("nope", "expression-unknown-name"),
        ("nope()", "expression-unknown-function"),
        ("1 + 'a'", "expression-type"),
        ("int('a')", "expression-value"),
        ("1..99999999999", "expression-budget-exceeded"),
        ("sprig.bcrypt('a')", "expression-function-refused"),
        ("sprig.fail('a')", "expression-failed"),
        ("'a' matches '('", "expression-pattern"),
    ] {
        let scope = crate::testing::scope();
        let error = crate::Expression::parse(code).and_then(|e| e.eval(&mut crate::Env::new(&scope))).unwrap_err();
        assert_eq!(error.code(), expected, "{code}");
    }
    let scope = crate::NoScope;
    let error = crate::Expression::parse("now()").unwrap().eval(&mut crate::Env::new(&scope)).unwrap_err();
    assert_eq!(error.code(), "expression-no-clock");
    let error = crate::Expression::parse("sprig.uuidv4()").unwrap().eval(&mut crate::Env::new(&scope)).unwrap_err();
    assert_eq!(error.code(), "expression-no-random");
}
