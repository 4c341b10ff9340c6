//! What a container sees, and what it does not.

use runner::{EndClass, EndPhase};
use serde_json::json;

use crate::kit::{Kit, dir, namespaces, settings, shell, unit};

/// Runs a line as root in a container and answers its output.
async fn said(kit: &mut Kit, key: &str, line: &str) -> String {
    let result = kit.run(shell(key, line)).await;
    assert_eq!(result.phase, EndPhase::Succeeded, "{line}: {result:?}");
    result.result.unwrap_or_default()
}

#[tokio::test]
async fn a_private_root_over_the_machines() {
    namespaces!();
    let mut kit = Kit::new().await;
    let inside = format!("/etc/colchis-test-{}", std::process::id());
    let line = format!("echo x > {inside} && cat {inside} && ls -A /tmp && echo y > /tmp/f && ls -A /tmp");
    assert_eq!(said(&mut kit, "u/1", &line).await, "x\nf");
    assert!(!std::path::Path::new(&inside).exists(), "nothing reaches the machine");
    let again = format!("ls {inside} 2>/dev/null; ls -A /tmp | wc -l");
    assert_eq!(said(&mut kit, "u/2", &again).await, "0", "two steps that write the same paths do not meet");
    // The server's own data is not shown.
    let data = kit.dir.path().join("data").canonicalize().unwrap();
    assert_eq!(said(&mut kit, "u/3", &format!("ls -A {} 2>/dev/null | wc -l", data.display())).await, "0");
}

#[tokio::test]
async fn its_own_processes_name_and_devices() {
    namespaces!();
    let mut kit = Kit::new().await;
    assert_eq!(said(&mut kit, "u/1", "hostname 2>/dev/null || cat /proc/sys/kernel/hostname").await, "hello-step-123");
    let processes = said(&mut kit, "u/2", "ls /proc | grep -c '^[0-9]'").await;
    assert!(processes.parse::<u32>().unwrap() < 10, "{processes}");
    assert_eq!(
        said(
            &mut kit,
            "u/3",
            "echo x > /dev/null; test -c /dev/zero; ls /dev/sda /dev/vda /dev/mem 2>/dev/null | wc -l"
        )
        .await,
        "0"
    );
    assert_eq!(said(&mut kit, "u/4", "cat /proc/kcore /proc/keys /proc/timer_list 2>/dev/null | wc -c; echo 1 2>/dev/null > /proc/sys/kernel/panic || echo refused").await, "0\nrefused");
    assert_eq!(said(&mut kit, "u/5", "echo hi > /dev/stdout; echo x > /dev/shm/x && cat /dev/shm/x").await, "hi\nx");
}

#[tokio::test]
async fn capabilities_filter_and_privileges() {
    namespaces!();
    let mut kit = Kit::new().await;
    let status = said(&mut kit, "u/1", "grep -E '^(CapBnd|CapEff|NoNewPrivs|Seccomp):' /proc/self/status").await;
    for expected in ["CapBnd:\t00000000a80425fb", "CapEff:\t00000000a80425fb", "NoNewPrivs:\t1", "Seccomp:\t2"] {
        assert!(status.contains(expected), "{expected} in {status}");
    }
    for refused in ["mount -t tmpfs none /mnt", "unshare -m true", "unshare -U true"] {
        let result = kit.run(shell(&format!("u/{}", refused.len()), refused)).await;
        assert_eq!(result.phase, EndPhase::Failed, "{refused}");
    }
    let dropped = json!({"name": "t", "container": {"image": "i", "command": ["sh", "-c", "grep CapEff /proc/self/status"],
        "securityContext": {"capabilities": {"drop": ["ALL"], "add": ["CHOWN"]}}}});
    assert_eq!(kit.run(unit("u/drop", dropped)).await.result.unwrap(), "CapEff:\t0000000000000001");
    let privileged =
        json!({"name": "t", "container": {"image": "i", "command": ["true"], "securityContext": {"privileged": true}}});
    let result = kit.run(unit("u/priv", privileged)).await;
    assert_eq!((result.phase, result.class), (EndPhase::Error, EndClass::CouldNotStart));
    assert!(result.message.contains("container.securityContext.privileged"), "{}", result.message);
}

