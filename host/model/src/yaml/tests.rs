use super::*;

/// Reads one document and shows its JSON, or the error as a person sees it.
fn show(text: &str) -> String {
    match read(text, &Limits::DEFAULT) {
        Ok(documents) => documents.iter().map(Document::json).collect::<Vec<_>>().join(" | "),
        Err(error) => error.to_string(),
    }
}

#[test]
fn yaml_becomes_json() {
    for (text, expected) in [
        ("a: 1", r#"{"a":1}"#),
        ("", ""),
        ("---\n---\na: b\n---\n# nothing\n", r#"{"a":"b"}"#),
        ("a: 1\n---\nb: [x, 'y', \"z\\n\"]\n", r#"{"a":1} | {"b":["x","y","z\n"]}"#),
        ("a:\nb: ~\nc: ''", r#"{"a":null,"b":null,"c":""}"#),
        ("mode: 0644\nport: '0644'\n", r#"{"mode":420,"port":"0644"}"#),
        ("1: a\ntrue: b\n1.50: c\n'yes': d\n", r#"{"1":"a","true":"b","1.5":"c","yes":"d"}"#),
        ("s: |\n  line 1\n    line 2\n\n  line 3\n", r#"{"s":"line 1\n  line 2\n\nline 3\n"}"#),
        ("s: >-\n  folded\n  text\n", r#"{"s":"folded text"}"#),
        ("s: |+\n  keep\n\n", r#"{"s":"keep\n\n"}"#),
        ("a: !!str 12\nb: !!int '12'\nc: ! 12", r#"{"a":"12","b":12,"c":"12"}"#),
        ("a: \"tab\\tnul\\0é\\u2028\"", "{\"a\":\"tab\\tnul\\u0000é\u{2028}\"}"),
        ("\u{feff}a: 1", r#"{"a":1}"#),
        ("x: &a {k: [1, 2]}\ny: *a\n", r#"{"x":{"k":[1,2]},"y":{"k":[1,2]}}"#),
        (
            "&k key: v\nother: *k\n*k : w\n",
            "line 3, column 1: the key \"key\" stands twice in the same map [RD002] (hint: remove one of them: which one counts is not defined)",
        ),
        ("base: &b {a: 1, b: 2}\nuse:\n  <<: *b\n  b: 3\n", r#"{"base":{"a":1,"b":2},"use":{"b":3,"a":1}}"#),
        (
            "p: &p {a: 1, c: 1}\nq: &q {a: 2, d: [x]}\nuse: {<<: [*p, *q], e: 5}\n",
            r#"{"p":{"a":1,"c":1},"q":{"a":2,"d":["x"]},"use":{"e":5,"a":1,"c":1,"d":["x"]}}"#,
        ),
        ("use:\n  <<: {a: &deep [1], b: 2}\nagain: *deep\n", r#"{"use":{"a":[1],"b":2},"again":[1]}"#),
        ("'<<': text", r#"{"<<":"text"}"#),
        ("{\"a\": [1, {\"b\": null}]}", r#"{"a": [1, {"b": null}]}"#),
        ("{\"a\": 1}\n{\"b\": 2}\n", r#"{"a": 1} | {"b": 2}"#),
        ("{a: 1, b: [x]}", r#"{"a":1,"b":["x"]}"#),
        ("[1, 2]", "[1, 2]"),
        ("just text", r#""just text""#),
    ] {
        assert_eq!(show(text), expected, "{text:?}");
    }
}

#[test]
fn faults_say_where_and_what_to_do() {
    for (text, expected) in [
        (
            "a: 1\nb: 2\na: 3\n",
            "line 3, column 1: the key \"a\" stands twice in the same map [RD002] (hint: remove one of them: which one counts is not defined)",
        ),
        (
            "{\"a\": 1, \"b\": {\"c\": 1, \"c\": 2}}",
            "line 1, column 26: the key \"c\" stands twice in the same map [RD002] (hint: remove one of them: which one counts is not defined)",
        ),
        (
            "a: {{inputs.parameters.x}}",
            "line 1, column 5: a map or list cannot be a key [RD008] (hint: a value that begins with {{ must be put in quotes: \"{{inputs.parameters.x}}\")",
        ),
        (
            "a: .nan",
            "line 1, column 4: \".nan\" is not a number that JSON knows [RD009] (hint: put it in quotes if it is meant as text)",
        ),
        (
            "a: !Ref b",
            "line 1, column 4: the tag !Ref has no meaning here [RD007] (hint: put the value in quotes if it is meant as text)",
        ),
        ("a: &x [*x]", "line 1, column 8: the alias stands inside its own anchor [RD006]"),
        (
            "a: *nobody",
            "line 1, column 4: while parsing node, found unknown anchor [RD001] (hint: a value that begins with @, `, % or * must be put in quotes)",
        ),
        (
            "a:\n\t- b",
            "line 2, column 2: tabs disallowed within this context (block indentation) [RD001] (hint: the line is indented by a tab: YAML wants spaces)",
        ),
        ("use: {<<: 3}", "line 1, column 7: the value of << must be a map, an alias of one, or a list of them [RD009]"),
        (
            "? [a]\n: b",
            "line 1, column 3: a map or list cannot be a key [RD008] (hint: a value that begins with {{ must be put in quotes: \"{{inputs.parameters.x}}\")",
        ),
        ("{\"a\": 1,, }", "line 1, column 9: not JSON: key must be a string [RD001]"),
    ] {
        assert_eq!(show(text), expected, "{text:?}");
    }
}

#[test]
fn documents_before_the_fault_are_given() {
    let (documents, error) = read_partial("a: 1\n---\nb: 2\n---\nc: [\n", &Limits::DEFAULT);
    assert_eq!(documents.len(), 2);
    assert!(error.is_some());
}

#[test]
fn every_value_knows_its_place() {
    let text = "\
kind: Workflow
metadata:
  labels:
    a.b/c: x
spec:
  templates:
    - name: one
      container: {image: busy, args: [a, b]}
    -
      name: two
      env: &e
        - name: E
          value: v
    - env: *e
    - <<: {deep: {er: 1}}
      name: four
";
    let documents = read(text, &Limits::DEFAULT).unwrap();
    let document = &documents[0];
    for (path, expected) in [
        ("kind", Some("1:1")),
        ("metadata.labels[\"a.b/c\"]", Some("4:5")),
        ("spec.templates", Some("6:3")),
        ("spec.templates[0]", Some("7:7")),
        ("spec.templates[0].container.image", Some("8:19")),
        ("spec.templates[0].container.args[1]", Some("8:42")),
        ("spec.templates[1].name", Some("10:7")),
        ("spec.templates[1].env[0].value", Some("13:11")),
        ("spec.templates[2].env", Some("14:7")),
        ("spec.templates[2].env[0].value", Some("13:11")),
        ("spec.templates[3].deep.er", Some("15:19")),
        ("spec.templates[3].name", Some("16:7")),
        ("spec.templates[4]", None),
        ("spec.nothing", None),
    ] {
        assert_eq!(document.position(path).map(|p| p.to_string()).as_deref(), expected, "{path}");
    }
    assert_eq!(document.nearest_position("spec.templates[1].container.image").to_string(), "10:7");
    let second = read("a: 1\n---\nb:\n  c: 1", &Limits::DEFAULT).unwrap().pop().unwrap();
    assert_eq!(second.position("b.c").unwrap().to_string(), "4:3");
}

#[test]
fn places_in_json_are_those_of_its_text() {
    let text = "  {\"a\": {\"b\\\"c\": [1,\n   {\"d\": 2}]}}\n{\"e\": 1}";
    let documents = read(text, &Limits::DEFAULT).unwrap();
    for (document, path, expected) in
        [(0, "a", "1:4"), (0, "a[\"b\\\"c\"][1].d", "2:5"), (0, "a[\"b\\\"c\"][0]", "1:19"), (1, "e", "3:2")]
    {
        assert_eq!(documents[document].position(path).map(|p| p.to_string()).as_deref(), Some(expected), "{path}");
    }
}

#[test]
fn hostile_texts_are_refused_cleanly() {
    let code = |text: &str| read(text, &Limits::DEFAULT).unwrap_err().kind;
    let mut bomb = String::from("a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n");
    for i in 1..12 {
        let before = format!("*a{}, ", i - 1).repeat(10);
        bomb.push_str(&format!("a{i}: &a{i} [{before}]\n"));
    }
    assert_eq!(code(&bomb), ReadErrorKind::AliasExpansion);
    let mut merges = String::from("m0: &m0 {k: xxxxxxxxxxxxxxxxxxxxxxxx}\n");
    for i in 1..200_000 {
        merges.push_str(&format!("m{i}: {{<<: *m0, a{i}: 1}}\n"));
    }
    assert_eq!(
        read(&merges, &Limits { alias_expansion_max: 1 << 20, ..Limits::DEFAULT }).unwrap_err().kind,
        ReadErrorKind::AliasExpansion
    );
    assert_eq!(code(&"[".repeat(10_000)), ReadErrorKind::TooDeep);
    assert_eq!(code(&"{\"a\":".repeat(10_000)), ReadErrorKind::TooDeep);
    assert_eq!(code(&"a: [".repeat(10_000)), ReadErrorKind::TooDeep);
    let deep: String = (0..10_000).map(|i| format!("{}a:\n", " ".repeat(i))).collect();
    assert_eq!(read(&deep, &Limits::DEFAULT).unwrap_err().kind, ReadErrorKind::TooDeep);
    let key = format!("{}: 1\n", "k".repeat(5 << 20));
    // A plain key longer than 1024 characters is none, in YAML.
    assert!(read(&key, &Limits::DEFAULT).is_err());
    assert!(read(&format!("{{\"{}\": 1}}", "k".repeat(5 << 20)), &Limits::DEFAULT).is_ok());
    assert_eq!(code(&"x".repeat((64 << 20) + 1)), ReadErrorKind::TooLarge);
    assert_eq!(code(&"---\na\n".repeat(10_001)), ReadErrorKind::TooLarge);
    assert_eq!(
        read_bytes(b"a: \xff", &Limits::DEFAULT).unwrap_err().to_string(),
        "line 1, column 4: the text is not UTF-8 (byte 3) [RD010] (hint: save it as UTF-8)"
    );
    // Many different keys must not cost their square.
    let wide: String = (0..200_000).map(|i| format!("k{i}: 1\n")).collect();
    assert!(read(&wide, &Limits::DEFAULT).is_ok());
}

proptest::proptest! {
    #![proptest_config(proptest::prelude::ProptestConfig { failure_persistence: None, ..Default::default() })]
    #[test]
    fn garbage_never_panics(text in "[-a-z0-9 :{}\\[\\],&*!|>'\"\n\t#%@?<~.\\\\]{0,200}") {
        let _ = read(&text, &Limits::DEFAULT);
    }

    #[test]
    fn what_is_read_is_json(text in "([-a-z0-9 :&*|'\"\n]|: |- |\n  |\n    ){0,80}") {
        for document in read(&text, &Limits::DEFAULT).unwrap_or_default() {
            let parsed: Result<serde_json::Value, _> = serde_json::from_str(document.json());
            proptest::prop_assert!(parsed.is_ok(), "{:?} gave {}", text, document.json());
        }
    }

    #[test]
    fn text_survives(text in "\\PC{0,60}") {
        let json = serde_json::to_string(&serde_json::json!({ "k": text })).unwrap();
        let document = read(&json, &Limits::DEFAULT).unwrap().pop().unwrap();
        proptest::prop_assert_eq!(document.json(), &json);
    }
}

/// Prints how fast texts are read; `cargo test --release -p model -- --ignored --nocapture speed`.
#[test]
#[ignore = "a measurement, not a test"]
fn speed_of_reading() {
    let mut text = String::from("apiVersion: argoproj.io/v1alpha1\nkind: Workflow\nspec:\n  templates:\n");
    for i in 0..60_000 {
        text.push_str(&format!(
            "  - name: step-{i}\n    inputs:\n      parameters:\n      - name: message\n        value: \"hello {i}\"\n    container:\n      image: busybox:1.36\n      command: [sh, -c]\n      args:\n      - |\n        echo hello world\n        sleep {i}\n      env:\n      - {{name: A, value: b}}\n"
        ));
    }
    let begin = std::time::Instant::now();
    let documents = read(&text, &Limits::DEFAULT).unwrap();
    let yaml = begin.elapsed();
    let json = documents[0].json().to_owned();
    let begin = std::time::Instant::now();
    let again = read(&json, &Limits::DEFAULT).unwrap();
    println!(
        "yaml: {} MB in {yaml:?}; json: {} MB in {:?}",
        text.len() / 1_000_000,
        json.len() / 1_000_000,
        begin.elapsed()
    );
    let begin = std::time::Instant::now();
    let place = again[0].position("spec.templates[59999].container.args[0]");
    println!("place {place:?} in {:?}", begin.elapsed());
}

#[test]
fn lines_in_quotes_and_brackets_may_stand_to_the_left() {
    for (text, expected) in [
        ("- args: [\"\n  a\n  b\n  \"]\n  x: 1", r#"[{"args":[" a b "],"x":1}]"#),
        ("- args: ['\n it''s\n  '\n ]\n  x: 1", r#"[{"args":[" it's "],"x":1}]"#),
        ("  - a: [\n    --flag,\n  b\n  ]\n    x: \"1\n  2\"", r#"[{"a":["--flag","b"],"x":"1 2"}]"#),
        ("a:\n  b: {c: 1,\n d: 2\n}\n  e: 3", r#"{"a":{"b":{"c":1,"d":2},"e":3}}"#),
        // An escaped end of a line, and an escaped quote.
        ("a:\n  b: \"1\\\n \\\"2\"", r#"{"a":{"b":"1\"2"}}"#),
    ] {
        let documents = read(text, &Limits::DEFAULT).unwrap();
        assert_eq!(documents[0].json(), expected, "{text:?}");
    }
    // Places are those of the text as it was written.
    let documents = read("a:\n  b: {c: 1,\n d: 2}", &Limits::DEFAULT).unwrap();
    assert_eq!(documents[0].position("a.b.d").unwrap().to_string(), "3:2");
}

#[test]
fn quotes_that_are_not_closed_are_told_where_they_open() {
    for text in ["a:\n  - b: \"x\n  - c: 1\n---\nd: \"y\"", "a:\n  - b: \"x\n  - c: \"y\"\n"] {
        let error = read(text, &Limits::DEFAULT).unwrap_err();
        assert_eq!((error.position.line, error.position.column), (2, 8), "{text:?}: {error}");
    }
}

#[test]
fn hostile_lines_to_the_left_are_not_read_again_for_ever() {
    // Each line is an error of its own.
    let text = format!("a:\n  b: [\n{}]", "x,\n".repeat(30_000));
    let error = read(&text, &Limits::DEFAULT).unwrap_err();
    assert_eq!((error.kind, error.position.line), (ReadErrorKind::Syntax, 3));
}
