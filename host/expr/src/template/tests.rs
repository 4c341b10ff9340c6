use super::*;
use crate::testing::scope;
use crate::{Budget, MapScope, NoScope};

fn render(text: &str, mode: Mode<'_>) -> String {
    let scope = scope();
    let template = match Template::parse(text) {
        Ok(template) => template,
        Err(error) => return format!("error: {}", error.render()),
    };
    match template.render(&scope, mode) {
        Ok(rendered) if rendered.unresolved.is_empty() => rendered.text.into_owned(),
        Ok(rendered) => format!("{} [{}]", rendered.text, rendered.unresolved.join(" | ")),
        Err(error) => format!("error: {}", error.render()),
    }
}

#[test]
fn rendering() {
    for (text, expected) in [
        ("", ""),
        ("plain text", "plain text"),
        ("{ } {a} }} {", "{ } {a} }} {"),
        ("{{s}}", "1"),
        ("{{ s }}", "1"),
        ("hello {{inputs.parameters.name}}!", "hello world!"),
        ("{{inputs.parameters.my-count}}{{s}}{{s}}", "311"),
        // Values are not templates.
        ("{{trap}}", "{{trap}} [trap]"),
        // Tags within tags, inside out.
        ("{{inputs.parameters.{{which}}}}", "{{inputs.parameters.{{which}}}} [which]"),
        // An object around a tag.
        (r#"{"a":{{s}}}"#, r#"{"a":1}"#),
        ("{{{s}}}", "{1}"),
        // Expressions.
        ("{{=asInt(s) + 1}}", "2"),
        ("{{= s }}{{=s}}", "11"),
        ("{{=inputs.parameters['my-count']}}", "3"),
        ("{{={a: {b: [1, 'x']}}}}", r#"{"a":{"b":[1,"x"]}}"#),
        ("{{='}}'}}", "}}"),
        ("{{='{{'}}", "{{"),
        ("{{=true}} {{=1.0}} {{=[nil]}}", "true 1 [null]"),
        ("{{=item.tags[0]}}", "x"),
        // Tags within expressions: an operand, or a part of a string; never syntax.
        ("{{={{s}} + 1}}", "2"),
        ("{{='a{{s}}b' + 'c'}}", "a1bc"),
        ("{{='{{inputs.parameters.name}}' == 'world'}}", "true"),
        // Unresolved ones stay, exactly as written.
        ("a {{ nope }} b {{s}}", "a {{ nope }} b 1 [nope]"),
        ("{{=nope + 1}}", "{{=nope + 1}} [=nope + 1]"),
        ("{{=steps.b.outputs.result ?? 'x'}}", "{{=steps.b.outputs.result ?? 'x'}} [=steps.b.outputs.result ?? 'x']"),
        ("{{ jinja | upper }} {{#each x}}", "{{ jinja | upper }} {{#each x}} [jinja | upper | #each x]"),
        ("{{}}", "{{}} []"),
    ] {
        assert_eq!(render(text, Mode::Lenient), expected, "{text}");
    }
}

#[test]
fn nested_tags() {
    let scope = MapScope::new().with("which", "b").with("a.b", "found").with("b", "c").with("a.c.d", "deep");
    for (text, expected) in [
        ("{{a.{{which}}}}", "found"),
        ("{{ a.{{ which }} }}", "found"),
        ("{{a.{{b}}.d}}!", "deep!"),
        ("{{a.{{which}}}}{{a.{{which}}}}", "foundfound"),
        ("{{{{which}}}}", "c"),
    ] {
        let template = Template::parse(text).unwrap();
        assert_eq!(template.render(&scope, Mode::Strict).unwrap().text, expected, "{text}");
    }
}

/// A value that looks like a tag, an expression or a part of one stays a value, however often it is rendered.
#[test]
fn values_are_never_parsed() {
    let hostile = "{{=sprig.env('HOME')}} {{inputs.parameters.secret}} ' + s + ' }} {{";
    let scope = MapScope::new().with("x", hostile).with("inputs.parameters.secret", "hidden").with("s", "1");
    for (text, expected) in [
        ("{{x}}", hostile.to_owned()),
        ("a{{x}}b", format!("a{hostile}b")),
        ("{{=x}}", hostile.to_owned()),
        ("{{='{{x}}'}}", hostile.to_owned()),
        ("{{={{x}}}}", hostile.to_owned()),
        ("{{=len('{{x}}') > 0 ? 'yes' : 'no'}}", "yes".to_owned()),
    ] {
        assert_eq!(Template::parse(text).unwrap().render(&scope, Mode::Strict).unwrap().text, expected, "{text}");
    }
    // A name that is put together is a name, not a path out of its group.
    let scope = MapScope::new().with("which", "secret").with("a.secret", "x").with("secret", "hidden");
    assert_eq!(Template::parse("{{a.{{which}}}}").unwrap().render(&scope, Mode::Strict).unwrap().text, "x");
}

#[test]
fn strict_mode() {
    for (text, expected) in [
        ("{{s}} {{=s}}", "1 1"),
        ("{{=inputs.parameters.missing ?? 'default'}}", "default"),
        ("{{=steps.skipped.outputs.result ?? 'default'}}", "default"),
        (
            "hello {{inputs.parameters.nme}}",
            "error: the tag `{{inputs.parameters.nme}}` cannot be resolved
  |
  | hello {{inputs.parameters.nme}}
  |       ^^^^^^^^^^^^^^^^^^^^^^^^^
  = hint: did you mean `inputs.parameters.name`?",
        ),
        (
            "a\nb {{=asInt(inputs.parameters.nme)}}",
            "error: `asInt` cannot read nil as an integer
  | line 2, column 6
  | b {{=asInt(inputs.parameters.nme)}}
  |      ^^^^^^^^^^^^^^^^^^^^^^^^^^^^",
        ),
        (
            "x {{=inputs.parameters.nme}}",
            "error: the tag `{{inputs.parameters.nme}}` cannot be resolved
  |
  | x {{=inputs.parameters.nme}}
  |      ^^^^^^^^^^^^^^^^^^^^^
  = hint: did you mean `inputs.parameters.name`?
  = hint: `… ?? 'default'` provides for a value that is missing",
        ),
        (
            "x {{=input.parameters.name}}",
            "error: `input.parameters.name` is not known here
  |
  | x {{=input.parameters.name}}
  |      ^^^^^^^^^^^^^^^^^^^^^
  = hint: did you mean `inputs.parameters.name`?",
        ),
        (
            "{{=s + 1}}",
            "error: `+` cannot take the string \"1\" and the int 1
  |
  | {{=s + 1}}
  |    ^^^^^
  = hint: join texts with `string(n)`, add numbers with `asInt(s)` or `asFloat(s)`",
        ),
        (
            "{{='a{{nope}}'}}",
            "error: the tag `{{nope}}` cannot be resolved
  |
  | a{{nope}}
  |  ^^^^^^^^",
        ),
    ] {
        assert_eq!(render(text, Mode::Strict), expected, "{text}");
    }
}

#[test]
fn broken_texts() {
    for (text, expected) in [
        (
            "a {{b",
            "error: the tag is not closed
  |
  | a {{b
  |   ^^
  = expected `}}`
  = hint: two braces that begin no tag are written `{{='{{'}}`",
        ),
        (
            "a {{=1 +}} b",
            "error: unexpected end
  |
  | a {{=1 +}} b
  |         ^
  = expected a value",
        ),
        (
            "{{a.{{=b}}}}",
            "error: an expression within a tag or an expression
  |
  | {{a.{{=b}}}}
  |     ^^^
  = hint: within an expression, variables are named without braces",
        ),
    ] {
        assert_eq!(render(text, Mode::Lenient), expected, "{text}");
    }
    assert!(Template::parse(&"{{".repeat(100_000)).is_err());
    assert!(Template::parse(&"{{=".repeat(100_000)).is_err());
    assert!(Template::parse(&"{{={{".repeat(100_000)).is_err());
    assert!(Template::parse(&format!("{}{}", "{{a.".repeat(50), "}}".repeat(50))).is_err());
}

#[test]
fn strict_under_known_prefixes() {
    let mode = Mode::StrictUnder(&["inputs.", "steps."]);
    for (text, expected) in [
        ("{{ jinja.x }} {{s}}", "{{ jinja.x }} 1 [jinja.x]"),
        ("{{=jinja.x}}", "{{=jinja.x}} [=jinja.x]"),
        ("{{=inputs.parameters.missing ?? 'd'}}", "d"),
    ] {
        assert_eq!(render(text, mode), expected, "{text}");
    }
    assert!(render("{{inputs.parameters.nope}}", mode).starts_with("error: "));
    assert!(render("{{=steps.nope.x}}", mode).starts_with("error: "));
}

#[test]
fn references() {
    let of = |text: &str| -> String {
        let references = Template::parse(text).unwrap().tags();
        let texts = references.iter().map(|reference| {
            let place = &text[reference.span.start as usize..reference.span.end as usize];
            let mark =
                format!("{}{}", if reference.dynamic { "[]" } else { "" }, if reference.expression { "=" } else { "" });
            format!("{}{mark}@{place}", reference.name)
        });
        texts.collect::<Vec<_>>().join(" ")
    };
    for (text, expected) in [
        ("plain", ""),
        ("a {{ b.c }} d {{e}}", "b.c@{{ b.c }} e@{{e}}"),
        ("{{a.{{b}}.c}}", "a[]@{{a.{{b}}.c}} b@{{b}}"),
        ("x {{=asInt(a['b-c']) + d}}", "a.b-c=@a['b-c'] d=@d"),
    ] {
        assert_eq!(of(text), expected, "{text}");
    }
}

#[test]
fn whole_tags_and_static_texts() {
    let parse = |text: &str| Template::parse(text).unwrap();
    assert!(parse("no tags").is_static() && !parse("{{a}}").is_static());
    assert_eq!(parse("{{ a }}").as_tag(), Some("a"));
    assert_eq!(parse(" {{a}}").as_tag(), None);
    assert_eq!(parse("{{a.{{b}}}}").as_tag(), None);
    assert_eq!(parse("{{=a + 1}}").as_expression().map(|e| e.source().to_owned()), Some("a + 1".to_owned()));
    assert!(parse("x{{=a}}").as_expression().is_none());
    // Nothing is copied where there is nothing to put together.
    let scope = MapScope::new().with("a", "value");
    assert!(matches!(parse("static").render(&scope, Mode::Strict).unwrap().text, Cow::Borrowed("static")));
    assert!(matches!(parse("{{a}}").render(&scope, Mode::Strict).unwrap().text, Cow::Borrowed("value")));
    assert!(matches!(parse("{{b}}").render(&scope, Mode::Lenient).unwrap().text, Cow::Borrowed("{{b}}")));
}

#[test]
fn time_randomness_and_budget_come_from_the_environment() {
    let mut random = |bytes: &mut [u8]| bytes.fill(0);
    let mut env = Env::new(&NoScope).with_now("2024-01-02T03:04:05Z".parse().unwrap()).with_random(&mut random);
    let text = {
        let template = Template::parse("{{=now().Year()}}-{{=sprig.randAlpha(3)}}").unwrap();
        template.render_in(&mut env, Mode::Strict).unwrap().text.into_owned()
    };
    assert_eq!(text, "2024-AAA");
    env.budget = Budget { fuel_max: 10, bytes_max: 100 };
    let template = Template::parse("{{=sum(1..1000)}}").unwrap();
    assert!(template.render_in(&mut env, Mode::Lenient).unwrap_err().is_limit());
    assert!(Template::parse("{{=now()}}").unwrap().render(&NoScope, Mode::Strict).is_err());
}