#[tokio::test]
async fn users_groups_and_a_read_only_root() {
    namespaces!();
    let mut kit = Kit::new().await;
    let user = json!({"name": "t", "securityContext": {"supplementalGroups": [4242], "fsGroup": 77},
        "volumes": [{"name": "v", "emptyDir": {}}],
        "container": {"image": "i", "command": ["sh", "-c", "id -u; id -g; id -G; echo x > /v/x && stat -c %g /v/x; echo y > /root-file || echo refused; echo ok > /dev/stdout"],
            "securityContext": {"runAsUser": 1234, "runAsGroup": 5678}, "volumeMounts": [{"name": "v", "mountPath": "/v"}]}});
    let result = kit.run(unit("u/1", user)).await;
    assert_eq!(result.phase, EndPhase::Succeeded, "{result:?}");
    assert_eq!(result.result.unwrap(), "1234\n5678\n5678 77 4242\n77\nrefused\nok");
    let read_only = json!({"name": "t", "container": {"image": "i", "command": ["sh", "-c", "touch /x || echo refused; touch /dev/shm/x && echo shm"],
        "securityContext": {"readOnlyRootFilesystem": true}}});
    assert_eq!(kit.run(unit("u/2", read_only)).await.result.unwrap(), "refused\nshm");
    kit.objects.put(json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "cm", "namespace": "default"}, "data": {"k": "v"}}));
    let group = json!({"name": "t", "securityContext": {"runAsUser": 1234, "fsGroup": 77},
        "volumes": [{"name": "v", "configMap": {"name": "cm", "defaultMode": 0o400}}],
        "container": {"image": "i", "command": ["sh", "-c", "cat /v/k; stat -c ' %a %g' /v/k"], "volumeMounts": [{"name": "v", "mountPath": "/v"}]}});
    assert_eq!(kit.run(unit("u/group", group)).await.result.unwrap(), "v 440 77");
    let word = json!({"name": "t", "container": {"image": "i", "command": ["sh", "-c", "echo 1/2 > $ARGO_PROGRESS_FILE && echo why > /dev/termination-log; exit 3"],
        "securityContext": {"readOnlyRootFilesystem": true, "runAsUser": 1234}}});
    let result = kit.run(unit("u/word", word)).await;
    assert_eq!(result.message, "Error (exit code 3): why", "what a step tells the runner by stays writable");
    let root = json!({"name": "t", "container": {"image": "i", "command": ["true"], "securityContext": {"runAsNonRoot": true}}});
    assert!(kit.run(unit("u/3", root)).await.message.contains("runAsNonRoot"));
    let dir = json!({"name": "t", "container": {"image": "i", "command": ["pwd"], "workingDir": "/some/new/place"}});
    assert_eq!(kit.run(unit("u/4", dir)).await.result.unwrap(), "/some/new/place");
}

#[tokio::test]
async fn limits_of_processes_and_memory() {
    namespaces!();
    let mut kit = Kit::with(runner_local::Settings { pids_max: 64, ..settings() }, dir()).await;
    let notes = kit.runner.warm_up().await.unwrap();
    if notes.iter().any(|n| n.contains("limits of")) {
        testkit::tools::skip("limits_of_processes_and_memory", &notes.join("; "));
        return;
    }
    // Forks as long as it can; the machine must stay usable and the step must end when told.
    let bomb = "i=0; while [ $i -lt 500 ]; do sleep 60 & i=$((i+1)); done; echo started all";
    let result = kit.run(shell("u/1", bomb)).await;
    assert_ne!(result.result.as_deref(), Some("started all"), "{result:?}");
    let hungry = json!({"name": "t", "container": {"image": "i", "command": ["sh", "-c", "head -c 200m /dev/zero | tail | wc -c"],
        "resources": {"limits": {"memory": "32Mi", "cpu": "500m"}}}});
    let result = kit.run(unit("u/2", hungry)).await;
    let last = "tail is killed; the shell reports it or dies with it";
    assert!(result.class == EndClass::OutOfMemory || result.result.as_deref() == Some("0"), "{last}: {result:?}");
    let hungry = json!({"name": "t", "container": {"image": "i", "command": ["tail", "/dev/zero"],
        "resources": {"limits": {"memory": "32Mi"}}}});
    let result = kit.run(unit("u/3", hungry)).await;
    assert_eq!((result.phase, result.class), (EndPhase::Failed, EndClass::OutOfMemory), "{result:?}");
    assert!(result.message.contains("OOMKilled"), "{}", result.message);
}
