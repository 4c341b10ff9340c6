//! The open ports get garbage, and runs that want all the time and memory there is.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::{Duration, Instant};

use client::v1::{GetServerInfoRequest, SubmitRequest, WorkflowPhase, submit_request};
use serde_json::{Value, json};
use tests::Server;

/// What a run of one expression may take, on a busy machine and without optimisation.
const ANSWER_WITHIN: Duration = Duration::from_secs(40);
/// What a bomb may add to the server's memory (bytes).
const MEMORY_MAX: u64 = 600 << 20;

fn noise(bytes: u32) -> Vec<u8> {
    (0..bytes).map(|n| (n.wrapping_mul(2_654_435_761) >> 13) as u8).collect()
}

/// Says something, and reads until the other side ends it or has had enough time to.
fn talk(address: &str, bytes: &[u8]) {
    let Ok(mut stream) = TcpStream::connect(address) else { panic!("{address} no longer answers") };
    stream.set_read_timeout(Some(Duration::from_millis(300))).unwrap();
    stream.set_write_timeout(Some(Duration::from_secs(5))).unwrap();
    let _ = stream.write_all(bytes);
    let _ = stream.read(&mut [0; 4096]);
}

#[tokio::test(flavor = "multi_thread")]
async fn hostile_connections() {
    let server = Server::start().await;
    let api = server.address().unwrap().trim_start_matches("http://").to_owned();
    let pages = server.metrics_address().unwrap();
    let preface = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
    let frame = |length: u32, kind: u8, flags: u8, stream: u32, body: &[u8]| {
        let mut out = length.to_be_bytes()[1..].to_vec();
        out.extend([kind, flags]);
        out.extend(stream.to_be_bytes());
        out.extend(body);
        out
    };
    let after = |frames: Vec<u8>| [&preface[..], &frame(0, 4, 0, 0, &[]), &frames].concat();
    let says = [
        noise(70_000),
        b"GET / HTTP/1.1\r\nHost: x\r\n\r\n".to_vec(),
        [b"GET / HTTP/1.1\r\nX: ".as_slice(), &b"y".repeat(1 << 20)].concat(),
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03".to_vec(),
        after(noise(20_000)),
        // A frame longer than any may be, headers without an end, a stream of resets and settings.
        after(frame(0xff_ffff, 0, 0, 1, &noise(2_000))),
        after(frame(5, 1, 0, 1, b"\xff\xff\xff\xff\xff")),
        after(
            (0..5_000u32)
                .flat_map(|n| [frame(1, 1, 5, 2 * n + 1, b"\x82"), frame(4, 3, 0, 2 * n + 1, &[0, 0, 0, 8])].concat())
                .collect(),
        ),
        after((0..5_000).flat_map(|_| frame(0, 4, 0, 0, &[])).collect()),
        after((0..5_000).flat_map(|_| frame(8, 6, 0, 0, &[7; 8])).collect()),
    ];
    let before = server.memory();
    for address in [&api, &pages] {
        for bytes in &says {
            talk(address, bytes);
        }
    }
    // Many who say nothing at all.
    let idle: Vec<TcpStream> = (0..300).filter_map(|_| TcpStream::connect(&api).ok()).collect();
    let client = server.client().await;
    client.info().get_server_info(GetServerInfoRequest {}).await.expect("it answers beside them");
    drop(idle);
    assert!(server.metrics().text().contains("process_start_time_seconds"));
    let grown = server.memory().saturating_sub(before);
    assert!(grown < 200 << 20, "{grown} bytes");
    assert!(!server.full_log().contains("panicked"), "{}", server.log());
}

fn run(name: &str, templates: Value) -> Value {
    json!({"apiVersion": "argoproj.io/v1alpha1", "kind": "Workflow", "metadata": {"name": name}, "spec": {"entrypoint": "main", "templates": templates}})
}

