use std::collections::BTreeMap;
use std::fmt::Write as _;

use super::*;
use crate::yaml;

/// The fields of each type, written by hand from the public field reference: `*` is kept without effect on the local runner,
/// `!` is refused, the others act.
const REFERENCE: &str = include_str!("reference.txt");

#[test]
fn every_field_of_the_reference_stands_in_the_table() {
    let mut table_text = String::new();
    let mut types: BTreeMap<String, Vec<FieldRow>> = BTreeMap::new();
    for row in table() {
        types.entry(row.type_name.clone()).or_default().push(row);
    }
    for (name, rows) in &types {
        let _ = write!(table_text, "{name}:");
        for row in rows {
            let mark = match row.disposition {
                Disposition::Acts => "",
                Disposition::Kept => "*",
                Disposition::Refused => "!",
            };
            assert_eq!(mark.is_empty(), row.reason.is_empty(), "{name}.{} needs a reason", row.field);
            let described = !row.doc.is_empty() || ["apiVersion", "kind", "metadata"].contains(&row.field.as_str());
            assert!(described, "{name}.{} needs a description", row.field);
            let _ = write!(table_text, " {}{mark}", row.field);
        }
        table_text.push('\n');
    }
    for (theirs, ours) in REFERENCE.lines().zip(table_text.lines()) {
        assert_eq!(ours, theirs);
    }
    assert_eq!(table_text.lines().count(), REFERENCE.lines().count());
}

#[test]
fn a_name_means_one_type_in_all_schemas() {
    let mut seen: BTreeMap<String, serde_json::Value> = BTreeMap::new();
    for info in kinds() {
        let schema = schema(info).unwrap();
        for (name, definition) in schema["$defs"].as_object().into_iter().flatten() {
            let first = seen.entry(name.clone()).or_insert_with(|| definition.clone());
            assert_eq!(first, definition, "{name}");
        }
    }
}

#[test]
fn the_schema_of_all_has_every_kind_and_every_type_that_it_names() {
    fn references<'a>(value: &'a serde_json::Value, out: &mut Vec<&'a str>) {
        match value {
            serde_json::Value::Object(map) => {
                out.extend(map.get("$ref").and_then(|r| r.as_str()));
                map.values().for_each(|value| references(value, out));
            }
            serde_json::Value::Array(list) => list.iter().for_each(|value| references(value, out)),
            _ => {}
        }
    }
    let all = schema_of_all();
    assert_eq!(all["allOf"].as_array().unwrap().len(), kinds().len());
    let mut named = Vec::new();
    references(&all, &mut named);
    assert!(named.len() > 200, "{} references", named.len());
    for reference in named {
        let name = reference.strip_prefix("#/$defs/").unwrap();
        assert!(all["$defs"].get(name).is_some(), "{reference}");
    }
}

/// What a check says of a YAML manifest: its violations and its kept paths, one a line.
fn say(yaml: &str) -> String {
    let mut out = String::new();
    for document in yaml::read(yaml, &yaml::Limits::DEFAULT).unwrap() {
        let checked = check(document.json());
        for violation in &checked.violations {
            let _ = writeln!(out, "{violation}");
        }
        for kept in &checked.kept {
            let _ = writeln!(out, "kept {}", kept.path);
        }
    }
    out
}

/// A workflow whose one template is `template`, in YAML.
fn with_template(template: &str) -> String {
    let mut text =
        String::from("apiVersion: argoproj.io/v1alpha1\nkind: Workflow\nmetadata: {name: a}\nspec:\n  templates:\n");
    for (i, line) in template.lines().enumerate() {
        let _ = writeln!(text, "  {} {line}", if i == 0 { "-" } else { " " });
    }
    text
}

