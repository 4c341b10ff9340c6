use super::*;

/// A package as it was released, which the table edits.
const RELEASED: &str = "\
package colchis:thing@1.0.0;

/// Words.
interface words {
    /// A document.
    type json = string;

    /// An error.
    record fault {
        /// A word.
        code: string,
        /// The field.
        field: option<string>,
    }
}

/// Does things.
interface things {
    use words.{fault, json};

    /// How it stands.
    variant phase {
        /// Under way.
        running,
        /// Over, with a value.
        over(json),
        /// Another.
        other(string),
    }

    /// How much.
    enum level {
        /// Little.
        low,
        /// Much.
        high,
    }

    /// What may be done.
    flags rights {
        /// To read.
        read,
        /// To write.
        write,
    }

    /// Something open.
    resource handle {
        /// Reads.
        read: func(length: u32) -> result<list<u8>, fault>;
    }

    /// Does it.
    run: func(config: json, times: u32) -> result<phase, fault>;

    /// Opens it.
    open: func(rights: rights, level: level) -> result<handle, fault>;
}

/// Imported by somebody.
interface given {
    /// Says it.
    say: func(text: string);
}

/// A component of this kind.
world thing {
    import given;
    export things;
}
";

fn graph(text: &str) -> Resolve {
    let mut sources = SourceMap::default();
    sources.push_str("thing.wit", text);
    resolve(vec![parse(sources).unwrap()]).unwrap()
}

fn edited(from: &str, to: &str) -> String {
    assert!(RELEASED.contains(from), "{from}");
    RELEASED.replacen(from, to, 1)
}

#[test]
fn what_may_be_added_passes() {
    for (from, to) in [
        ("", ""),
        ("@1.0.0", "@1.1.0"),
        ("/// A document.", "/// A JSON document."),
        ("/// Imported by", "/// New.\ninterface more {\n    /// New.\n    again: func();\n}\n\n/// Imported by"),
        (
            "    /// How much.",
            "    /// New.\n    record extra {\n        /// New.\n        a: u8,\n    }\n\n    /// How much.",
        ),
        ("    import given;", "    import given;\n    import words;"),
        ("use words.{fault, json};", "use words.{json, fault};"),
    ] {
        assert_eq!(compat::breaks(&graph(RELEASED), &graph(&edited(from, to))), Vec::<String>::new(), "{to}");
    }
}

#[test]
fn what_breaks_a_compiled_plugin_is_refused() {
    for (from, to, expected) in [
        ("@1.0.0", "@2.0.0", "package colchis:thing@1.0.0 is gone"),
        ("type json = string", "type json = list<u8>", "type colchis:thing/words.json was string and is list<u8>"),
        ("        /// A word.\n        code: string,\n", "", "field colchis:thing/words.fault.code is gone"),
        ("code: string", "code: u32", "field colchis:thing/words.fault.code was string and is u32"),
        (
            "        field: option<string>,\n",
            "        field: option<string>,\n        /// New.\n        more: u8,\n",
            "field colchis:thing/words.fault.more is new: plugins that are compiled do not know it",
        ),
        (
            "        /// A word.\n        code: string,\n        /// The field.\n        field: option<string>,\n",
            "        /// The field.\n        field: option<string>,\n        /// A word.\n        code: string,\n",
            "each field of colchis:thing/words.fault is still there, in another order",
        ),
        ("        running,\n", "", "case colchis:thing/things.phase.running is gone"),
        (
            "over(json)",
            "over",
            "case colchis:thing/things.phase.over was colchis:thing/words.json and is without a value",
        ),
        (
            "        other(string),\n",
            "        other(string),\n        /// New.\n        late,\n",
            "case colchis:thing/things.phase.late is new: plugins that are compiled do not know it",
        ),
        (
            "        low,\n",
            "        low,\n        /// New.\n        middle,\n",
            "case colchis:thing/things.level.middle is new",
        ),
        ("        /// Much.\n        high,\n", "", "case colchis:thing/things.level.high is gone"),
        (
            "        write,\n",
            "        write,\n        /// New.\n        admin,\n",
            "flag colchis:thing/things.rights.admin is new",
        ),
        ("enum level", "variant level", "type colchis:thing/things.level was enum and is variant"),
        (
            "times: u32",
            "times: u64",
            "function colchis:thing/things.run was func(config: colchis:thing/words.json, times: u32)",
        ),
        ("times: u32", "count: u32", "and is func(config: colchis:thing/words.json, count: u32)"),
        (", times: u32", "", "function colchis:thing/things.run was"),
        ("times: u32", "times: u32, more: u8", "function colchis:thing/things.run was"),
        ("result<phase, fault>", "result<json, fault>", "function colchis:thing/things.run was"),
        (
            "    /// Does it.\n    run: func(config: json, times: u32) -> result<phase, fault>;\n",
            "",
            "function colchis:thing/things.run is gone",
        ),
        (
            "    /// Opens it.",
            "    /// New.\n    again: func();\n\n    /// Opens it.",
            "function colchis:thing/things.again is new: new functions come in new interfaces",
        ),
        ("read: func(length: u32)", "read: func(length: u64)", "function colchis:thing/things.[method]handle.read was"),
        (
            "read: func(length: u32)",
            "read: static func(length: u32)",
            "function colchis:thing/things.[method]handle.read is gone",
        ),
        (
            "/// Imported by somebody.\ninterface given {\n    /// Says it.\n    say: func(text: string);\n}\n",
            "/// Imported by somebody.\ninterface granted {\n    /// Says it.\n    say: func(text: string);\n}\n",
            "interface colchis:thing/given is gone",
        ),
        ("    import given;\n", "", "world thing no longer imports colchis:thing/given"),
        ("    export things;\n", "", "world thing no longer exports colchis:thing/things"),
        (
            "    export things;\n",
            "    export things;\n    export given;\n",
            "world thing exports colchis:thing/given as well",
        ),
        ("world thing", "world other", "world colchis:thing@1.0.0/thing is gone"),
    ] {
        // A name that an interface lost is lost by the world that names it as well.
        let text = edited(from, to);
        let text =
            if text.contains("interface granted") { text.replace("import given", "import granted") } else { text };
        let found = compat::breaks(&graph(RELEASED), &graph(&text));
        assert!(found.iter().any(|problem| problem.contains(expected)), "{expected}\n{found:#?}");
    }
}