/// Expressions that would take for ever or all memory end by their budget, said by name; the server goes on.
#[tokio::test(flavor = "multi_thread")]
async fn hostile_evaluations() {
    let server = Server::with(&[("images", "host"), ("runner", "virtual")]).await;
    let client = server.client().await;
    let before = server.memory();
    let long = "9".repeat(400);
    let bombs = [
        "{{=map(1..1000000, map(1..1000000, #))}}".to_owned(),
        "{{=reduce(1..100, #acc + #acc, 'xxxxxxxx')}}".to_owned(),
        "{{=sprig.repeat(1000000000, 'x')}}".to_owned(),
        "{{=repeat('x', 1000000000)}}".to_owned(),
        "{{=('a' + sprig.repeat(30000, 'a')) matches '(a*)*b'}}".to_owned(),
        "{{=join(map(1..200000, sprig.repeat(1000, 'x')), '')}}".to_owned(),
        format!("{{{{={}1{}}}}}", "(".repeat(20_000), ")".repeat(20_000)),
        format!("{{{{={}1}}}}", "!".repeat(50_000)),
        format!("{{{{={}}}}}", vec![long.as_str(); 200].join("**")),
    ];
    for (n, bomb) in bombs.iter().enumerate() {
        let name = format!("bomb-{n}");
        let shown: String = bomb.chars().take(60).collect();
        let leaf = json!({"name": "main", "container": {"image": "x", "command": ["echo"], "args": [bomb]}});
        let source = Some(submit_request::Source::Manifest(run(&name, json!([leaf])).to_string().into()));
        let begun = Instant::now();
        match client.submit(SubmitRequest { namespace: "default".into(), source, options: None }).await {
            // Said before it is stored.
            Err(refused) => assert!(!refused.to_string().is_empty()),
            Ok(_) => {
                let summary = client.wait("default", &name).await.unwrap();
                // A huge number is one, and this pattern is no bomb to an automaton; everything else is too much.
                let harmless = bomb.contains("**") || bomb.contains("matches");
                let taken = summary.phase() == WorkflowPhase::Succeeded && harmless;
                assert!(
                    taken || summary.phase() == WorkflowPhase::Error,
                    "{shown}: {:?} {}",
                    summary.phase(),
                    summary.message
                );
                assert!(summary.message.len() < 10_000, "{shown}: a message of {} bytes", summary.message.len());
            }
        }
        assert!(begun.elapsed() < ANSWER_WITHIN, "{shown} took {:?}", begun.elapsed());
    }
    let grown = server.memory_peak().saturating_sub(before);
    assert!(grown < MEMORY_MAX, "{grown} bytes");
}

/// The same for jq, which is evaluated beside the server.
#[tokio::test(flavor = "multi_thread")]
async fn hostile_jq() {
    let server = Server::start().await;
    let client = server.client().await;
    let map =
        json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "m"}, "data": {"a": "b"}}).to_string();
    let rows = [
        "[range(1e12)]",
        "def f: f; f",
        "def f: [f, f]; f",
        "last(repeat(1))",
        "\"x\" * 1e9",
        "[limit(1e9; repeat(\"xxxxxxxxxxxxxxxx\"))] | join(\"\")",
        "input",
        "env",
        "$ENV",
        "import \"x\" as x; .",
        "((((",
        "\"\\(",
    ];
    for (n, filter) in rows.iter().enumerate() {
        let name = format!("jq-{n}");
        let leaf = json!({
            "name": "main", "resource": {"action": "create", "manifest": map.replace("\"m\"", &format!("\"m{n}\""))},
            "outputs": {"parameters": [{"name": "o", "valueFrom": {"jqFilter": filter}}]},
        });
        let source = Some(submit_request::Source::Manifest(run(&name, json!([leaf])).to_string().into()));
        let begun = Instant::now();
        match client.submit(SubmitRequest { namespace: "default".into(), source, options: None }).await {
            Err(refused) => assert!(!refused.to_string().is_empty()),
            Ok(_) => {
                let summary = client.wait("default", &name).await.unwrap();
                let harmless = filter.contains("env") || filter.contains("ENV");
                assert!(harmless || summary.phase() != WorkflowPhase::Succeeded, "{filter}");
                assert!(!summary.message.contains("PATH"), "{filter} shows the environment: {}", summary.message);
            }
        }
        assert!(begun.elapsed() < ANSWER_WITHIN, "{filter} took {:?}", begun.elapsed());
    }
}
