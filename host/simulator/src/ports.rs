//! Ports that the scenarios do not use: each says so.

use std::path::Path;

use artifact::{ArtifactError, Artifacts, ByteStream, Context, Entry, ErrorClass, Loaded, Saved};
use async_trait::async_trait;
use model::workflow::Artifact;
use runtime::{HttpAnswer, HttpCall, NoAnswer};
use serde_json::Value;

/// No artifacts, no requests, no jq.
pub(crate) struct Nothing;

fn none<T>(artifact: &Artifact, operation: &'static str) -> Result<T, ArtifactError> {
    Err(ArtifactError {
        artifact: artifact.name.to_string(),
        operation,
        location: "nowhere".to_owned(),
        reason: "simulated runs have no artifacts".to_owned(),
        class: ErrorClass::Permanent,
        source: None,
    })
}

#[async_trait]
impl Artifacts for Nothing {
    async fn load(&self, _: &Context, artifact: &Artifact, _: &Path) -> Result<Loaded, ArtifactError> {
        none(artifact, "load")
    }

    async fn save(&self, _: &Context, artifact: &Artifact, _: &Path) -> Result<Saved, ArtifactError> {
        none(artifact, "save")
    }

    async fn open(&self, _: &Context, artifact: &Artifact) -> Result<ByteStream, ArtifactError> {
        none(artifact, "open")
    }

    async fn put(&self, _: &Context, artifact: &Artifact, _: ByteStream) -> Result<Saved, ArtifactError> {
        none(artifact, "put")
    }

    async fn list(&self, _: &Context, artifact: &Artifact, _: usize) -> Result<Vec<Entry>, ArtifactError> {
        none(artifact, "list")
    }

    async fn delete(&self, _: &Context, artifact: &Artifact) -> Result<(), ArtifactError> {
        none(artifact, "delete")
    }
}

impl runtime::Repositories for Nothing {
    fn key_format(&self, _: &Value) -> Result<String, String> {
        Ok(String::new())
    }

    fn locate(&self, _: &Value, artifact: &Artifact, _: &str) -> Result<Artifact, String> {
        Ok(artifact.clone())
    }
}

#[async_trait]
impl runtime::Requests for Nothing {
    async fn send(&self, _: HttpCall) -> Result<HttpAnswer, NoAnswer> {
        Err(NoAnswer { reason: "simulated runs have no network".to_owned(), transient: false })
    }
}

#[async_trait]
impl runtime::Jq for Nothing {
    async fn eval(&self, _: &str, _: &str) -> Result<Vec<String>, String> {
        Err("simulated runs have no jq".to_owned())
    }
}
