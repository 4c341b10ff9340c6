//! One container on the machine's root: results, logs, outputs, exit codes.

use runner::{EndClass, EndPhase, LogQuery, Runner};
use serde_json::json;

use crate::kit::{Kit, shell, unit};

#[tokio::test]
async fn a_step_says_something_and_succeeds() {
    let mut kit = Kit::new().await;
    let key = kit.start(shell("u1/n1", "echo one; echo two >&2; echo three")).await;
    let (message, _) = kit.started(&key).await;
    assert!(message.contains("the machine's own root"), "{message}");
    let result = kit.ended(&key).await;
    assert_eq!(
        (result.phase, result.class, result.exit_code),
        (EndPhase::Succeeded, EndClass::None, Some(0)),
        "{result:?}"
    );
    assert_eq!(result.result.as_deref(), Some("one\nthree"));
    let mut lines = kit.log(&key, LogQuery::default()).await;
    lines.sort();
    assert_eq!(lines, ["one", "three", "two"]);
    kit.runner.release(&key).await.unwrap();
    assert_eq!(kit.log(&key, LogQuery { tail_lines: Some(1), ..LogQuery::default() }).await.len(), 1);
}

#[tokio::test]
async fn exit_codes_and_missing_programs() {
    let mut kit = Kit::new().await;
    let result = kit.run(shell("u1/n1", "exit 7")).await;
    assert_eq!((result.phase, result.class, result.exit_code), (EndPhase::Failed, EndClass::ExitCode, Some(7)));
    let missing = json!({"name": "t", "container": {"image": "any", "command": ["/no/such/program"]}});
    let result = kit.run(unit("u1/n2", missing)).await;
    assert_eq!((result.phase, result.class), (EndPhase::Error, EndClass::CouldNotStart));
    assert!(result.message.contains("/no/such/program"), "{}", result.message);
}

#[tokio::test]
async fn a_script_its_result_and_its_parameters() {
    let mut kit = Kit::new().await;
    let script = json!({"name": "t",
        "script": {"image": "any", "command": ["sh"], "source": "echo hello > /tmp/p; echo \"$0\"; echo 3/4 > $ARGO_PROGRESS_FILE"},
        "outputs": {"parameters": [
            {"name": "p", "valueFrom": {"path": "/tmp/p"}},
            {"name": "q", "valueFrom": {"path": "/tmp/q", "default": "d"}}]}});
    let result = kit.run(unit("u1/n1", script)).await;
    assert_eq!(result.phase, EndPhase::Succeeded, "{result:?}");
    assert_eq!(result.result.as_deref(), Some("/argo/staging/script"));
    assert_eq!(result.parameters, [("p".to_owned(), "hello".to_owned()), ("q".to_owned(), "d".to_owned())]);
}
