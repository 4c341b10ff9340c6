use super::*;
use crate::MapScope;

fn eval(condition: &str, scope: &dyn Scope) -> String {
    match Condition::parse(condition).and_then(|condition| condition.eval(scope)) {
        Ok(result) => result.to_string(),
        Err(error) => error.render(),
    }
}

/// Each condition on the left is true or false as on the right.
#[test]
fn literals_and_operators() {
    for (condition, expected) in [
        ("true", "true"),
        ("!true", "false"),
        ("!(true && false)", "true"),
        ("!false&&true", "true"),
        ("true&&!false", "true"),
        ("true || false && false", "true"),
        ("1 < 2 && 2 < 3", "true"),
        ("1 > 2 == false", "true"),
        ("1 == 1 == true", "true"),
        ("1 + 2 * 3 == 7", "true"),
        ("-2 ** 2 == 4", "true"),
        ("2 ** 3 ** 2 == 64", "true"),
        ("10 - 3 - 2 == 5", "true"),
        ("100 / 10 / 2 == 5", "true"),
        ("2 * 3 % 4 == 2", "true"),
        ("~5 == -6", "true"),
        ("(5 & 3 | 4) == 5", "true"),
        ("(1 | 2 ^ 3) == 0", "true"),
        ("1 << 2 + 1 == 8", "true"),
        ("7 & 3 == 3", "true"),
        ("5 - -3 == 8", "true"),
        ("5.5 > 5", "true"),
        (".5 < 1", "true"),
        ("1>=1", "true"),
        ("1!=2", "true"),
        ("0x10 == 16", "true"),
        ("'a' == \"a\"", "true"),
        ("'5' == 5", "false"),
        ("5 == 5.0", "true"),
        ("'a' + 'b' == 'ab'", "true"),
        ("'a' + 1 == 'a1'", "true"),
        ("'a' < 'b'", "true"),
        ("'abc' =~ 'b'", "true"),
        ("'abc' !~ '^b'", "true"),
        (r"'a5' =~ '^\\w\\d$'", "true"),
        ("'it\\'s' == \"it's\"", "true"),
        ("1 in (1,2)", "true"),
        ("'a' in ('a','b')", "true"),
        ("c IN (a, b)", "false"),
        ("a in (a)", "true"),
        ("'' == ''", "true"),
        ("true ? true : false", "true"),
        ("false ? false : true ? true : false", "true"),
        ("(false ? true) ?? true", "true"),
        ("true ?? false", "true"),
        ("'2014-01-02' < '2015-01-01'", "true"),
        ("'2014-01-02' == '2014-01-02 00:00:00'", "true"),
        ("'2014-01-02T14:12:22Z' > '2014-01-02'", "true"),
        ("2024-05-01 < 2024-06-01", "true"),
        // Bare words are strings.
        ("heads == heads", "true"),
        ("heads == tails", "false"),
        ("my-branch == my-branch", "true"),
        ("ghcr.io/image != docker.io/image", "true"),
        ("v1.2.3 == v1.2.3", "true"),
        ("Succeeded == \"Succeeded\"", "true"),
        ("abc =~ ^a", "unexpected `^`\n  |\n  | abc =~ ^a\n  |        ^\n  = expected a value"),
    ] {
        assert_eq!(eval(condition, &NoScope), expected, "{condition}");
    }
}

