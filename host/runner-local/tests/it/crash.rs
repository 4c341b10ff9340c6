//! kill -9 of everything: the server, the agent, a supervisor.

use std::io::{BufRead, BufReader};
use std::process::{Command, Stdio};
use std::sync::Arc;

use runner::{EndClass, EndPhase, Runner};
use rustix::process::{Pid, Signal, kill_process};

use crate::kit::{Kit, dir, namespaces, settings, shell};

fn kill(pid: u32) {
    let pid = Pid::from_raw(i32::try_from(pid).unwrap()).unwrap();
    kill_process(pid, Signal::KILL).unwrap();
}

/// The supervisor of a unit, from its record.
fn supervisor(kit: &Kit, unit: &str) -> u32 {
    let record = std::fs::read_to_string(kit.dir.path().join(format!("data/logs/{unit}/unit.jsonl"))).unwrap();
    let claim: serde_json::Value = serde_json::from_str(record.lines().next().unwrap()).unwrap();
    u32::try_from(claim["claim"]["supervisor"].as_u64().unwrap()).unwrap()
}

/// The server of `a_killed_server…`: runs in a process of its own until it is killed.
#[tokio::test]
#[ignore = "is started by another test"]
async fn server_process() {
    let path = std::env::var("COLCHIS_TEST_DIR").unwrap();
    let (sender, mut events) = tokio::sync::mpsc::channel(16);
    let environment = runner::Environment {
        references: Arc::new(crate::kit::Objects::default()),
        artifacts: Arc::new(crate::kit::FolderRepository(std::path::Path::new(&path).join("repository"))),
        events: sender,
        data_dir: std::path::Path::new(&path).join("data"),
    };
    let runner = runner_local::LocalRunner::new(settings(), environment).await.unwrap();
    let line = "echo begun; while [ ! -e /v/go ]; do sleep 0.02; done; echo done > /tmp/out; echo done";
    let mut output = crate::kit::unit(
        "u/running",
        serde_json::json!({"name": "t", "volumes": [{"name": "v", "emptyDir": {}}],
        "container": {"image": "i", "command": ["sh", "-c", line], "volumeMounts": [{"name": "v", "mountPath": "/v"}]}}),
    );
    output.output_artifacts =
        vec![serde_json::from_value(serde_json::json!({"name": "o", "path": "/tmp/out", "s3": {"key": "o"}})).unwrap()];
    runner.start(output).await.unwrap();
    runner.start(shell("u/quick", "echo quick")).await.unwrap();
    let (mut running, mut quick) = (false, false);
    while !(running && quick) {
        let event = events.recv().await.unwrap();
        running |= &*event.key == "u/running" && matches!(event.what, runner::UnitHappening::Started { .. });
        quick |= &*event.key == "u/quick" && matches!(event.what, runner::UnitHappening::Ended(_));
    }
    println!("\nserver is busy");
    std::future::pending::<()>().await;
}

#[tokio::test]
async fn a_killed_server_loses_nothing() {
    namespaces!();
    let folder = dir();
    let mut server = Command::new(std::env::current_exe().unwrap())
        .args(["--ignored", "--exact", "crash::server_process", "--nocapture"])
        .env("COLCHIS_TEST_DIR", folder.path())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(server.stdout.take().unwrap()).lines();
    assert!(lines.any(|l| l.unwrap().contains("server is busy")));
    kill(server.id());
    server.wait().unwrap();

    let mut kit = Kit::with(settings(), folder.clone()).await;
    let mut known: Vec<String> = kit.runner.adopt().await.unwrap().iter().map(ToString::to_string).collect();
    known.sort();
    assert_eq!(known, ["u/quick", "u/running"]);
    assert_eq!(kit.ended("u/quick").await.result.as_deref(), Some("quick"));
    kit.started("u/running").await;
    // Starting it again starts nothing more.
    kit.runner.start(shell("u/running", "echo twice")).await.unwrap();
    let units = std::fs::read_dir(folder.path().join("data/agent/units")).unwrap().flatten();
    let volume = units.map(|u| u.path().join("volumes/v")).find(|v| v.is_dir()).unwrap();
    std::fs::write(volume.join("go"), b"").unwrap();
    let result = kit.ended("u/running").await;
    assert_eq!((result.phase, result.result.as_deref()), (EndPhase::Succeeded, Some("begun\ndone")), "{result:?}");
    assert_eq!(result.artifacts.len(), 1, "its files were still there to be saved");
    assert_eq!(std::fs::read_to_string(folder.path().join("repository/o")).unwrap(), "done\n");

    // And a third server is told the same, until the unit is released.
    drop(kit);
    let mut kit = Kit::with(settings(), folder).await;
    kit.runner.adopt().await.unwrap();
    assert_eq!(kit.ended("u/running").await, result);
    kit.runner.release(&"u/running".into()).await.unwrap();
    kit.runner.release(&"u/quick".into()).await.unwrap();
    // A key names one attempt for ever, also after its release.
    kit.runner.start(shell("u/running", "echo twice")).await.unwrap();
    assert_eq!(kit.ended("u/running").await, result);
}

