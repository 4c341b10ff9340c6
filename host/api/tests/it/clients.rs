//! The examples in other languages, against this server.

use std::path::Path;
use std::process::Stdio;
use std::sync::Arc;

use futures::StreamExt;
use store::objects::{Gvk, Objects, Selector, WatchEvent};

use crate::fakes::{node, phase};
use crate::world::*;

/// Ends every run well, with one line in its log.
async fn engine(world: Arc<World>) {
    let selector = Selector::of(Gvk::new("argoproj.io/v1alpha1", "Workflow"));
    let mut events = world.store.watch(&selector, None).await.unwrap();
    while let Some(event) = events.next().await {
        let WatchEvent::Added(run) = event.unwrap() else { continue };
        let name = &run.metadata.name;
        world.control.change(name, |run| {
            run.nodes = vec![node("n1", "main", "Succeeded")];
            run.logs.insert("n1".to_owned(), vec!["hello from a client".to_owned()]);
            run.status.phase = phase("Succeeded");
        });
    }
}

async fn run(script: &Path, world: &World, token: &str, arguments: &[&Path]) -> (Option<i32>, String) {
    let output = tokio::process::Command::new(script)
        .args(arguments)
        .env("COLCHIS_ADDRESS", world.address.trim_start_matches("http://"))
        .env("COLCHIS_TOKEN", token)
        .stdin(Stdio::null())
        .output()
        .await
        .unwrap();
    let text = format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    (output.status.code(), text)
}

#[tokio::test]
#[ignore = "fetches the languages' packages, as the end-to-end test clients:: does, which runs them against a whole server"]
async fn clients_in_other_languages_submit_wait_and_read_logs() {
    let world = Arc::new(World::new().await);
    let engine = tokio::spawn(engine(world.clone()));
    let wrong = std::env::temp_dir().join(format!("colchis-api-wrong-{}.json", std::process::id()));
    let mut manifest = hello("wrong");
    manifest["spec"]["entrypiont"] = "main".into();
    std::fs::write(&wrong, manifest.to_string()).unwrap();
    for language in ["python", "go"] {
        let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../examples/clients").join(language).join("run.sh");
        let (code, text) = run(&script, &world, "token-of-root", &[]).await;
        assert_eq!(code, Some(0), "{language}: {text}");
        assert!(text.contains("main: hello from a client\n") && text.contains(" Succeeded"), "{language}: {text}");
        let (code, text) = run(&script, &world, "token-of-root", &[&wrong]).await;
        assert_eq!(code, Some(1), "{language}: {text}");
        assert!(text.contains("spec.entrypiont: ") && text.contains("[Invalid]"), "{language}: {text}");
        let (code, text) = run(&script, &world, "token-of-viewer", &[]).await;
        assert!(code == Some(1) && text.contains("[Forbidden]") && text.contains("hint: "), "{language}: {text}");
    }
    std::fs::remove_file(wrong).unwrap();
    engine.abort();
}
