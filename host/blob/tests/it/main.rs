//! Large artifacts in constant memory, and a writer that is killed: a process of its own, because it is measured and killed.
//!
//! `cargo test -p blob --release --test it -- --ignored --nocapture` does the same with 5 GiB (`COLCHIS_BYTES` says how many).
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::print_stdout,
    clippy::print_stderr
)]

use std::collections::HashMap;
use std::fs::{self, File};
use std::io::{BufRead, BufReader, BufWriter, Read, Write};
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::time::Instant;

use artifact::{ArtifactError, Artifacts, Context, ErrorClass, Secret, Secrets};
use async_trait::async_trait;
use blob::{Config, Drivers};
use bytes::Bytes;
use futures::stream::{self, StreamExt, TryStreamExt};
use model::workflow::Artifact;
use serde_json::{Value, json};

#[path = "../../src/s3/gateway.rs"]
mod gateway;
use gateway::{ACCESS, Gateway, SECRET};

/// What may be held at once: parts under way, their copies in the protocol's layers, buffers of pipes and archives.
const GROWTH_MAX: u64 = 64 << 20;

struct Known(HashMap<String, String>);

#[async_trait]
impl Secrets for Known {
    async fn secret(&self, name: &str, key: &str) -> Result<Secret, ArtifactError> {
        self.0.get(&format!("{name}/{key}")).map(|value| Secret::new(value.as_bytes())).ok_or_else(|| ArtifactError {
            artifact: String::new(),
            operation: "load",
            location: String::new(),
            reason: "missing".into(),
            class: ErrorClass::Permanent,
            source: None,
        })
    }
    async fn config_map(&self, _: &str, _: &str) -> Result<String, ArtifactError> {
        unreachable!("no driver reads one")
    }
}

/// A field of `/proc/self/status` in bytes.
fn status(field: &str) -> u64 {
    let text = fs::read_to_string("/proc/self/status").unwrap();
    let line = text.lines().find(|line| line.starts_with(field)).unwrap();
    line.split_whitespace().nth(1).unwrap().parse::<u64>().unwrap() << 10
}

/// The peak of resident memory from here on is that of what follows.
fn forget_peak() {
    fs::write("/proc/self/clear_refs", "5").unwrap();
}

/// A file that looks random, and its like for comparison.
fn write_noise(path: &Path, bytes: u64) {
    let mut file = BufWriter::new(File::create(path).unwrap());
    let mut noise = Noise::default();
    let mut buffer = vec![0; 1 << 20];
    let mut left = bytes;
    while left > 0 {
        let count = left.min(buffer.len() as u64) as usize;
        noise.fill(&mut buffer[..count]);
        file.write_all(&buffer[..count]).unwrap();
        left -= count as u64;
    }
    file.flush().unwrap();
}

fn is_noise(path: &Path, bytes: u64) {
    assert_eq!(fs::metadata(path).unwrap().len(), bytes);
    let mut file = BufReader::new(File::open(path).unwrap());
    let (mut noise, mut is, mut ought) = (Noise::default(), vec![0; 1 << 20], vec![0; 1 << 20]);
    let mut left = bytes;
    while left > 0 {
        let count = left.min(is.len() as u64) as usize;
        file.read_exact(&mut is[..count]).unwrap();
        noise.fill(&mut ought[..count]);
        assert!(is[..count] == ought[..count]);
        left -= count as u64;
    }
}

struct Noise(u64);

impl Default for Noise {
    fn default() -> Self {
        Self(0x9e37_79b9_7f4a_7c15)
    }
}

impl Noise {
    fn fill(&mut self, buffer: &mut [u8]) {
        for word in buffer.chunks_mut(8) {
            self.0 ^= self.0 << 13;
            self.0 ^= self.0 >> 7;
            self.0 ^= self.0 << 17;
            word.copy_from_slice(&self.0.to_le_bytes()[..word.len()]);
        }
    }
}

fn artifact(value: Value) -> Artifact {
    serde_json::from_value(value).unwrap()
}

fn drivers(folder: &Path) -> Drivers {
    let config = Config { directory: folder.join("artifacts"), ..Config::default() };
    let policy = egress::Policy::new(serde_json::from_value(json!({"allowPrivate": true})).unwrap());
    Drivers::new(config, egress::Guard::new(policy)).unwrap()
}

