//! Stops, deadlines, grace, sidecars, init containers, container sets, daemons, floods.

use std::time::{Duration, Instant};

use runner::{EndClass, EndPhase, LogQuery, Runner, UnitHappening};
use serde_json::json;

use crate::kit::{Kit, dir, namespaces, settings, shell, unit};

#[tokio::test]
async fn a_stop_is_term_and_then_kill() {
    let mut kit = Kit::new().await;
    let polite = kit.start(shell("u/1", "trap 'echo bye; exit 3' TERM; echo up; while :; do sleep 0.05; done")).await;
    kit.started(&polite).await;
    kit.line(&polite, "up").await;
    kit.runner.stop(&polite, 20_000).await.unwrap();
    let result = kit.ended(&polite).await;
    assert_eq!(
        (result.phase, result.class, result.exit_code),
        (EndPhase::Failed, EndClass::Stopped, Some(3)),
        "{result:?}"
    );
    assert_eq!(result.result.as_deref(), Some("up\nbye"));

    let deaf = kit.start(shell("u/2", "trap '' TERM; echo up; while :; do sleep 0.05; done")).await;
    kit.line(&deaf, "up").await;
    let begun = Instant::now();
    kit.runner.stop(&deaf, 200).await.unwrap();
    let result = kit.ended(&deaf).await;
    assert_eq!((result.class, result.exit_code), (EndClass::Stopped, Some(137)), "{result:?}");
    assert!(begun.elapsed() >= Duration::from_millis(200));

    // A shell that waits for its child ends at once, though process 1 of a namespace would not.
    let plain = kit.start(shell("u/3", "echo up; sleep 300; echo never")).await;
    kit.line(&plain, "up").await;
    kit.runner.stop(&plain, 60_000).await.unwrap();
    assert_eq!(kit.ended(&plain).await.result.as_deref(), Some("up"));

    // Of one nobody knows, the end is told.
    kit.runner.stop(&"u/none".into(), 1).await.unwrap();
    assert_eq!(kit.ended("u/none").await.class, EndClass::Lost);
}

#[tokio::test]
async fn a_deadline_is_kept_by_the_supervisor() {
    let mut kit = Kit::new().await;
    let mut late = shell("u/1", "sleep 300");
    late.deadline_ms = Some(jiff_now() + 300);
    let result = kit.run(late).await;
    assert_eq!((result.phase, result.class), (EndPhase::Failed, EndClass::DeadlineExceeded));
    assert!(result.message.contains("activeDeadlineSeconds"), "{}", result.message);
}

/// A program that ends well because it was told to end did not do what it had to; one that had ended before, with a sidecar still there, did.
#[tokio::test]
async fn an_exit_code_of_zero_at_a_stop_is_no_success() {
    namespaces!();
    let mut kit = Kit::new().await;
    let polite = "trap 'exit 0' TERM; echo up; while :; do sleep 0.05; done";
    let stopped = kit.start(shell("u/1", polite)).await;
    kit.line(&stopped, "up").await;
    kit.runner.stop(&stopped, 20_000).await.unwrap();
    let result = kit.ended(&stopped).await;
    assert_eq!((result.phase, result.class, result.exit_code), (EndPhase::Failed, EndClass::Stopped, Some(0)));
    let mut late = shell("u/2", polite);
    late.deadline_ms = Some(jiff_now() + 500);
    let result = kit.run(late).await;
    assert_eq!((result.phase, result.class), (EndPhase::Failed, EndClass::DeadlineExceeded), "{result:?}");
    let stubborn = "trap '' TERM; echo up; while :; do sleep 0.05; done";
    let done = json!({"name": "t", "container": {"image": "i", "command": ["sh", "-c", "sleep 0.2; echo done"]},
        "sidecars": [{"name": "s", "image": "i", "command": ["sh", "-c", stubborn]}]});
    let done = kit.start(unit("u/3", done)).await;
    // Its log ends with it.
    assert_eq!(kit.log(&done, LogQuery { follow: true, ..LogQuery::default() }).await, ["done"]);
    kit.runner.stop(&done, 100).await.unwrap();
    let result = kit.ended(&done).await;
    assert_eq!(result.phase, EndPhase::Succeeded, "{result:?}");
}

fn jiff_now() -> i64 {
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap();
    i64::try_from(now.as_millis()).unwrap()
}