#[test]
fn shapes_are_checked() {
    for (template, expected) in [
        ("name: a\ncontainer: {image: x, command: [a], args: [b], env: [{name: A, value: b}]}", ""),
        (
            "name: a\ncontainer: {imagee: x}",
            "spec.templates[0].container.imagee: there is no such field here [SC002] (hint: did you mean \"image\"?)\n",
        ),
        (
            "name: a\nContainer: {image: x}",
            "spec.templates[0].Container: there is no such field here [SC002] (hint: did you mean \"container\"?)\n",
        ),
        (
            "name: a\nimage: x",
            "spec.templates[0].image: there is no such field here [SC002] (hint: image is a field of container, script)\n",
        ),
        (
            "name: a\ncontainer: {image: x, inputs: {}}",
            "spec.templates[0].container.inputs: there is no such field here [SC002] (hint: inputs belongs one level up: is it indented too far?)\n",
        ),
        (
            "name: a\ncontainer: {image: x, env: [{name: A, value: 1}]}",
            "spec.templates[0].container.env[0].value: text is expected, not a number [SC003] (hint: put it in quotes)\n",
        ),
        (
            "name: a\ncontainer: {image: x, env: [{name: A, value: yes}]}",
            "spec.templates[0].container.env[0].value: text is expected, not true or false [SC003] (hint: put it in quotes)\n",
        ),
        (
            "name: a\ncontainer: {image: x, args: echo}",
            "spec.templates[0].container.args: a list is expected, not text [SC003] (hint: write it as a list: [\"…\"], or one - line for each)\n",
        ),
        (
            "name: a\ncontainer: [x]",
            "spec.templates[0].container: a map is expected, not a list [SC003] (hint: remove the dash)\n",
        ),
        (
            "name: a\nparallelism: '3'",
            "spec.templates[0].parallelism: a whole number is expected, not text [SC003] (hint: remove the quotes)\n",
        ),
        (
            "name: a\nparallelism: 1.5",
            "spec.templates[0].parallelism: a whole number is expected, not a fraction [SC003]\n",
        ),
        (
            "name: a\npriority: 3000000000",
            "spec.templates[0].priority: the number 3000000000 is out of range: it needs more than 32 bits [SC008]\nkept spec.templates[0].priority\n",
        ),
        (
            "name: a\ndaemon: 'true'",
            "spec.templates[0].daemon: true or false is expected, not text [SC003] (hint: remove the quotes)\n",
        ),
        ("name: a\ncontainer:\ninputs: null\nsteps: ~", ""),
        ("name: a\nsteps: [[{name: x, template: a}], {name: y, template: a}]", ""),
        (
            "name: a\nnodeSelector: {a: ~}",
            "spec.templates[0].nodeSelector.a: text is expected, not null [SC003]\nkept spec.templates[0].nodeSelector\n",
        ),
        ("name: a\nsteps: [x]", "spec.templates[0].steps[0]: a map or a list is expected, not text [SC003]\n"),
        (
            "name: a\nsteps: [[{name: x, tmplate: a}]]",
            "spec.templates[0].steps[0][0].tmplate: there is no such field here [SC002] (hint: did you mean \"template\"?)\n",
        ),
        (
            "name: a\nretryStrategy: {limit: 3, retryPolicy: Alway}",
            "spec.templates[0].retryStrategy.retryPolicy: \"Alway\" is not known here [SC004] (hint: did you mean \"Always\"?)\n",
        ),
        (
            "name: a\nretryStrategy: {limit: '3', retryPolicy: x}",
            "spec.templates[0].retryStrategy.retryPolicy: \"x\" is not known here [SC004] (hint: one of Always, OnFailure, OnError, OnTransientError)\n",
        ),
        (
            "name: a\nretryStrategy: {limit: 1.5}",
            "spec.templates[0].retryStrategy.limit: text or a whole number is expected, not a fraction [SC003]\n",
        ),
        ("name: a\nresource: {action: create, manifest: x}", ""),
        ("name: a\nplugin: {hello: {}}", ""),
        (
            "name: a\naffinity: {nodeAffinity: {}}\nnodeSelector: {a: b}",
            "kept spec.templates[0].affinity\nkept spec.templates[0].nodeSelector\n",
        ),
        (
            "name: a\naffinity: {nodeAffinty: {}}",
            "spec.templates[0].affinity.nodeAffinty: there is no such field here [SC002] (hint: did you mean \"nodeAffinity\"?)\nkept spec.templates[0].affinity\n",
        ),
        (
            "name: a\ncontainer: {resources: {limits: {cpu: 0.5, memory: 1Gi, x: 1Gx}}}",
            "spec.templates[0].container.resources.limits.x: \"1Gx\" is not a quantity such as 500m, 2, 1.5Gi or 1e3 [SC010]\n",
        ),
        (
            "name: a\ninputs: {parameters: [{name: p, value: 1}, {name: q, default: true}, {name: r, value: [1]}]}",
            "spec.templates[0].inputs.parameters[2].value: a number, text or true or false is expected, not a list [SC003]\n",
        ),
        (
            "name: a\ndag: {tasks: [{name: b, withItems: [1, {a: null}, [x]], inline: {container: {imag: x}}}]}",
            "spec.templates[0].dag.tasks[0].inline.container.imag: there is no such field here [SC002] (hint: did you mean \"image\"?)\n",
        ),
        ("name: a\nscript: {image: x, source: |\n    echo\n  }", ""),
    ] {
        let text = with_template(template);
        if text.contains("source: |") {
            continue;
        }
        assert_eq!(say(&text), expected.replace("a number, text", "text, a number"), "{template}");
    }
}