#[test]
fn what_says_nothing_about_itself_is_named() {
    assert_eq!(docs::check(&graph(RELEASED)), Vec::<String>::new());
    for (from, expected) in [
        ("/// Words.\n", "interface colchis:thing/words"),
        ("    /// A document.\n", "type colchis:thing/words.json"),
        ("        /// A word.\n", "field colchis:thing/words.fault.code"),
        ("        /// Another.\n", "case colchis:thing/things.phase.other"),
        ("        /// Little.\n", "case colchis:thing/things.level.low"),
        ("        /// To write.\n", "flag colchis:thing/things.rights.write"),
        ("        /// Reads.\n", "function colchis:thing/things.[method]handle.read"),
        ("    /// Does it.\n", "function colchis:thing/things.run"),
        ("/// A component of this kind.\n", "world colchis:thing/thing"),
    ] {
        let found = docs::check(&graph(&edited(from, "")));
        assert_eq!(found, [format!("{expected} says nothing about itself")]);
    }
}

#[test]
fn our_interfaces_resolve_are_documented_and_keep_what_was_released() {
    let report = check(&crate::places::wit()).unwrap();
    assert_eq!(report.problems, Vec::<String>::new());
    assert!(report.packages >= 13, "{}", report.packages);
}

#[test]
fn what_does_not_parse_is_told_with_its_place() {
    let folder = tempfile::tempdir().unwrap();
    let write = |name: &str, text: &str| {
        let file = folder.path().join(name);
        fs::create_dir_all(file.parent().unwrap()).unwrap();
        fs::write(file, text).unwrap();
    };
    fs::create_dir_all(folder.path().join("deps")).unwrap();
    write("a/a.wit", "package colchis:a@1.0.0;\ninterface x { f: func( }\n");
    let error = format!("{:#}", check(folder.path()).unwrap_err());
    assert!(error.contains("a.wit:2:24"), "{error}");
    write("a/a.wit", "package colchis:a@1.0.0;\ninterface x { use colchis:b/y@1.0.0.{t}; }\n");
    let error = format!("{:#}", check(folder.path()).unwrap_err());
    assert_eq!(error, "colchis:a@1.0.0 uses colchis:b@1.0.0, which is not there");
    write("b/b.wit", "package colchis:b@1.0.0;\ninterface y { use colchis:a/x@1.0.0.{t}; }\n");
    let error = format!("{:#}", check(folder.path()).unwrap_err());
    assert!(error.starts_with("packages use each other in a circle"), "{error}");
}

#[test]
fn a_version_is_kept_whole_and_then_holds() {
    let folder = tempfile::tempdir().unwrap();
    fs::create_dir_all(folder.path().join("deps")).unwrap();
    fs::create_dir_all(folder.path().join("thing")).unwrap();
    let file = folder.path().join("thing/thing.wit");
    fs::write(&file, RELEASED).unwrap();
    assert!(freeze(folder.path(), "../1").is_err());
    assert_eq!(freeze(folder.path(), "1.0.0").unwrap(), 1);
    assert_eq!(check(folder.path()).unwrap().problems, Vec::<String>::new());
    fs::write(&file, edited("code: string", "code: u32")).unwrap();
    let problems = check(folder.path()).unwrap().problems;
    assert_eq!(problems, ["field colchis:thing/words.fault.code was string and is u32 (as released in 1.0.0)"]);
    assert_eq!(freeze(folder.path(), "1.0.0").unwrap(), 1);
    assert_eq!(check(folder.path()).unwrap().problems, Vec::<String>::new());
}
