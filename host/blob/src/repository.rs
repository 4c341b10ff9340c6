//! Artifact repositories: where artifacts go that name no place, or only a key.
//!
//! The shape is that of a value in Argo's ConfigMap `artifact-repositories` and of the server's own setting `artifactRepository`:
//!
//! ```yaml
//! archiveLogs: true
//! s3: {bucket: my-bucket, endpoint: minio:9000, insecure: true, keyFormat: "{{workflow.name}}/{{pod.name}}",
//!      accessKeySecret: {name: minio, key: accesskey}, secretKeySecret: {name: minio, key: secretkey}}
//! # or gcs: azure: oss: artifactory:, or of our own
//! directory: {path: team-a}      # a folder below the namespace's part of the server's own
//! ```

use model::workflow::{
    Artifact, ArtifactLocation, ArtifactoryArtifact, AzureArtifact, GcsArtifact, OssArtifact, S3Artifact,
};
use schemars::JsonSchema;
use serde::de::DeserializeOwned;
use serde_json::{Map, Value};

use crate::place::join;

/// The keys that artifacts get unless the repository says otherwise.
const KEY_FORMAT: &str = "{{workflow.name}}/{{pod.name}}";

/// An artifact repository.
#[derive(Debug, Clone, PartialEq)]
pub struct ArtifactRepository {
    archive_logs: Option<bool>,
    key_format: String,
    kind: Kind,
}

#[derive(Debug, Clone, PartialEq)]
enum Kind {
    Directory { path: String },
    S3(Box<S3Artifact>),
    Gcs(Box<GcsArtifact>),
    Azure(Box<AzureArtifact>),
    Oss(Box<OssArtifact>),
    Artifactory(Box<ArtifactoryArtifact>),
}

/// Why a text is no artifact repository.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{path}: {why}")]
pub struct RepositoryError {
    /// The field, from the repository down: `s3.bucket`.
    pub path: String,
    /// What is wrong with it and what was expected.
    pub why: String,
}

fn error(path: impl Into<String>, why: impl Into<String>) -> RepositoryError {
    RepositoryError { path: path.into(), why: why.into() }
}

impl Default for ArtifactRepository {
    /// The server's own folder.
    fn default() -> Self {
        Self { archive_logs: None, key_format: KEY_FORMAT.to_owned(), kind: Kind::Directory { path: String::new() } }
    }
}

impl ArtifactRepository {
    /// Reads a repository. Every field must be known.
    ///
    /// # Errors
    /// The first field that is wrong, with what was expected.
    pub fn parse(value: &Value) -> Result<Self, RepositoryError> {
        let Value::Object(fields) = value else {
            return Err(error(
                "artifactRepository",
                "expected a mapping with one of the fields s3, gcs, azure, oss, artifactory, directory",
            ));
        };
        let mut archive_logs = None;
        let mut found: Option<(&str, Kind, String)> = None;
        for (name, value) in fields.iter().filter(|(_, value)| !value.is_null()) {
            if name == "archiveLogs" {
                archive_logs = Some(value.as_bool().ok_or_else(|| error("archiveLogs", "expected true or false"))?);
                continue;
            }
            let (kind, key_format) = kind(name, value)?;
            if let Some((other, ..)) = &found {
                return Err(error(name, format!("{other} is set too: a repository is one place")));
            }
            found = Some((name, kind, key_format));
        }
        let (kind, key_format) = match found {
            Some((_, kind, key_format)) => (kind, key_format),
            None => (Kind::Directory { path: String::new() }, KEY_FORMAT.to_owned()),
        };
        Ok(Self { archive_logs, key_format, kind })
    }

    /// Whether logs are kept as artifacts; not said when absent.
    pub fn archive_logs(&self) -> Option<bool> {
        self.archive_logs
    }

    /// The tags that make the folder of a pod's artifacts, as they stand: `{{workflow.name}}/{{pod.name}}`.
    pub fn key_format(&self) -> &str {
        &self.key_format
    }

    /// The key of an artifact that names none: the rendered [`Self::key_format`] and a file name as Argo makes it.
    pub fn default_key(artifact: &Artifact, rendered_format: &str) -> String {
        let archive = artifact.archive.as_deref();
        let path = artifact.path.as_deref().unwrap_or_default().trim_end_matches('/');
        let file = if archive.is_some_and(|archive| archive.zip.is_some()) {
            format!("{}.zip", artifact.name)
        } else if archive.is_some_and(|archive| archive.none.is_some()) {
            path.rsplit('/').next().filter(|last| !last.is_empty()).unwrap_or(&artifact.name).to_owned()
        } else {
            format!("{}.tgz", artifact.name)
        };
        match rendered_format.trim_matches('/') {
            "" => file,
            format => format!("{format}/{file}"),
        }
    }

