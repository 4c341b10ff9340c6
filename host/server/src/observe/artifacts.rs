//! Artifact transfers by driver and outcome.
//!
//! Stands around the drivers, so that a transfer is counted once, however often its driver tried.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use artifact::{ArtifactError, Artifacts, ByteStream, Context, Entry, ErrorClass, Loaded, Saved};
use async_trait::async_trait;
use model::workflow::Artifact;

use super::exposition::Render;

/// The artifact port, measured.
pub struct Measured {
    drivers: Arc<blob::Drivers>,
    transfers: Arc<Transfers>,
}

/// Driver, operation, outcome: each from a fixed list of words.
type Labels = (&'static str, &'static str, &'static str);

#[derive(Default)]
struct Transfers(Mutex<BTreeMap<Labels, Figures>>);

#[derive(Default, Clone, Copy)]
struct Figures {
    count: u64,
    bytes: u64,
    lasted: Duration,
}

impl Measured {
    /// Measures what goes through `drivers`.
    pub fn new(drivers: Arc<blob::Drivers>) -> Self {
        Self { drivers, transfers: Arc::default() }
    }

    /// Writes the figures.
    pub fn part(&self) -> Render {
        let (transfers, drivers) = (self.transfers.clone(), self.drivers.clone());
        Arc::new(move |out| {
            transfers.write(out);
            circuits(out, &drivers.circuits());
        })
    }

    async fn measure<T>(
        &self,
        operation: &'static str,
        artifact: &Artifact,
        bytes: fn(&T) -> u64,
        work: impl Future<Output = Result<T, ArtifactError>>,
    ) -> Result<T, ArtifactError> {
        let begun = Instant::now();
        let done = work.await;
        let (outcome, bytes) = match &done {
            Ok(what) => ("ok", bytes(what)),
            Err(error) => (word(error.class), 0),
        };
        self.transfers.add((blob::driver(artifact), operation, outcome), bytes, begun.elapsed());
        done
    }
}

/// An error's class, as a label.
fn word(class: ErrorClass) -> &'static str {
    match class {
        ErrorClass::NotFound => "not_found",
        ErrorClass::Denied => "denied",
        ErrorClass::Transient => "transient",
        ErrorClass::Permanent => "permanent",
    }
}

impl Transfers {
    fn add(&self, labels: Labels, bytes: u64, lasted: Duration) {
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let figures = all.entry(labels).or_default();
        figures.count += 1;
        figures.bytes = figures.bytes.saturating_add(bytes);
        figures.lasted += lasted;
    }

    fn write(&self, out: &mut String) {
        let all = self.0.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let mut family = |name: &str, help: &str, value: fn(&Figures) -> f64| {
            // Writing to a String cannot fail.
            let _ = writeln!(out, "# HELP {name} {help}\n# TYPE {name} counter");
            for ((driver, operation, outcome), figures) in &all {
                let labels = format!("driver=\"{driver}\",operation=\"{operation}\",outcome=\"{outcome}\"");
                let _ = writeln!(out, "{name}{{{labels}}} {}", value(figures));
            }
        };
        family(
            "colchis_artifact_transfers_total",
            "Artifact transfers by how they went, retries included in one",
            |f| count(f.count),
        );
        family("colchis_artifact_bytes_total", "Bytes that artifact transfers moved", |f| count(f.bytes));
        family(
            "colchis_artifact_seconds_total",
            "Time that artifact transfers took, pauses between tries included",
            |f| f.lasted.as_secs_f64(),
        );
    }
}

fn circuits(out: &mut String, circuits: &[(String, bool)]) {
    let name = "colchis_circuit_open";
    let _ = writeln!(
        out,
        "# HELP {name} Whether a repository does not answer, so that one at a time tries\n# TYPE {name} gauge"
    );
    for (repository, open) in circuits {
        let repository = repository.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n");
        let _ = writeln!(out, "{name}{{dependency=\"{repository}\"}} {}", u8::from(*open));
    }
}

#[allow(clippy::cast_precision_loss, reason = "figures for a graph")]
fn count(n: u64) -> f64 {
    n as f64
}

#[async_trait]
impl Artifacts for Measured {
    async fn load(&self, context: &Context, artifact: &Artifact, destination: &Path) -> Result<Loaded, ArtifactError> {
        let work = self.drivers.load(context, artifact, destination);
        self.measure("load", artifact, |loaded| loaded.bytes, work).await
    }

    async fn save(&self, context: &Context, artifact: &Artifact, source: &Path) -> Result<Saved, ArtifactError> {
        self.measure("save", artifact, |saved| saved.bytes, self.drivers.save(context, artifact, source)).await
    }

    async fn open(&self, context: &Context, artifact: &Artifact) -> Result<ByteStream, ArtifactError> {
        self.measure("open", artifact, |_| 0, self.drivers.open(context, artifact)).await
    }

    async fn put(&self, context: &Context, artifact: &Artifact, content: ByteStream) -> Result<Saved, ArtifactError> {
        self.measure("put", artifact, |saved| saved.bytes, self.drivers.put(context, artifact, content)).await
    }

    async fn list(&self, context: &Context, artifact: &Artifact, limit: usize) -> Result<Vec<Entry>, ArtifactError> {
        self.measure("list", artifact, |_| 0, self.drivers.list(context, artifact, limit)).await
    }

    async fn delete(&self, context: &Context, artifact: &Artifact) -> Result<(), ArtifactError> {
        self.measure("delete", artifact, |()| 0, self.drivers.delete(context, artifact)).await
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn transfers_are_told_by_driver_and_outcome() {
        let transfers = Transfers::default();
        transfers.add(("s3", "save", "ok"), 40, Duration::from_millis(250));
        transfers.add(("s3", "save", "ok"), 2, Duration::from_millis(250));
        transfers.add(("s3", "save", "denied"), 0, Duration::ZERO);
        let mut page = String::new();
        transfers.write(&mut page);
        for line in [
            r#"colchis_artifact_transfers_total{driver="s3",operation="save",outcome="ok"} 2"#,
            r#"colchis_artifact_transfers_total{driver="s3",operation="save",outcome="denied"} 1"#,
            r#"colchis_artifact_bytes_total{driver="s3",operation="save",outcome="ok"} 42"#,
            r#"colchis_artifact_seconds_total{driver="s3",operation="save",outcome="ok"} 0.5"#,
        ] {
            assert!(page.lines().any(|l| l == line), "{line}\n{page}");
        }
    }
}