/// Saves and loads a file of so many bytes in each way; memory may not follow.
async fn through(bytes: u64) {
    let folder = tempfile::tempdir().unwrap();
    let drivers = drivers(folder.path());
    let secrets =
        HashMap::from([("s3/access".to_owned(), ACCESS.to_owned()), ("s3/secret".to_owned(), SECRET.to_owned())]);
    let context = Context { namespace: "default".into(), secrets: Arc::new(Known(secrets)) };
    let gateway = Gateway::start("blob: constant memory with S3");
    let mut ways = vec![
        ("directory, none", json!({"name": "x", "s3": {"key": "plain"}, "archive": {"none": {}}})),
        ("directory, tar", json!({"name": "x", "s3": {"key": "packed"}, "archive": {"tar": {"compressionLevel": 1}}})),
    ];
    if let Some(gateway) = &gateway {
        let s3 = |key: &str| {
            json!({"endpoint": gateway.endpoint, "insecure": true, "bucket": "large", "key": key, "createBucketIfNotPresent": {},
                "accessKeySecret": {"name": "s3", "key": "access"}, "secretKeySecret": {"name": "s3", "key": "secret"}})
        };
        ways.push(("s3, none", json!({"name": "x", "s3": s3("plain"), "archive": {"none": {}}})));
        ways.push(("s3, tar", json!({"name": "x", "s3": s3("packed"), "archive": {"tar": {"compressionLevel": 1}}})));
    }
    let source = folder.path().join("source");
    write_noise(&source, 1 << 20);
    for (_, value) in &ways {
        drivers.save(&context, &artifact(value.clone()), &source).await.unwrap();
    }
    write_noise(&source, bytes);
    for (way, value) in ways {
        let artifact = artifact(value);
        let before = status("VmRSS");
        forget_peak();
        let begun = Instant::now();
        drivers.save(&context, &artifact, &source).await.unwrap();
        let (saved, growth) = (begun.elapsed(), status("VmHWM").saturating_sub(before));
        println!(
            "{way}: saved {} MiB in {:.1} s, peak {} MiB over {} MiB",
            bytes >> 20,
            saved.as_secs_f64(),
            growth >> 20,
            before >> 20
        );
        assert!(growth < GROWTH_MAX, "{way}: saving took {} MiB", growth >> 20);

        let (before, begun, to) = (status("VmRSS"), Instant::now(), folder.path().join("back"));
        forget_peak();
        let loaded = drivers.load(&context, &artifact, &to).await.unwrap();
        let (took, growth) = (begun.elapsed(), status("VmHWM").saturating_sub(before));
        println!(
            "{way}: loaded {} MiB in {:.1} s, peak {} MiB over {} MiB",
            loaded.bytes >> 20,
            took.as_secs_f64(),
            growth >> 20,
            before >> 20
        );
        assert!(growth < GROWTH_MAX, "{way}: loading took {} MiB", growth >> 20);
        is_noise(&to, bytes);
        fs::remove_file(&to).unwrap();
        drivers.delete(&context, &artifact).await.unwrap();
    }
}

/// One test measures the process, so the others wait.
static ALONE: tokio::sync::Mutex<()> = tokio::sync::Mutex::const_new(());

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn memory_does_not_grow_with_an_artifact() {
    let _alone = ALONE.lock().await;
    through(300 << 20).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "minutes, and 15 GiB of disk: a row of the bench"]
async fn five_gigabytes_in_constant_memory() {
    let bytes = std::env::var("COLCHIS_BYTES").ok().and_then(|bytes| bytes.parse().ok()).unwrap_or(5 << 30);
    through(bytes).await;
}

fn at(key: &str) -> Artifact {
    artifact(json!({"name": "x", "s3": {"key": key}}))
}

fn nobody() -> Context {
    Context { namespace: "default".into(), secrets: Arc::new(Known(HashMap::new())) }
}

/// What the test below starts and kills: stores one object after the other and says so, then one without end.
#[tokio::test]
#[ignore = "is started by another test"]
async fn writer_to_be_killed() {
    let Some(folder) = std::env::var_os("COLCHIS_CRASH") else { return };
    let drivers = drivers(Path::new(&folder));
    for number in 0..5 {
        let content = stream::iter([Ok(Bytes::from(vec![number; 100_000]))]).boxed();
        drivers.put(&nobody(), &at(&format!("whole/{number}")), content).await.unwrap();
        println!("stored {number}");
    }
    let endless = stream::repeat_with(|| Ok(Bytes::from_static(&[7; 65_536]))).enumerate().map(|(number, chunk)| {
        if number == 20 {
            println!("half");
        }
        chunk
    });
    drivers.put(&nobody(), &at("whole/0"), endless.take(2_000_000).boxed()).await.unwrap();
}

#[tokio::test]
async fn what_was_acknowledged_survives_a_kill_and_half_a_file_is_never_seen() {
    let _alone = ALONE.lock().await;
    let folder = tempfile::tempdir().unwrap();
    let mut child = Command::new(std::env::current_exe().unwrap())
        .args(["--ignored", "--exact", "writer_to_be_killed", "--nocapture"])
        .env("COLCHIS_CRASH", folder.path())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let said = BufReader::new(child.stdout.take().unwrap()).lines();
    let half = said.map(Result::unwrap).find(|line| line.ends_with("half"));
    assert!(half.is_some());
    child.kill().unwrap();
    child.wait().unwrap();
    let drivers = drivers(folder.path());
    for number in 0..5 {
        let content: Vec<Bytes> =
            drivers.open(&nobody(), &at(&format!("whole/{number}"))).await.unwrap().try_collect().await.unwrap();
        assert!(content.concat() == vec![number; 100_000], "{number}");
    }
    assert_eq!(drivers.list(&nobody(), &at("whole"), 10).await.unwrap().len(), 5);
}
