use super::*;
use crate::Budget;

const DOCUMENT: &str = r#"{"kind":"List","items":[{"kind":"None","metadata":{"name":"127.0.0.1","labels":{"kubernetes.io/hostname":"h",
    "a.b":"dot"}},"status":{"capacity":{"cpu":"4"},"addresses":[{"type":"Legacy","address":"127.0.0.1"}],"n":3,"f":1.5,"b":true,"z":null}},
    {"kind":"None","metadata":{"name":"127.0.0.2"},"status":{"capacity":{"cpu":"8"},"addresses":[{"type":"Legacy","address":"127.0.0.2"},
    {"type":"another","address":"127.0.0.3"}],"n":7,"f":2.5,"b":false}}],"users":[{"name":"myself","user":{}},{"name":"e2e","user":
    {"username":"admin","password":"secret"}}],"nums":[1,2,3,4,5],"big":12345678,"e":{},"ea":[],"nul":null,"str":"x y","a-b":1}"#;

fn render(template: &str, missing: Missing) -> Result<String, String> {
    let document: serde_json::Value = serde_json::from_str(DOCUMENT).unwrap();
    let template = Template::parse(template).map_err(|error| error.render())?;
    template.render(&document, missing, Budget::DEFAULT).map_err(|error| error.render())
}

