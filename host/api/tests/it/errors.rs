//! How errors look: their words are part of the interface.

use client::v1::*;

use crate::world::*;

fn shown(error: &client::RpcError) -> String {
    let mut text = format!("{:?} {} {:?}: {}", error.kind, error.code, error.fault, error.message);
    for violation in &error.violations {
        text += &format!("\n  {} [{}] {}", violation.path, violation.code, violation.message);
        if !violation.hint.is_empty() {
            text += &format!("\n    hint: {}", violation.hint);
        }
    }
    for hint in &error.hints {
        text += &format!("\n  hint: {hint}");
    }
    text += &format!("\n  about `{}`, see {}", error.subject, error.page);
    text
}

#[tokio::test]
async fn errors_say_what_where_and_what_to_do() {
    let world = World::new().await;
    world.run("there").await;
    let root = world.root().await;
    let mut wrong = hello("wrong");
    wrong["spec"]["entrypiont"] = "main".into();
    wrong["spec"]["templates"][0]["container"]["image"] = serde_json::json!({});
    let mut told = Vec::new();
    told.push(shown(&refused(root.submit(submit(&wrong)).await)));
    told.push(shown(&refused(root.submit(submit(&hello("there"))).await)));
    told.push(shown(&refused(root.workflows().get(get_workflow("gone", StatusDetail::Summary)).await)));
    told.push(shown(&refused(root.resources().get(get("wrkflow", "x")).await)));
    told.push(shown(&refused(world.client("viewer").await.submit(submit(&hello("x"))).await)));
    let patch = PatchRequest {
        key: object_key("wf", "there"),
        patch: bytes(&serde_json::json!({"spec": {"entrypoint": "x"}})),
        ..Default::default()
    };
    told.push(shown(&refused(root.resources().patch(patch).await)));
    let request = ListRequest {
        kind: "wf".to_owned(),
        selector: Some(ObjectSelector { labels: "a ~ b".to_owned(), ..Default::default() }),
        ..Default::default()
    };
    told.push(shown(&refused(root.resources().list(request).await)));
    let mut options = world.options("root");
    options.token = None;
    let stranger = client::Client::connect(options).await.unwrap();
    told.push(shown(&refused(stranger.info().who_am_i(WhoAmIRequest {}).await)));
    insta::assert_snapshot!(told.join("\n\n"));
}