    /// Completes where an artifact lies. One that names its place stays as it is; one with a key alone (`s3: {key}`, `gcs: {key}`,
    /// `oss: {key}`, `azure: {blob}`) gets that key in this repository, whatever its kind, so that a manifest written for one
    /// storage runs on another; one without any location gets `key`.
    ///
    /// What has more than a key and yet no bucket is left for the driver to refuse: the repository's credentials go to no server
    /// that the artifact chose.
    pub fn locate(&self, artifact: &Artifact, key: &str) -> Artifact {
        let mut located = artifact.clone();
        let key = match key_alone(&artifact.location) {
            Some(own) => own.to_owned(),
            None if artifact.location.place().is_none() => key.to_owned(),
            None => return located,
        };
        let archive_logs = artifact.location.archive_logs.or(self.archive_logs);
        located.location = ArtifactLocation { archive_logs, ..ArtifactLocation::default() };
        let location = &mut located.location;
        match &self.kind {
            Kind::Directory { path } if path.is_empty() => {
                location.s3 = Some(Box::new(S3Artifact { key, ..S3Artifact::default() }))
            }
            Kind::Directory { path } => {
                location.s3 = Some(Box::new(S3Artifact { key: format!("{path}/{key}"), ..S3Artifact::default() }));
            }
            Kind::S3(s3) => location.s3 = Some(Box::new(S3Artifact { key, ..(**s3).clone() })),
            Kind::Gcs(gcs) => location.gcs = Some(Box::new(GcsArtifact { key, ..(**gcs).clone() })),
            Kind::Azure(azure) => location.azure = Some(Box::new(AzureArtifact { blob: key, ..(**azure).clone() })),
            Kind::Oss(oss) => location.oss = Some(Box::new(OssArtifact { key, ..(**oss).clone() })),
            Kind::Artifactory(artifactory) => {
                let url = format!("{}/{}", artifactory.url.trim_end_matches('/'), key.trim_start_matches('/'));
                location.artifactory = Some(Box::new(ArtifactoryArtifact { url, ..(**artifactory).clone() }));
            }
        }
        located
    }
}

/// The key of a location that has nothing else.
fn key_alone(location: &ArtifactLocation) -> Option<&str> {
    if let Some(s3) = location.s3.as_deref() {
        return (*s3 == S3Artifact { key: s3.key.clone(), ..S3Artifact::default() }).then_some(&s3.key);
    }
    if let Some(gcs) = location.gcs.as_deref() {
        return (*gcs == GcsArtifact { key: gcs.key.clone(), ..GcsArtifact::default() }).then_some(&gcs.key);
    }
    if let Some(oss) = location.oss.as_deref() {
        return (*oss == OssArtifact { key: oss.key.clone(), ..OssArtifact::default() }).then_some(&oss.key);
    }
    let azure = location.azure.as_deref()?;
    (*azure == AzureArtifact { blob: azure.blob.clone(), ..AzureArtifact::default() }).then_some(&azure.blob)
}

fn kind(name: &str, value: &Value) -> Result<(Kind, String), RepositoryError> {
    let Value::Object(fields) = value else { return Err(error(name, "expected a mapping")) };
    let mut fields = fields.clone();
    let format = key_format(name, if name == "azure" { "blobNameFormat" } else { "keyFormat" }, &mut fields)?;
    let kind = match name {
        "s3" => {
            let format = old_prefix(&mut fields, format)?;
            let s3: Box<S3Artifact> = typed(name, fields, "key")?;
            needs(name, "bucket", &s3.bucket)?;
            return Ok((Kind::S3(s3), format.unwrap_or_else(|| KEY_FORMAT.to_owned())));
        }
        "gcs" => Kind::Gcs(
            typed(name, fields, "key")
                .and_then(|gcs: Box<GcsArtifact>| needs(name, "bucket", &gcs.bucket).map(|()| gcs))?,
        ),
        "oss" => Kind::Oss(
            typed(name, fields, "key")
                .and_then(|oss: Box<OssArtifact>| needs(name, "bucket", &oss.bucket).map(|()| oss))?,
        ),
        "azure" => {
            let azure: Box<AzureArtifact> = typed(name, fields, "blob")?;
            needs(name, "container", &azure.container)?;
            needs(name, "endpoint", &azure.endpoint)?;
            Kind::Azure(azure)
        }
        "artifactory" => {
            // The repository's field is repoURL, the artifact's is url.
            let url = fields.remove("repoURL");
            let mut artifactory: Box<ArtifactoryArtifact> = typed(name, fields, "url")?;
            artifactory.url = url.as_ref().and_then(Value::as_str).unwrap_or_default().to_owned();
            needs(name, "repoURL", &artifactory.url)?;
            Kind::Artifactory(artifactory)
        }
        "directory" => directory(fields)?,
        "hdfs" => return Err(error(name, "HDFS is not offered: use a bucket, or the server's folder (directory)")),
        "plugin" => return Err(error(name, "artifact driver plugins are not available yet")),
        _ => {
            return Err(error(
                name,
                "unknown field; expected archiveLogs, s3, gcs, azure, oss, artifactory or directory",
            ));
        }
    };
    Ok((kind, format.unwrap_or_else(|| KEY_FORMAT.to_owned())))
}