#[test]
fn tags_are_typed_operands() {
    let scope = MapScope::new()
        .with("x", "5")
        .with("flag", "true")
        .with("word", "heads")
        .with("empty", "")
        .with("spaces", "hello world")
        .with("neg", "-3")
        .with("date", "2024-05-01")
        .with("list", r#"["a","b",3]"#)
        .with("parens", "(a, 'b c')")
        .with("name", "my-task");
    for (condition, expected) in [
        ("{{x}} == 5", "true"),
        ("{{x}} == 5.0", "true"),
        ("{{x}} > 3 && {{x}} < 10", "true"),
        ("{{x}} + 1 == 6", "true"),
        ("{{x}}-1 == 4", "true"),
        ("'{{x}}' == 5", "false"),
        ("'{{x}}' == '5'", "true"),
        ("{{neg}} < 0", "true"),
        ("{{flag}}", "true"),
        ("{{flag}} == true", "true"),
        ("!{{flag}}", "false"),
        ("{{flag}} && {{x}} == 5", "true"),
        ("{{word}} == heads", "true"),
        ("{{word}} == 'heads'", "true"),
        ("\"{{word}}\" != tails", "true"),
        ("{{empty}} == ''", "true"),
        ("'{{empty}}' == ''", "true"),
        ("{{spaces}} == 'hello world'", "true"),
        ("pre-{{word}} == pre-heads", "true"),
        ("{{word}}-post == 'heads-post'", "true"),
        ("{{word}}{{x}} == heads5", "true"),
        ("1{{x}} == 15", "true"),
        ("'a {{word}} b' == 'a heads b'", "true"),
        ("{{date}} == 2024-05-01", "true"),
        ("{{date}} < '2024-06-01'", "true"),
        ("{{word}} =~ '^h'", "true"),
        ("{{x}} =~ '^5$'", "true"),
        ("a in {{list}}", "true"),
        ("3 in {{list}}", "true"),
        ("c in {{list}}", "false"),
        ("'b c' in {{parens}}", "true"),
        ("{{=asInt(x) > 3}}", "true"),
        ("{{=asInt(x) > 3}} && {{flag}}", "true"),
        ("{{=x}} == 5", "true"),
        ("'{{=sprig.upper('a')}}' == 'A'", "true"),
        ("a in {{=['a', 'b']}}", "true"),
        ("{{name}} == my-task", "true"),
    ] {
        assert_eq!(eval(condition, &scope), expected, "{condition}");
    }
}

/// Whatever the value is, the structure of the condition stays.
#[test]
fn values_cannot_inject() {
    let hostile = [
        "x || true",
        "true",
        "1 == 1",
        "' || '1'=='1",
        "\" || true || \"",
        ") || (true",
        "x' == 'x",
        "a\nb || true",
        "{{flag}}",
        "{{=true}}",
        "0 || true ||",
        "!false",
        "true //",
        "x == x",
        "1 in (1)",
        "foo ? true : true",
        "'",
        "\\",
        "}} || {{",
    ];
    for value in hostile {
        let scope = MapScope::new().with("x", value).with("flag", "true").with("own", value);
        for condition in [
            "{{x}} == foo && bar == baz",
            "{{x}} == foo",
            "'{{x}}' == 'foo'",
            "\"{{x}}\" == foo",
            "pre{{x}} == foo",
            "foo == {{x}}",
            "foo == {{x}} && true",
            "{{x}} in (foo, bar)",
            "foo == '{{=x}}'",
            "{{=x}} == foo",
        ] {
            assert_eq!(eval(condition, &scope), "false", "{condition} with {value:?}");
        }
        assert_eq!(eval("{{x}} == {{own}}", &scope), "true", "{value:?}");
    }
}

/// A condition that is nothing but a tag has the structure of the tag's value.
#[test]
fn a_condition_may_come_from_one_tag() {
    let scope = MapScope::new()
        .with("cond", "a == a && 2 > 1")
        .with("no", "false")
        .with("broken", "a == ")
        .with("tagged", "{{cond}} == a")
        .with("text", "yes")
        .with("empty", "");
    for (condition, expected) in
        [("{{cond}}", "true"), (" {{ cond }} ", "true"), ("{{no}}", "false"), ("{{=cond}}", "true")]
    {
        assert_eq!(eval(condition, &scope), expected, "{condition}");
    }
    assert!(eval("{{broken}}", &scope).contains("unexpected end"));
    assert!(eval("{{tagged}}", &scope).contains("tags in a value are not replaced"), "{}", eval("{{tagged}}", &scope));
    assert!(eval("{{text}}", &scope).contains("must be true or false"));
    assert!(eval("{{empty}}", &scope).contains("the condition is empty"));
}

#[test]
fn mistakes() {
    let scope = MapScope::new().with("inputs.parameters.env", "prod").with("n", "x");
    for (condition, expected) in [
        (
            "{{inputs.parameters.evn}} == prod && true",
            "the tag `{{inputs.parameters.evn}}` cannot be resolved
  |
  | {{inputs.parameters.evn}} == prod && true
  | ^^^^^^^^^^^^^^^^^^^^^^^^^
  = hint: did you mean `inputs.parameters.env`?",
        ),
        (
            "a == b and c == d",
            "unexpected `and`
  |
  | a == b and c == d
  |        ^^^
  = expected an operator or the end
  = hint: and is `&&`",
        ),
        (
            "a = b",
            "unexpected '='
  |
  | a = b
  |   ^
  = hint: equality is `==`, a regular expression `=~`",
        ),
        (
            "hello world == x",
            "unexpected `world`
  |
  | hello world == x
  |       ^^^^^
  = expected an operator or the end
  = hint: a string with spaces stands in quotes",
        ),
        (
            "{{n}} > 5",
            "`>` cannot take the string \"x\" and the number 5
  |
  | {{n}} > 5
  | ^^^^^^^^^",
        ),
        (
            "abc && true",
            "both sides of `&&` must be true or false, not the string \"abc\"
  |
  | abc && true
  | ^^^",
        ),
        ("'abc", "the string is not closed\n  |\n  | 'abc\n  | ^^^^\n  = expected a closing '"),
        ("(a == a", "unexpected end\n  |\n  | (a == a\n  |        ^\n  = expected `)`"),
        ("", "unexpected end\n  |\n  | \n  | ^\n  = expected a value"),
        (
            "x == {{=1 +}}",
            "unexpected end
  |
  | x == {{=1 +}}
  |            ^
  = expected a value",
        ),
        (
            "x == {{=asInt(n)}}",
            "`asInt` cannot read the string \"x\" as an integer
  |
  | x == {{=asInt(n)}}
  |         ^^^^^^^^
  = hint: `asFloat(…)` reads numbers with a fraction",
        ),
        (
            "a in b",
            "`in` cannot take the string \"a\" and the string \"b\"
  |
  | a in b
  | ^^^^^^
  = expected a list, `('a', 'b')`, or a value that is a JSON array",
        ),
    ] {
        let got = eval(condition, &scope);
        assert_eq!(got, expected, "{condition}\n{got}");
    }
}

#[test]
fn references_of_conditions() {
    let of = |condition: &str| {
        let tags = Condition::parse(condition).unwrap().tags();
        let spans = tags.iter().map(|tag| format!("{}@{}", tag.name, tag.span.start));
        spans.collect::<Vec<_>>().join(" ")
    };
    assert_eq!(of("{{a}} == '{{b}}' && {{=c.d}} > 1"), "a@0 b@10 c.d@23");
    assert_eq!(of("{{a}}"), "a@0");
    assert_eq!(of("a == b"), "");
}

#[test]
fn hostile_conditions_end() {
    for condition in [
        "(".repeat(100_000),
        "!".repeat(100_000),
        "- ".repeat(100_000),
        "a ? ".repeat(10_000),
        "1 + ".repeat(10_000) + "1",
        "2 ** ".repeat(10_000) + "1",
        "true ?? ".repeat(10_000) + "true",
        "{{".repeat(100_000),
        "'{{".repeat(10_000),
        "a".repeat(1 << 20),
    ] {
        assert!(Condition::parse(&condition).is_err(), "{}", &condition[..10]);
    }
    let long = format!("{}true", "a == a && ".repeat(5_000));
    assert_eq!(eval(&long, &NoScope), "true");
}
