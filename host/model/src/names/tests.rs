use super::*;
use crate::workflow::Item;

#[test]
fn node_and_pod_names_are_those_of_argo() {
    assert_eq!(fnv1a32(""), 2_166_136_261);
    assert_eq!(fnv1a32("a"), 3_826_002_220);
    assert_eq!(fnv1a32("foobar"), 0xbf9c_f968);
    for (node, expected) in [("wf", "wf"), ("wf[0].a", "wf-3986212215"), ("wf.b", "wf-2911782600")] {
        assert_eq!(node_id("wf", node), expected, "{node}");
    }
    assert_eq!(pod_name("wf", "main", "wf"), "wf");
    assert_eq!(pod_name("wf", "echo", "wf[0].a"), "wf-echo-3986212215");
    assert_eq!(pod_name("wf", "", "wf[0].a"), "wf-3986212215");
    let long = pod_name(&"w".repeat(200), &"t".repeat(200), "x");
    assert_eq!(long.len(), 242 + 1 + fnv1a32("x").to_string().len());
    assert!(long.len() <= 253);
}

#[test]
fn names_of_children() {
    let step_name = step(&step_group("run", 0), "build");
    let item_name = item(&step_name, 1, "amd64");
    assert_eq!(retry(&item_name, 0), "run[0].build(1:amd64)(0)");
    assert_eq!(on_exit(&task("run", "a")), "run.a.onExit");
    assert_eq!(hook(&task("run", "a"), "running"), "run.a.hooks.running");
    for (json, label) in [
        (r#""hello world""#, "hello world"),
        ("3", "3"),
        ("1.50", "1.5"),
        ("true", "true"),
        (r#"{"tag":"9.1","image":"debian"}"#, "image:debian,tag:9.1"),
        (r#"["a",1]"#, r#"["a",1]"#),
        ("null", "null"),
    ] {
        let raw: Item = serde_json::from_str(json).unwrap();
        assert_eq!(item_label(&raw), label);
    }
}

#[test]
fn generated_names_fit() {
    assert_eq!(generated("hello-", 0), "hello-bbbbb");
    assert_eq!(generated(&"x".repeat(100), 12_345).len(), 63);
    assert!(check_subdomain(&generated("a-", u64::MAX)).is_ok());
}

#[test]
fn rules_of_names() {
    for (name, label, subdomain) in [
        ("a", true, true),
        ("a-1", true, true),
        ("1a", true, true),
        ("a.b", false, true),
        ("a..b", false, false),
        ("-a", false, false),
        ("a-", false, false),
        ("A", false, false),
        ("a_b", false, false),
        ("", false, false),
        ("ä", false, false),
    ] {
        assert_eq!(check_label(name).is_ok(), label, "{name:?}");
        assert_eq!(check_subdomain(name).is_ok(), subdomain, "{name:?}");
    }
    assert!(check_label(&"a".repeat(63)).is_ok() && check_label(&"a".repeat(64)).is_err());
    for (key, ok) in [
        ("app", true),
        ("app.kubernetes.io/name", true),
        ("a/b/c", false),
        ("/a", false),
        ("a/", false),
        ("A_b.c", true),
        ("-a", false),
    ] {
        assert_eq!(check_label_key(key).is_ok(), ok, "{key:?}");
    }
    for (value, ok) in [("", true), ("A_b.c-1", true), ("a b", false), (".a", false)] {
        assert_eq!(check_label_value(value).is_ok(), ok, "{value:?}");
    }
    assert_eq!(suggestion("My Workflow!"), Some("my-workflow".to_owned()));
    assert_eq!(suggestion("fine"), None);
    assert_eq!(suggestion("!!!"), None);
    assert_eq!(
        check_label("Hello").unwrap_err().to_string(),
        "\"Hello\" is not made of lower-case letters, digits and -, beginning and ending with a letter or digit"
    );
}
