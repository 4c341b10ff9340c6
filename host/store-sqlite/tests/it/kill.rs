//! kill -9 at any moment: what was acknowledged is there afterwards.

use std::io::{BufRead, BufReader, Write};
use std::process::{Command, Stdio};

use store_sqlite::{Check, Options, SqliteStore};

use crate::support::{Done, Random, verify, verify_whole, work};

const DIR: &str = "STORE_TEST_KILL_DIR";
const ROUND: &str = "STORE_TEST_KILL_ROUND";
const ROUNDS: u64 = 20;

/// Not a test of its own: the process that is killed.
#[test]
fn child() {
    let (Ok(dir), Ok(round)) = (std::env::var(DIR), std::env::var(ROUND)) else { return };
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    runtime.block_on(async {
        // A short log, so that kills fall into checkpoints too.
        let options = Options { checkpoint_pages: 64, ..Options::new(dir) };
        let store = SqliteStore::open(options).unwrap();
        let writers: Vec<_> = (0..6)
            .map(|w| {
                tokio::spawn(work(store.clone(), format!("k{round}-{w}"), 1_000_000, true, |done| {
                    // One write call a line: a killed process leaves no half line that parses.
                    let line = format!("{}\n", done.line());
                    std::io::stdout().lock().write_all(line.as_bytes()).unwrap();
                }))
            })
            .collect::<Vec<_>>();
        // They write until they are killed; one that ends is the finding.
        let ended = futures::future::select_all(writers).await;
        panic!("a writer ended: {:?}", ended.0);
    });
}

#[test]
fn acknowledged_writes_survive_kills() {
    let dir = tempfile::tempdir().unwrap();
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    let mut random = Random(0x5eed);
    let mut all = Vec::new();
    for round in 0..ROUNDS {
        let mut child = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "kill::child", "--nocapture", "--test-threads=1"])
            .env(DIR, dir.path())
            .env(ROUND, round.to_string())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let wanted = 1 + random.draw(400);
        let mut told: Vec<Done> = Vec::new();
        while (told.len() as u64) < wanted {
            let line = lines.next().expect("the child works until it is killed").unwrap();
            told.extend(Done::parse(&line));
        }
        child.kill().unwrap();
        // What it had written before it died counts too.
        told.extend(lines.map_while(Result::ok).filter_map(|line| Done::parse(&line)));
        child.wait().unwrap();
        all.extend(told);
        runtime.block_on(async {
            let check = if round + 1 == ROUNDS { Check::Full } else { Check::Auto };
            let store = SqliteStore::open(Options { check, ..Options::new(dir.path()) }).unwrap();
            // Every line of this round, and now and then of all.
            let from = if round % 5 == 4 { 0 } else { all.len().saturating_sub(1000) };
            verify(&store, &all[from..]).await;
            let journals: Vec<String> = (0..6).map(|w| format!("k{round}-{w}-journal")).collect();
            verify_whole(&store, &journals).await;
            store.close();
        });
    }
    assert!(all.len() > 1000);
}