#[tokio::test]
async fn what_a_step_leaves_behind_ends_with_it() {
    namespaces!();
    let mut kit = Kit::new().await;
    let mark = format!("colchis-leftover-{}", std::process::id());
    let line = format!("(exec -a {mark} sleep 300) & exec 1>&- 2>&-; exit 0");
    let bash = json!({"name": "t", "container": {"image": "i", "command": ["bash", "-c", line]}});
    let result = kit.run(unit("u/1", bash)).await;
    assert_eq!(result.phase, EndPhase::Succeeded, "{result:?}");
    let left = std::fs::read_dir("/proc")
        .unwrap()
        .flatten()
        .any(|p| std::fs::read(p.path().join("cmdline")).is_ok_and(|c| c.starts_with(mark.as_bytes())));
    assert!(!left, "the whole namespace ends with its program");
}

#[tokio::test]
async fn a_flood_of_log_fills_no_disk() {
    let bound = 1 << 20;
    let mut kit =
        Kit::with(runner_local::Settings { log_bytes_max: bound, result_bytes_max: 1000, ..settings() }, dir()).await;
    let key = kit
        .start(shell("u/1", "yes 'a line of some length that is said again and again' | head -n 200000; echo the end"))
        .await;
    let result = kit.ended(&key).await;
    let said = result.result.unwrap();
    assert!(said.ends_with("the end") && said.len() <= 1000, "{}", said.len());
    let logs = kit.dir.path().join("data/logs/u/1");
    let kept: u64 = std::fs::read_dir(logs).unwrap().map(|f| f.unwrap().metadata().unwrap().len()).sum();
    assert!(kept < bound + 200_000, "{kept}");
    let last = kit.log(&key, LogQuery { tail_lines: Some(2), ..LogQuery::default() }).await;
    assert_eq!(last[1], "the end");
    // A line longer than the bound is written in parts and read as one.
    let long = kit.run(shell("u/2", "head -c 200000 /dev/zero | tr '\\0' x; echo; echo short")).await;
    assert_eq!(long.phase, EndPhase::Succeeded);
    let lines = kit.log(&"u/2".into(), LogQuery::default()).await;
    assert_eq!(lines.iter().map(String::len).collect::<Vec<_>>(), [200_000, 5]);
}

#[tokio::test]
async fn a_long_line_is_one_line() {
    let mut kit = Kit::new().await;
    let key = kit.start(shell("u/1", "head -c 200000 /dev/zero | tr '\\0' x; echo err >&2; echo y; echo z")).await;
    assert_eq!(kit.ended(&key).await.phase, EndPhase::Succeeded);
    let mut lines: Vec<usize> = kit.log(&key, LogQuery::default()).await.iter().map(String::len).collect();
    lines.sort_unstable();
    assert_eq!(lines, [1, 3, 200_001]);
    // Longer than any reader should have to hold.
    let key = kit.start(shell("u/2", "head -c 3000000 /dev/zero | tr '\\0' x")).await;
    kit.ended(&key).await;
    let parts = kit.log(&key, LogQuery::default()).await;
    assert!(parts.len() > 1 && parts.iter().all(|p| p.len() <= 2 << 20), "{}", parts.len());
    assert_eq!(parts.concat().len(), 3_000_000);
}

#[tokio::test]
async fn logs_are_followed_while_it_runs() {
    use futures::StreamExt;
    let mut kit = Kit::new().await;
    let key = kit.start(shell("u/1", "echo one; while [ ! -e /dev/shm/go ]; do sleep 0.02; done; echo two")).await;
    kit.started(&key).await;
    let mut lines = kit.runner.logs(&key, LogQuery { follow: true, ..LogQuery::default() }).await.unwrap();
    let first = tokio::time::timeout(crate::kit::PATIENCE, lines.next()).await.unwrap().unwrap().unwrap();
    assert_eq!(&first.text[..], b"one");
    let recent = LogQuery { since_ms: Some(first.at_ms + 1), ..LogQuery::default() };
    assert!(kit.log(&key, recent).await.is_empty());
    kit.runner.stop(&key, 0).await.unwrap();
    let end = tokio::time::timeout(crate::kit::PATIENCE, lines.next()).await.unwrap();
    assert!(end.is_none(), "the stream ends with the container: {end:?}");
    kit.ended(&key).await;
    assert!(kit.runner.logs(&"u/none".into(), LogQuery::default()).await.is_err());
    kit.runner.release(&key).await.unwrap();
    kit.runner.forget("u").await.unwrap();
    assert!(kit.runner.logs(&key, LogQuery::default()).await.is_err(), "forgotten with the run");
}