fn directory(fields: Map<String, Value>) -> Result<Kind, RepositoryError> {
    let mut path = String::new();
    for (name, value) in fields {
        let text = value.as_str().filter(|_| name == "path");
        let text = text
            .ok_or_else(|| error(format!("directory.{name}"), "expected the fields path and keyFormat, both text"))?;
        if text.starts_with('/') {
            return Err(error(
                "directory.path",
                "is absolute: it is a folder below the server's own, which the server's setting artifacts.directory names",
            ));
        }
        path = join(text, None).map_err(|failure| error("directory.path", failure.reason))?.0;
    }
    Ok(Kind::Directory { path })
}

fn key_format(kind: &str, field: &str, fields: &mut Map<String, Value>) -> Result<Option<String>, RepositoryError> {
    match fields.remove(field) {
        None | Some(Value::Null) => Ok(None),
        Some(Value::String(format)) if format.is_empty() => Ok(None),
        Some(Value::String(format)) => Ok(Some(format)),
        Some(_) => Err(error(format!("{kind}.{field}"), "expected text")),
    }
}

/// `s3.keyPrefix`, which Argo replaced by `keyFormat`, still means a folder before the usual format.
fn old_prefix(fields: &mut Map<String, Value>, format: Option<String>) -> Result<Option<String>, RepositoryError> {
    match (key_format("s3", "keyPrefix", fields)?, format) {
        (Some(_), Some(_)) => Err(error("s3.keyPrefix", "keyFormat is set too: use that alone")),
        (Some(prefix), None) => Ok(Some(format!("{}/{KEY_FORMAT}", prefix.trim_end_matches('/')))),
        (None, format) => Ok(format),
    }
}

/// The artifact's own type with the repository's fields; `own` is the one that only an artifact has.
fn typed<T: DeserializeOwned + JsonSchema>(
    kind: &str,
    fields: Map<String, Value>,
    own: &str,
) -> Result<Box<T>, RepositoryError> {
    let schema = schemars::schema_for!(T);
    let known: Vec<&str> = schema
        .get("properties")
        .and_then(Value::as_object)
        .map(|known| known.keys().map(String::as_str).filter(|name| *name != own).collect())
        .unwrap_or_default();
    if let Some(unknown) = fields.keys().find(|name| !known.contains(&name.as_str())) {
        return Err(error(format!("{kind}.{unknown}"), format!("unknown field; expected {}", known.join(", "))));
    }
    serde_json::from_value(Value::Object(fields)).map(Box::new).map_err(|wrong| error(kind, wrong.to_string()))
}