#[test]
fn the_frame_is_checked() {
    for (text, expected) in [
        (
            "kind: Workflow\nmetadata: {name: a}",
            "apiVersion: apiVersion is missing [SC006] (hint: for a Workflow write apiVersion: argoproj.io/v1alpha1)\n",
        ),
        ("apiVersion: v1", "kind: kind is missing [SC006] (hint: a manifest begins with apiVersion and kind)\n"),
        (
            "apiVersion: argoproj.io/v1alpha1\nkind: Workfow\nmetadata: {}",
            "kind: the kind \"Workfow\" (argoproj.io/v1alpha1) is not known [SC001] (hint: did you mean \"Workflow\"?)\n",
        ),
        (
            "apiVersion: argoproj.io/v1alpha2\nkind: Workflow\nmetadata: {}",
            "apiVersion: there is no Workflow in \"argoproj.io/v1alpha2\" [SC001] (hint: did you mean \"argoproj.io/v1alpha1\"?)\n",
        ),
        (
            "apiVersion: apps/v1\nkind: Deployment\nmetadata: {}",
            "kind: the kind \"Deployment\" (apps/v1) is not known [SC001] (hint: kinds that the server does not know by itself need a CustomResourceDefinition first)\n",
        ),
        ("just text", ": "),
        (
            "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: a, managedFields: [1], selfLink: x, creationTimestamp: null}\ndata: {a: b}",
            "",
        ),
        (
            "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: a}\ndata: {a: 1}",
            "data.a: text is expected, not a number [SC003] (hint: put it in quotes)\n",
        ),
        (
            "apiVersion: v1\nkind: ConfigMap\nmetadata: {creationTimestamp: today}",
            "metadata.creationTimestamp: \"today\" is not a time such as 2026-01-31T12:00:00Z [SC010]\n",
        ),
        ("apiVersion: v1\nkind: ConfigMap\ndata: {a: b}", "metadata: the field is missing [SC009]\n"),
        ("apiVersion: v1\nkind: Secret\nmetadata: {name: a}\nstringData: {a: b}", ""),
        (
            "apiVersion: v1\nkind: ServiceAccount\nmetadata: {name: a, labels: [x]}\nanything: {goes: here}",
            "metadata.labels: a map is expected, not a list [SC003] (hint: remove the dash)\n",
        ),
    ] {
        let said = say(text);
        if expected == ": " {
            assert!(said.contains("[SC003]"), "{said}");
            continue;
        }
        assert_eq!(said, expected, "{text}");
    }
}

#[test]
fn many_violations_are_cut() {
    let fields: String = (0..5_000).map(|i| format!("\"x{i}\":1,")).collect();
    let json = format!("{{{fields}\"apiVersion\":\"v1\",\"kind\":\"ConfigMap\",\"metadata\":{{}}}}");
    let checked = check(&json);
    assert_eq!(checked.violations.len(), VIOLATIONS_MAX + 1);
    assert_eq!(checked.violations.last().unwrap().code, "SC007");
}