#[tokio::test]
async fn init_containers_sidecars_and_shared_volumes() {
    namespaces!();
    let mut kit = Kit::new().await;
    let mount = json!([{"name": "v", "mountPath": "/v"}]);
    let template = json!({"name": "t", "volumes": [{"name": "v", "emptyDir": {}}],
        "initContainers": [
            {"name": "a", "image": "i", "command": ["sh", "-c", "echo a > /v/order"], "volumeMounts": mount},
            {"name": "b", "image": "i", "command": ["sh", "-c", "echo b >> /v/order"], "mirrorVolumeMounts": true}],
        "sidecars": [{"name": "side", "image": "i", "volumeMounts": mount,
            "command": ["sh", "-c", "trap 'echo stopped; exit 0' TERM; touch /v/side /dev/shm/side; echo up; while :; do sleep 0.05; done"]}],
        "container": {"image": "i", "volumeMounts": mount,
            "command": ["sh", "-c", "while [ ! -e /v/side ]; do sleep 0.02; done; cat /v/order; ls /dev/shm"]}});
    let key = kit.start(unit("u/1", template)).await;
    let result = kit.ended(&key).await;
    assert_eq!((result.phase, result.result.as_deref()), (EndPhase::Succeeded, Some("a\nb\nside")), "{result:?}");
    let names: Vec<&str> = result.containers.iter().map(|c| c.name.as_str()).collect();
    assert_eq!(names, ["a", "b", "main", "side"]);
    let side = LogQuery { container: Some("side".to_owned()), ..LogQuery::default() };
    assert_eq!(kit.log(&key, side).await, ["up", "stopped"]);
    assert_eq!(kit.runner.containers(&key).await.unwrap(), ["a", "b", "main", "side"]);

    let failing = json!({"name": "t", "initContainers": [{"name": "a", "image": "i", "command": ["sh", "-c", "exit 4"]}],
        "container": {"image": "i", "command": ["sh", "-c", "echo never"]}});
    let result = kit.run(unit("u/2", failing)).await;
    assert_eq!(result.phase, EndPhase::Error);
    assert!(result.message.contains("init container a: Error (exit code 4)"), "{}", result.message);
    assert_eq!(result.result, None);
}

#[tokio::test]
async fn container_sets_have_dependencies_and_retries() {
    namespaces!();
    let mut kit = Kit::new().await;
    let node = |name: &str, line: &str, after: &[&str]| json!({"name": name, "image": "i", "command": ["sh", "-c", line], "dependencies": after});
    let mount = json!([{"name": "v", "mountPath": "/v"}]);
    let set = json!({"name": "t", "volumes": [{"name": "v", "emptyDir": {}}], "containerSet": {
        "volumeMounts": mount, "retryStrategy": {"retries": 2, "duration": "10ms"},
        "containers": [node("a", "echo a >> /v/o", &[]), node("b", "echo b >> /v/o; test $(grep -c b /v/o) = 3", &["a"]),
            node("main", "cat /v/o", &["a", "b"])]}});
    let key = kit.start(unit("u/1", set)).await;
    let result = kit.ended(&key).await;
    assert_eq!((result.phase, result.result.as_deref()), (EndPhase::Succeeded, Some("a\nb\nb\nb")), "{result:?}");

    let set = json!({"name": "t", "containerSet": {"containers": [
        node("a", "echo oh no >&2; exit 9", &[]), node("main", "echo never", &["a"])]}});
    let result = kit.run(unit("u/2", set)).await;
    assert_eq!((result.phase, result.class), (EndPhase::Failed, EndClass::ExitCode), "{result:?}");
    assert!(result.message.contains("container a: Error (exit code 9)"), "{}", result.message);
    assert!(result.containers[1].message.contains("its dependency a"), "{:?}", result.containers[1]);
}

#[tokio::test]
async fn a_daemon_is_ready_after_its_probe_and_runs_until_stopped() {
    namespaces!();
    let mut kit = Kit::new().await;
    let daemon = |probe: serde_json::Value| {
        json!({"name": "t", "daemon": true, "container": {"image": "i",
            "command": ["sh", "-c", "sleep 0.3; touch /tmp/ready; sleep 300"], "readinessProbe": probe}})
    };
    let exec = json!({"exec": {"command": ["test", "-e", "/tmp/ready"]}, "periodSeconds": 1});
    let key = kit.start(unit("u/1", daemon(exec))).await;
    let (_, ip) = kit.started(&key).await;
    assert_eq!(ip.as_deref(), Some("127.0.0.1"), "where its consumers find it on the machine's network");
    let ready = kit.wait(&key, |w| match w {
        UnitHappening::Ready { ip } => Some(ip.clone()),
        _ => None,
    });
    assert_eq!(ready.await.as_deref(), Some("127.0.0.1"));
    kit.runner.stop(&key, 5_000).await.unwrap();
    let result = kit.ended(&key).await;
    assert_eq!((result.phase, result.class), (EndPhase::Succeeded, EndClass::Stopped), "{result:?}");

    let live = json!({"name": "t", "container": {"image": "i", "command": ["sh", "-c", "sleep 300"],
        "livenessProbe": {"exec": {"command": ["false"]}, "periodSeconds": 1, "failureThreshold": 1}}});
    let result = kit.run(unit("u/2", live)).await;
    assert_eq!(result.phase, EndPhase::Failed);
    assert!(result.message.contains("livenessProbe"), "{}", result.message);

    let hooks = json!({"name": "t", "container": {"image": "i",
        "command": ["sh", "-c", "trap 'cat /tmp/hooks; exit 0' TERM; while [ ! -e /tmp/hooks ]; do sleep 0.02; done; echo up; while :; do sleep 0.02; done"],
        "lifecycle": {"postStart": {"exec": {"command": ["sh", "-c", "echo post >> /tmp/hooks"]}},
            "preStop": {"exec": {"command": ["sh", "-c", "echo pre >> /tmp/hooks"]}}}}});
    let key = kit.start(unit("u/3", hooks)).await;
    kit.line(&key, "up").await;
    kit.runner.stop(&key, 10_000).await.unwrap();
    assert_eq!(kit.ended(&key).await.result.as_deref(), Some("up\npost\npre"));
}