fn needs(kind: &str, field: &str, value: &str) -> Result<(), RepositoryError> {
    if value.is_empty() { Err(error(format!("{kind}.{field}"), "is missing")) } else { Ok(()) }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn artifact(value: Value) -> Artifact {
        serde_json::from_value(value).unwrap()
    }

    fn located(repository: Value, value: Value) -> Value {
        let repository = ArtifactRepository::parse(&repository).unwrap();
        let artifact = artifact(value);
        let key = ArtifactRepository::default_key(&artifact, "wf/pod");
        serde_json::to_value(repository.locate(&artifact, &key)).unwrap()
    }

    #[test]
    fn an_artifact_gets_what_it_does_not_name() {
        let s3 = json!({"archiveLogs": true, "s3": {"bucket": "b", "endpoint": "minio:9000", "insecure": true, "accessKeySecret": {"name": "s", "key": "a"}}});
        assert_eq!(
            located(s3.clone(), json!({"name": "x"})),
            json!({"name": "x", "archiveLogs": true, "s3": {"bucket": "b", "endpoint": "minio:9000", "insecure": true, "accessKeySecret": {"name": "s", "key": "a"}, "key": "wf/pod/x.tgz"}})
        );
        assert_eq!(located(s3.clone(), json!({"name": "x", "s3": {"key": "own"}}))["s3"]["bucket"], "b");
        assert_eq!(located(s3.clone(), json!({"name": "x", "gcs": {"key": "own"}}))["s3"]["key"], "own");
        assert_eq!(located(s3.clone(), json!({"name": "x", "azure": {"blob": "own"}}))["s3"]["key"], "own");
        for whole in [
            json!({"name": "x", "s3": {"key": "k", "bucket": "other"}}),
            json!({"name": "x", "http": {"url": "http://h/"}}),
            json!({"name": "x", "raw": {"data": "d"}}),
        ] {
            assert_eq!(located(s3.clone(), whole.clone()), whole);
        }
        // The repository's credentials must not go to a server that the artifact chose.
        let foreign = json!({"name": "x", "s3": {"key": "k", "endpoint": "evil.example"}});
        assert_eq!(located(s3, foreign.clone()), foreign);

        assert_eq!(located(json!({}), json!({"name": "x"})), json!({"name": "x", "s3": {"key": "wf/pod/x.tgz"}}));
        assert_eq!(
            located(json!({"directory": {"path": "team/a/"}}), json!({"name": "x"}))["s3"]["key"],
            "team/a/wf/pod/x.tgz"
        );
        assert_eq!(
            located(json!({"gcs": {"bucket": "g"}}), json!({"name": "x"})),
            json!({"name": "x", "gcs": {"bucket": "g", "key": "wf/pod/x.tgz"}})
        );
        assert_eq!(
            located(json!({"azure": {"container": "c", "endpoint": "https://e"}}), json!({"name": "x"}))["azure"]["blob"],
            "wf/pod/x.tgz"
        );
        assert_eq!(
            located(json!({"oss": {"bucket": "o", "endpoint": "e"}}), json!({"name": "x"}))["oss"]["key"],
            "wf/pod/x.tgz"
        );
        assert_eq!(
            located(json!({"artifactory": {"repoURL": "https://a/repo/"}}), json!({"name": "x"}))["artifactory"]["url"],
            "https://a/repo/wf/pod/x.tgz"
        );
    }

    #[test]
    fn file_names_follow_the_packing() {
        let key = |value: Value| ArtifactRepository::default_key(&artifact(value), "wf/pod");
        assert_eq!(key(json!({"name": "x", "path": "/tmp/out.txt"})), "wf/pod/x.tgz");
        assert_eq!(key(json!({"name": "x", "path": "/tmp/out.txt", "archive": {"tar": {}}})), "wf/pod/x.tgz");
        assert_eq!(key(json!({"name": "x", "path": "/tmp/out.txt", "archive": {"zip": {}}})), "wf/pod/x.zip");
        assert_eq!(key(json!({"name": "x", "path": "/tmp/out.txt", "archive": {"none": {}}})), "wf/pod/out.txt");
        assert_eq!(key(json!({"name": "x", "path": "/tmp/dir/", "archive": {"none": {}}})), "wf/pod/dir");
        assert_eq!(key(json!({"name": "x", "archive": {"none": {}}})), "wf/pod/x");
        assert_eq!(ArtifactRepository::default_key(&artifact(json!({"name": "x"})), ""), "x.tgz");
    }

    #[test]
    fn formats() {
        let format = |value: Value| ArtifactRepository::parse(&value).unwrap().key_format().to_owned();
        assert_eq!(format(json!({})), "{{workflow.name}}/{{pod.name}}");
        assert_eq!(format(json!({"s3": {"bucket": "b", "keyFormat": "a/{{pod.name}}"}})), "a/{{pod.name}}");
        assert_eq!(format(json!({"s3": {"bucket": "b", "keyPrefix": "old/"}})), "old/{{workflow.name}}/{{pod.name}}");
        assert_eq!(format(json!({"azure": {"container": "c", "endpoint": "https://e", "blobNameFormat": "z"}})), "z");
    }

    #[test]
    fn what_is_wrong_is_named() {
        let wrong = |value: Value| ArtifactRepository::parse(&value).unwrap_err().to_string();
        let table = [
            (json!([]), "artifactRepository: expected a mapping"),
            (json!({"s4": {}}), "s4: unknown field"),
            (
                json!({"s3": {"bucket": "b", "buckett": "c"}}),
                "s3.buckett: unknown field; expected endpoint, bucket, region",
            ),
            (json!({"s3": {"bucket": "b", "key": "c"}}), "s3.key: unknown field"),
            (json!({"s3": {}}), "s3.bucket: is missing"),
            (json!({"s3": {"bucket": 7}}), "s3: invalid type"),
            (json!({"s3": {"bucket": "b", "keyFormat": 7}}), "s3.keyFormat: expected text"),
            (json!({"s3": {"bucket": "b"}, "gcs": {"bucket": "c"}}), "is set too"),
            (json!({"hdfs": {}}), "hdfs: HDFS is not offered"),
            (json!({"plugin": {}}), "plugin: artifact driver plugins"),
            (json!({"directory": {"path": "/etc"}}), "directory.path: is absolute"),
            (json!({"directory": {"path": "../x"}}), "directory.path: "),
            (json!({"directory": {"folder": "x"}}), "directory.folder: expected"),
            (json!({"archiveLogs": "yes"}), "archiveLogs: expected true or false"),
        ];
        for (value, expect) in table {
            let error = wrong(value);
            assert!(error.contains(expect), "{error} — {expect}");
        }
    }
}