#[test]
fn custom_objects_are_checked_by_their_definition() {
    let definition = yaml::read(
        "
apiVersion: apiextensions.k8s.io/v1
kind: CustomResourceDefinition
metadata: {name: crontabs.stable.example.com}
spec:
  group: stable.example.com
  scope: Namespaced
  names: {plural: crontabs, singular: crontab, kind: CronTab, shortNames: [ct]}
  versions:
    - name: v1
      served: true
      storage: true
      schema:
        openAPIV3Schema:
          type: object
          required: [spec]
          properties:
            spec:
              type: object
              required: [cronSpec]
              properties:
                cronSpec: {type: string}
                replicas: {type: integer, minimum: 1, maximum: 10}
                mode: {type: string, enum: [fast, slow]}
                port: {x-kubernetes-int-or-string: true}
                free: {type: object, x-kubernetes-preserve-unknown-fields: true}
                labels: {type: object, additionalProperties: {type: string}}
                list: {type: array, items: {type: object, properties: {a: {type: number}}}}
",
        &yaml::Limits::DEFAULT,
    )
    .unwrap();
    assert!(check(definition[0].json()).is_ok());
    let object = crate::Object::from_json(definition[0].json()).unwrap();
    let definition: crate::core::CustomResourceDefinition = object.decode().unwrap();
    let info = definition.kinds().next().unwrap();
    assert!(info.is_called("ct") && info.api_version == "stable.example.com/v1" && info.namespaced);
    let schema = CustomSchema::new(&definition, "v1").unwrap();
    assert!(CustomSchema::new(&definition, "v2").is_err());
    for (spec, expected) in [
        (
            r#"{"cronSpec":"x","replicas":3,"mode":"fast","port":"http","free":{"a":[1]},"labels":{"a":"b"},"list":[{"a":1.5}]}"#,
            "",
        ),
        (r#"{"replicas":3}"#, "spec.cronSpec: the field is missing [SC009]"),
        (r#"{"cronSpec":5}"#, "spec.cronSpec: text is expected, not a number [SC003] (hint: put it in quotes)"),
        (r#"{"cronSpec":"x","replicas":11}"#, "spec.replicas: the number 11 is out of range: it is above 10 [SC008]"),
        (
            r#"{"cronSpec":"x","mode":"fst"}"#,
            "spec.mode: \"fst\" is not known here [SC004] (hint: did you mean \"fast\"?)",
        ),
        (
            r#"{"cronSpec":"x","replica":1}"#,
            "spec.replica: there is no such field here [SC002] (hint: did you mean \"replicas\"?)",
        ),
        (
            r#"{"cronSpec":"x","list":[{"a":"b"}]}"#,
            "spec.list[0].a: a number is expected, not text [SC003] (hint: remove the quotes)",
        ),
    ] {
        let json = format!(
            r#"{{"apiVersion":"stable.example.com/v1","kind":"CronTab","metadata":{{"name":"a"}},"spec":{spec}}}"#
        );
        let said: Vec<String> = schema.check(&json).violations.iter().map(ToString::to_string).collect();
        assert_eq!(said.join("\n"), expected, "{spec}");
    }
}

proptest::proptest! {
    #![proptest_config(proptest::prelude::ProptestConfig { failure_persistence: None, ..Default::default() })]
    #[test]
    fn what_passes_can_be_read(seed in 0_u64..u64::MAX) {
        // A workflow made of fields of the schema with values of random kinds: either the check objects, or it can be decoded.
        let schema = schema(&kinds()[0]).unwrap();
        let mut random = Random(seed | 1);
        let mut value = random.value(&schema, &schema, 0);
        if !value.is_object() {
            value = serde_json::json!({});
        }
        value["apiVersion"] = "argoproj.io/v1alpha1".into();
        value["kind"] = "Workflow".into();
        if !value["metadata"].is_object() {
            value["metadata"] = serde_json::json!({});
        }
        let json = value.to_string();
        if check(&json).is_ok() {
            let object = crate::Object::from_json(&json);
            proptest::prop_assert!(object.is_ok(), "{:?} {}", object.err(), json);
            let decoded = object.unwrap().decode::<crate::workflow::Workflow>();
            proptest::prop_assert!(decoded.is_ok(), "{:?} {}", decoded.err().map(|e| std::error::Error::source(&e).map(ToString::to_string)), json);
            // Writing and reading again gives the same.
            let workflow = decoded.unwrap();
            let again = workflow.clone().into_object().unwrap();
            let again = crate::Object::from_json(&again.to_json().unwrap()).unwrap().decode::<crate::workflow::Workflow>().unwrap();
            proptest::prop_assert_eq!(workflow, again);
        }
    }
}

use crate::Kind as _;

/// Makes values that mostly satisfy a schema.
struct Random(u64);

impl Random {
    fn next(&mut self, below: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 >> 11) % below
    }

    fn value(&mut self, schema: &serde_json::Value, root: &serde_json::Value, depth: usize) -> serde_json::Value {
        use serde_json::{Value, json};
        if let Some(reference) = schema["$ref"].as_str() {
            let name = reference.trim_start_matches("#/$defs/");
            return self.value(&root["$defs"][name], root, depth);
        }
        if let Some(any) = schema.get("anyOf").or(schema.get("oneOf")).and_then(Value::as_array) {
            let i = self.next(any.len() as u64) as usize;
            return self.value(&any[i], root, depth);
        }
        if let Some(word) = schema.get("const") {
            return word.clone();
        }
        let mut kinds: Vec<&str> = match &schema["type"] {
            Value::String(one) => vec![one],
            Value::Array(many) => many.iter().filter_map(Value::as_str).collect(),
            _ => vec!["string", "object"],
        };
        if self.next(200) == 0 {
            kinds = vec!["string", "integer", "object", "array", "boolean", "null"];
        }
        match kinds[self.next(kinds.len() as u64) as usize] {
            "object" => {
                let mut map = serde_json::Map::new();
                for (name, property) in schema["properties"].as_object().into_iter().flatten() {
                    if depth < 9 && self.next(if depth < 3 { 4 } else { 12 }) == 0 {
                        map.insert(name.clone(), self.value(property, root, depth + 1));
                    }
                }
                if schema["additionalProperties"].is_object() {
                    map.insert("key".into(), self.value(&schema["additionalProperties"], root, depth + 1));
                }
                Value::Object(map)
            }
            "array" => (0..self.next(3)).map(|_| self.value(&schema["items"], root, depth + 1)).collect(),
            "integer" => json!(self.next(1000)),
            "number" => json!(1.5),
            "boolean" => json!(self.next(2) == 0),
            "null" => Value::Null,
            _ if schema["format"] == "date-time" => json!("2026-01-31T12:00:00Z"),
            _ if schema["format"] == "quantity" => json!("500m"),
            _ => json!(["", "a", "{{x}}"][self.next(3) as usize]),
        }
    }
}