#[tokio::test]
async fn progress_is_told() {
    let mut kit = Kit::new().await;
    let key = kit.start(shell("u/1", "echo 3/8 > $ARGO_PROGRESS_FILE; sleep 300")).await;
    let progress = kit.wait(&key, |w| match w {
        UnitHappening::Progress { done, total } => Some((*done, *total)),
        _ => None,
    });
    assert_eq!(progress.await, (3, 8));
    kit.runner.stop(&key, 0).await.unwrap();
    kit.ended(&key).await;
    // Written just before the end, between two looks.
    let key = kit.start(shell("u/2", "echo 8/8 > $ARGO_PROGRESS_FILE")).await;
    let progress = kit.wait(&key, |w| match w {
        UnitHappening::Progress { done, total } => Some((*done, *total)),
        UnitHappening::Ended(result) => panic!("{result:?}"),
        _ => None,
    });
    assert_eq!(progress.await, (8, 8));
}

#[tokio::test]
async fn last_words_of_a_container() {
    namespaces!();
    let mut kit = Kit::new().await;
    let step = |line: &str, path: &str, policy: &str| {
        json!({"name": "t", "container": {"image": "i", "command": ["sh", "-c", line],
            "terminationMessagePath": path, "terminationMessagePolicy": policy}})
    };
    for (at, (line, path, policy, message)) in [
        ("echo said > /dev/termination-log; exit 1", "", "", "Error (exit code 1): said"),
        ("echo said > /tmp/last; exit 1", "/tmp/last", "File", "Error (exit code 1): said"),
        (
            "echo log; echo said > /dev/termination-log; exit 1",
            "",
            "FallbackToLogsOnError",
            "Error (exit code 1): said",
        ),
        ("echo log; exit 1", "", "FallbackToLogsOnError", "Error (exit code 1): log"),
        ("echo log; exit 1", "", "File", "Error (exit code 1)"),
        ("kill -9 $$$$", "", "", "Error (exit code 137: ended by signal 9)"),
        ("kill -TERM $$$$", "", "", "Error (exit code 143: ended by signal 15)"),
    ]
    .into_iter()
    .enumerate()
    {
        assert_eq!(
            kit.run(unit(&format!("u/{at}"), step(line, path, policy))).await.message,
            message,
            "{line} {policy}"
        );
    }
}

#[tokio::test]
async fn large_scripts_and_arguments() {
    let mut kit = Kit::new().await;
    let mut source = "#!/bin/sh\n".to_owned();
    for i in 0..60_000 {
        source.push_str(&format!(": a line that does nothing, number {i}\n"));
    }
    source.push_str("echo done");
    let script = json!({"name": "t", "script": {"image": "i", "source": source}});
    assert_eq!(kit.run(unit("u/1", script)).await.result.as_deref(), Some("done"));
    let long = "x".repeat(100_000);
    let args = json!({"name": "t", "container": {"image": "i", "command": ["sh", "-c", "echo ${#1} ${#2} ${#V}", "sh", long, long],
        "env": [{"name": "V", "value": long}]}});
    assert_eq!(kit.run(unit("u/2", args)).await.result.as_deref(), Some("100000 100000 100000"));
    let too_long = "x".repeat(200_000);
    let args = json!({"name": "t", "container": {"image": "i", "command": ["echo", too_long]}});
    let result = kit.run(unit("u/3", args)).await;
    assert_eq!(result.class, EndClass::CouldNotStart);
    assert!(result.message.contains("128 KiB"), "{}", result.message);
}