/// As the reference implementation answers, but for filters: there numbers of different types cannot be compared.
#[test]
fn kubernetes_templates() {
    for (template, expected) in [
        ("{.kind}", "List"),
        ("{$.kind}", "List"),
        ("{@.kind}", "List"),
        ("{['kind']}", "List"),
        ("{.items[*].metadata.name}", "127.0.0.1 127.0.0.2"),
        ("{.items[-1].metadata.name}", "127.0.0.2"),
        ("{.items[-1:].metadata.name}", "127.0.0.2"),
        ("{.nums[0:5:2]}", "1 3 5"),
        ("{.nums[:2]}", "1 2"),
        ("{.nums[-2:]}", "4 5"),
        ("{.nums[0,2]}", "1 3"),
        ("{.nums[*]}", "1 2 3 4 5"),
        ("{.nums}", "[1,2,3,4,5]"),
        (r#"{.users[?(@.name=="e2e")].user.password}"#, "secret"),
        ("{.users[?(@.name=='e2e')].user.password}", "secret"),
        (r#"{.users[?(@.name!="e2e")].name}"#, "myself"),
        ("{.users[?(@.user.username)].name}", "e2e"),
        ("{.items[?(@.status.n>3)].metadata.name}", "127.0.0.2"),
        ("{.items[?(@.status.b==true)].metadata.name}", "127.0.0.1"),
        (r#"{.users[?(@.name=="e2e" && @.user)].name}"#, "e2e"),
        (r#"{.users[?("e2e"==@.name)].name}"#, "e2e"),
        ("{..cpu}", "4 8"),
        ("{.items..n}", "3 7"),
        ("{.items[*]['metadata.name', 'status.capacity']}", r#"127.0.0.1 127.0.0.2 {"cpu":"4"} {"cpu":"8"}"#),
        ("{.items[*].status['n','f']}", "3 7 1.5 2.5"),
        (
            "{range .items[*]}[{.metadata.name}, {.status.capacity}] {end}",
            r#"[127.0.0.1, {"cpu":"4"}] [127.0.0.2, {"cpu":"8"}] "#,
        ),
        (r#"{range .items[*]}{.metadata.name}{"\t"}{.status.n}{"\n"}{end}"#, "127.0.0.1\t3\n127.0.0.2\t7\n"),
        (
            "{range .items[*]}{range .status.addresses[*]}{.type}={.address};{end}|{end}",
            "Legacy=127.0.0.1;|Legacy=127.0.0.2;another=127.0.0.3;|",
        ),
        (r"{.items[0].metadata.labels.kubernetes\.io/hostname}", "h"),
        (r"{.items[0].metadata.labels['kubernetes\.io/hostname']}", "h"),
        (r"{.items[0].metadata.labels['a\.b']}", "dot"),
        (r#"{..addresses[?(@.type=="another")].address}"#, "127.0.0.3"),
        ("{.users[*].user.username}", "admin"),
        ("{.users.*.name}", "myself e2e"),
        ("{range .nums[*]}{@}-{end}", "1-2-3-4-5-"),
        ("hello {.kind} world", "hello List world"),
        (r#"{"a\"b"}{'c'}"#, "a\"bc"),
        ("{ .kind }", "List"),
        ("{.e}{.ea}{.nul}", "{}[]null"),
        ("{.a-b}", "1"),
        ("{.big}", "12345678"),
        // Without braces the whole text is a path.
        (".kind", "List"),
        ("kind", "List"),
        ("$.items[0].kind", "None"),
    ] {
        assert_eq!(render(template, Missing::Error).as_deref(), Ok(expected), "{template}");
    }
}

#[test]
fn missing_keys() {
    for template in ["{.nope}", "{.kind.nope}", "{.items[*].nope}", "{.nums[9]}", "{.nums[-9]}"] {
        assert!(render(template, Missing::Error).is_err(), "{template}");
        assert_eq!(render(template, Missing::Empty).as_deref(), Ok(""), "{template}");
    }
    assert_eq!(
        render("{.items[0].metdata.name}", Missing::Error).unwrap_err(),
        "`metdata` is not found\n  |\n  | {.items[0].metdata.name}\n  |           ^^^^^^^^"
    );
}

#[test]
fn mistakes() {
    for template in [
        "{.kind",
        "{.items[}",
        "{range .items[*]}{.kind}",
        "{end}",
        "{.items[?(@.kind==}",
        "{.items[abc]}",
        "{.nums[0:5:-1]}",
        "{.kind,.str}",
        "{.a.}",
        "{\"x}",
        "{.a b}",
    ] {
        assert!(Template::parse(template).is_err(), "{template}");
    }
    assert_eq!(
        Template::parse("x {.items[abc].name}").unwrap_err().render(),
        "unexpected 'a'\n  |\n  | x {.items[abc].name}\n  |           ^\n  = expected an index, a slice `a:b`, a quoted key, `*` or `?(…)`\n  = hint: a key in brackets stands in quotes: `['name']`"
    );
}

#[test]
fn plain_paths() {
    let document = Value::from(&serde_json::from_str::<serde_json::Value>(DOCUMENT).unwrap());
    let find = |path: &str| {
        let mut meter = Meter::new(Budget::DEFAULT);
        Path::parse(path).and_then(|path| path.find(&document, &mut meter)).map(|value| crate::testing::json(&value))
    };
    for (path, expected) in [
        ("$.kind", r#""List""#),
        ("kind", r#""List""#),
        ("$['kind']", r#""List""#),
        ("$.items[0].metadata.labels['a.b']", r#""dot""#),
        ("$.nums[-1]", "5"),
        ("$.nums[(@.length-1)]", "5"),
        ("$.nums[1:3]", "[2,3]"),
        ("$.nums[?(@ > 2 && @ != 4)]", "[3,5]"),
        ("$.users[?(@.name == 'e2e' || @.name == 'x')].user.username", r#"["admin"]"#),
        ("$.users[?(!@.user.username)].name", r#"["myself"]"#),
        ("$..address", r#"["127.0.0.1","127.0.0.2","127.0.0.3"]"#),
        ("$..nope", "[]"),
        ("$.nums[0,1]", "[1,2]"),
        ("$.users[*].name", r#"["myself","e2e"]"#),
        ("$.items[?(@.status.n >= $.nums[2])].status.n", "[3,7]"),
        ("$.nul", "null"),
    ] {
        assert_eq!(find(path).as_deref(), Ok(expected), "{path}");
    }
    for path in ["$.nope", "$.nums[9]", "$.kind.x", "$[", "$.a[?(]", "$[?(@.a = 1)]", "$.nums[x]"] {
        assert!(find(path).is_err(), "{path}");
    }
}

#[test]
fn hostile_paths_end() {
    let document: serde_json::Value = serde_json::from_str(DOCUMENT).unwrap();
    for path in
        ["[".repeat(50_000), "[?(".repeat(10_000), "..".repeat(10_000), "[?(@[".repeat(10_000), "(".repeat(1000)]
    {
        assert!(Path::parse(&path).is_err());
        assert!(Template::parse(&format!("{{{path}}}")).is_err());
    }
    assert!(Template::parse(&"{range .a}".repeat(1000)).is_err());
    let bomb = Template::parse(&format!("{{{}}}", "..".repeat(60))).unwrap();
    assert!(bomb.render(&document, Missing::Empty, Budget::DEFAULT).unwrap_err().is_limit());
}
