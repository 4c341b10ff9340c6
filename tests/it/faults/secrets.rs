//! A secret or a key of it is missing: the step does not begin, and says which; nothing shows a value.

use super::*;

const VALUE: &str = "s3cr3t-value-that-nobody-sees";

#[tokio::test(flavor = "multi_thread")]
async fn a_missing_one_is_named_before_the_step_begins() {
    let server = Server::start().await;
    let client = server.client().await;
    let secret =
        json!({"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "there"}, "stringData": {"password": VALUE}});
    apply(&client, "default", &secret).await;
    let step = |part: Value| {
        let mut step = shell("main", "echo begun; env");
        for (key, value) in part.as_object().unwrap() {
            step["container"][key] = value.clone();
        }
        step
    };
    let env = |name: &str, key: &str| json!({"env": [{"name": "P", "valueFrom": {"secretKeyRef": {"name": name, "key": key}}}]});
    let mut volume = step(json!({"volumeMounts": [{"name": "v", "mountPath": "/v"}]}));
    volume["volumes"] = json!([{"name": "v", "secret": {"secretName": "absent"}}]);
    let mut item = step(json!({"volumeMounts": [{"name": "v", "mountPath": "/v"}]}));
    item["volumes"] =
        json!([{"name": "v", "secret": {"secretName": "there", "items": [{"key": "user", "path": "u"}]}}]);
    let rows = [
        ("env", step(env("absent", "password")), vec!["absent"]),
        ("key", step(env("there", "user")), vec!["there", "user"]),
        ("env-from", step(json!({"envFrom": [{"secretRef": {"name": "absent"}}]})), vec!["absent"]),
        ("volume", volume, vec!["absent"]),
        ("item", item, vec!["there", "user"]),
    ];
    for (name, template, words) in rows {
        submit(&client, &workflow(name, json!({"entrypoint": "main", "templates": [template]}))).await.unwrap();
        let summary = ended(&client, name).await;
        assert_eq!(summary.phase(), WorkflowPhase::Error, "{name}: {}", summary.message);
        assert!(summary.message.to_lowercase().contains("secret"), "{name}: {}", summary.message);
        for word in words {
            assert!(summary.message.contains(word), "{name}: {word}: {}", summary.message);
        }
        assert_eq!(log(&client, name, name).await, "", "{name} began");
        assert!(!document(&client, name).await.to_string().contains(VALUE), "{name}");
    }
    assert!(!server.full_log().contains(VALUE));
    assert!(!server.metrics().text().contains(VALUE));
}