#[tokio::test]
async fn a_killed_supervisor_is_a_lost_step() {
    namespaces!();
    let mut kit = Kit::new().await;
    let mark = format!("/dev/shm/colchis-lost-{}", std::process::id());
    let key = kit.start(shell("u/1", &format!("echo up; while :; do : {mark}; sleep 0.02; done"))).await;
    kit.line(&key, "up").await;
    kill(supervisor(&kit, "u/1"));
    let result = kit.ended(&key).await;
    assert_eq!((result.phase, result.class), (EndPhase::Error, EndClass::Lost));
    assert!(result.message.starts_with("StepLost: "), "{}", result.message);
    let alive = || {
        std::fs::read_dir("/proc")
            .unwrap()
            .flatten()
            .any(|p| std::fs::read(p.path().join("cmdline")).is_ok_and(|c| String::from_utf8_lossy(&c).contains(&mark)))
    };
    crate::kit::until("its containers end with it", || !alive()).await;
    // Never again.
    kit.runner.start(shell("u/1", "echo twice")).await.unwrap();
    assert_eq!(kit.ended(&key).await.class, EndClass::Lost);
}

#[test]
fn steps_of_a_server_that_none_comes_after_end_with_it() {
    namespaces!();
    let folder = dir();
    let server = tokio::runtime::Runtime::new().unwrap();
    let (kit, key) = server.block_on(async {
        let kit = Kit::with(runner_local::Settings { tied: true, ..settings() }, folder.clone()).await;
        let key =
            kit.start(shell("u/1", "trap 'echo asked; exit 3' TERM; echo up; while :; do sleep 0.02; done")).await;
        kit.line(&key, "up").await;
        (kit, key)
    });
    // Its connections close as those of a killed process do.
    server.shutdown_background();
    let log = folder.path().join("data/logs/u/1");
    let next = tokio::runtime::Runtime::new().unwrap();
    next.block_on(crate::kit::until("the step has ended", || {
        std::fs::read_to_string(log.join("unit.jsonl")).is_ok_and(|record| record.contains("its server is gone"))
    }));
    let said = std::fs::read_to_string(log.join("main.0.0.log")).unwrap();
    assert!(said.contains("asked"), "{key}: {said}");
    drop(kit);
}

#[tokio::test]
async fn a_killed_agent_is_replaced() {
    namespaces!();
    let mut kit = Kit::new().await;
    let running = kit.start(shell("u/1", "echo up; sleep 0.5; echo still here")).await;
    kit.line(&running, "up").await;
    let status: serde_json::Value =
        serde_json::from_slice(&std::fs::read(kit.dir.path().join("data/agent/status.json")).unwrap()).unwrap();
    kill(u32::try_from(status["pid"].as_u64().unwrap()).unwrap());
    assert_eq!(kit.run(shell("u/2", "echo next")).await.result.as_deref(), Some("next"));
    assert_eq!(kit.ended(&running).await.result.as_deref(), Some("up\nstill here"));
}

#[tokio::test]
async fn no_room_for_a_claim() {
    namespaces!();
    let mut kit = Kit::new().await;
    kit.run(shell("u/1", "true")).await;
    // A full disk looks like this to whoever wants to write a claim: the folder cannot be made.
    std::fs::write(kit.dir.path().join("data/logs/full"), b"").unwrap();
    let result = kit.run(shell("full/1", "echo never")).await;
    assert_eq!((result.phase, result.class), (EndPhase::Error, EndClass::CouldNotStart), "{result:?}");
    assert!(result.message.contains("folder"), "{}", result.message);
}
