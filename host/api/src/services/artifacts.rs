//! `Artifacts`: what steps take in and leave behind.

use std::sync::Arc;

use artifact::{ArtifactError, Context, ErrorClass, Secret, Secrets};
use async_trait::async_trait;
use bytes::Bytes;
use futures::{StreamExt, stream};
use model::core::ConfigMap;
use model::meta::Kind as _;
use model::workflow::{Artifact, NodeStatus, WorkflowStatus};
use proto_gen::v1::artifacts_server::Artifacts;
use proto_gen::v1::*;
use store::objects::{Gvk, Key, Objects};
use tonic::{Request, Response, Status, Streaming};

use super::nodes;
use crate::call::{self, Call};
use crate::failure::{Failure, Outcome};
use crate::gate::{Gate, Grant};
use crate::kinds::WORKFLOW;
use crate::streams::{Answers, bounded};

/// Nodes looked at for one artifact without a node being named.
const NODES_LOOKED_AT_MAX: usize = 10_000;

/// The service.
#[derive(Clone)]
pub(crate) struct ArtifactsService(pub(crate) Gate);

#[tonic::async_trait]
impl Artifacts for ArtifactsService {
    type GetStream = Answers<GetArtifactResponse>;

    async fn list(&self, request: Request<ListArtifactsRequest>) -> Result<Response<ListArtifactsResponse>, Status> {
        let (call, request) = Call::of(request)?;
        let grant = self.0.pass(&call, &request.namespace)?;
        let key = grant.key(&WORKFLOW, &request.name)?;
        let token = (!request.continue_token.is_empty()).then_some(request.continue_token.as_str());
        let limit = self.0.limits().page(request.limit);
        let page = nodes::some(grant.control(), &key, &request.node_selector, limit, token).await?;
        let direction = request.direction();
        let found = page.nodes.iter().flat_map(|node| of_node(node, direction));
        let wanted = |info: &ArtifactInfo| request.artifact_name.is_empty() || info.name == request.artifact_name;
        let artifacts =
            found.map(|(artifact, direction, node)| info(artifact, direction, Some(node))).filter(wanted).collect();
        let continue_token = page.continue_token.unwrap_or_default();
        Ok(Response::new(ListArtifactsResponse { artifacts, continue_token }))
    }

    async fn list_files(
        &self,
        request: Request<ListArtifactFilesRequest>,
    ) -> Result<Response<ListArtifactFilesResponse>, Status> {
        let (call, request) = Call::of(request)?;
        let (grant, found) = find(&self.0, &call, request.key).await?;
        let limits = self.0.limits();
        let limit = if request.limit == 0 { limits.page_default as usize } else { request.limit as usize };
        let limit = limit.min(limits.artifact_files_max);
        let entries =
            grant.artifacts().list(&context(&grant), &found.artifact, limit + 1).await.map_err(Failure::from)?;
        let incomplete = entries.len() > limit;
        let files =
            entries.into_iter().take(limit).map(|entry| ArtifactFile { path: entry.path, size_bytes: entry.size });
        Ok(Response::new(ListArtifactFilesResponse { files: files.collect(), incomplete }))
    }

    async fn get(&self, request: Request<GetArtifactRequest>) -> Result<Response<Self::GetStream>, Status> {
        let (call, request) = Call::of(request)?;
        let (grant, found) = find(&self.0, &call, request.key).await?;
        let mut artifact = found.artifact;
        if !request.path.is_empty() {
            below(&mut artifact, &request.path)?;
        }
        let bytes = grant.artifacts().open(&context(&grant), &artifact).await.map_err(Failure::from)?;
        let file_name =
            key_of(&artifact).and_then(|key| key.trim_end_matches('/').rsplit('/').next().map(str::to_owned));
        let head = ArtifactHead {
            file_name: file_name.filter(|name| !name.is_empty()).unwrap_or_else(|| artifact.name.to_string()),
            archive: archive_of(&artifact).to_owned(),
            artifact: Some(found.info),
        };
        let head = GetArtifactResponse { message: Some(get_artifact_response::Message::Head(head)) };
        let size = usize::try_from(self.0.limits().chunk_bytes).unwrap_or(usize::MAX).max(1);
        let chunks =
            bytes.flat_map(move |bytes| match bytes {
                Ok(bytes) => stream::iter(pieces(bytes, size).map(|chunk| {
                    Ok(GetArtifactResponse { message: Some(get_artifact_response::Message::Chunk(chunk)) })
                }))
                .boxed(),
                Err(error) => stream::iter([Err(Failure::from(error))]).boxed(),
            });
        Ok(Response::new(bounded(&self.0, &call, stream::iter([Ok(head)]).chain(chunks))))
    }

    async fn put(
        &self,
        request: Request<Streaming<PutArtifactRequest>>,
    ) -> Result<Response<PutArtifactResponse>, Status> {
        let (call, mut messages) = Call::of(request)?;
        let head = match call::next(&mut messages).await?.and_then(|first| first.message) {
            Some(put_artifact_request::Message::Head(head)) => head,
            _ => return Err(Failure::field("head", "must come first").into()),
        };
        let grant = self.0.pass(&call, &head.namespace)?;
        let artifact = destination(&grant, &head).await?;
        call.about(|| format!("artifact {}/{}", grant.namespace(), artifact.name));
        let content = stream::unfold(Some(messages), |messages| async move {
            let mut messages = messages?;
            match call::next(&mut messages).await {
                Ok(Some(PutArtifactRequest { message: Some(put_artifact_request::Message::Chunk(chunk)) })) => {
                    Some((Ok(chunk), Some(messages)))
                }
                Ok(None) => None,
                Ok(Some(_)) => Some((Err(broken("a chunk is expected after the head".to_owned())), None)),
                Err(failure) => Some((Err(broken(failure.detail.message.clone())), None)),
            }
        });
        let saved = grant.artifacts().put(&context(&grant), &artifact, content.boxed()).await.map_err(Failure::from)?;
        let document =
            serde_json::to_vec(&artifact).map_err(|error| Failure::internal("an artifact cannot be written", error))?;
        Ok(Response::new(PutArtifactResponse {
            artifact: document.into(),
            size_bytes: saved.bytes,
            digest: saved.digest,
        }))
    }
}

/// An upload that did not come to its end: nothing may be left of it.
fn broken(reason: String) -> ArtifactError {
    ArtifactError {
        artifact: "upload".to_owned(),
        operation: "put",
        location: String::new(),
        reason,
        class: ErrorClass::Permanent,
        source: None,
    }
}

async fn destination(grant: &Grant, head: &PutArtifactHead) -> Outcome<Artifact> {
    if head.artifact_name.is_empty() {
        return Err(Failure::field("head.artifact_name", "is required"));
    }
    if !head.artifact.is_empty() {
        let mut artifact: Artifact = serde_json::from_slice(&head.artifact)
            .map_err(|error| Failure::field("head.artifact", format!("is no artifact: {error}")))?;
        artifact.name = head.artifact_name.as_str().into();
        return Ok(artifact);
    }
    let key = if head.key.is_empty() {
        let name = head
            .file_name
            .rsplit(['/', '\\'])
            .next()
            .filter(|name| !name.is_empty() && *name != "..")
            .unwrap_or("file");
        format!("uploads/{}/{name}", upload_id())
    } else {
        checked_path("head.key", &head.key)?.to_owned()
    };
    let mut artifact = grant.repositories().place(grant.namespace(), &head.artifact_name, &key).await?;
    // The bytes are stored as they come, and are taken as they are.
    artifact.archive = Some(Box::new(model::workflow::ArchiveStrategy {
        none: Some(model::workflow::NoneStrategy {}),
        ..model::workflow::ArchiveStrategy::default()
    }));
    Ok(artifact)
}

/// Unique enough for a folder of uploads: the moment and a count.
fn upload_id() -> String {
    use std::sync::atomic::{AtomicU64, Ordering};
    static COUNT: AtomicU64 = AtomicU64::new(0);
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).map_or(0, |since| since.as_nanos());
    format!("{now:x}-{:x}", COUNT.fetch_add(1, Ordering::Relaxed))
}

/// A path that stays where it is put.
fn checked_path<'a>(field: &str, path: &'a str) -> Outcome<&'a str> {
    let leaves = |part: &str| part.is_empty() || part == "." || part == "..";
    if path.starts_with('/') || path.trim_end_matches('/').split('/').any(leaves) || path.contains(['\\', '\0']) {
        return Err(Failure::field(field, "is not a relative path without `.` and `..`"));
    }
    Ok(path)
}

/// A file below an artifact that is a folder.
fn below(artifact: &mut Artifact, path: &str) -> Outcome<()> {
    let path = checked_path("path", path)?;
    let location = &mut artifact.location;
    macro_rules! keyed {
        ($($driver:ident: $field:ident),*) => { $(
            if let Some(at) = &mut location.$driver {
                at.$field = format!("{}/{path}", at.$field.trim_end_matches('/')).into();
                return Ok(());
            }
        )* };
    }
    keyed!(s3: key, gcs: key, oss: key, azure: blob, hdfs: path, http: url, artifactory: url, plugin: key);
    Err(Failure::field("path", "this artifact holds no files below it"))
}

/// Where it lies, without credentials.
fn key_of(artifact: &Artifact) -> Option<String> {
    let location = &artifact.location;
    let text = |text: &dyn ToString| Some(text.to_string());
    if let Some(at) = &location.s3 {
        return text(&at.key);
    }
    if let Some(at) = &location.gcs {
        return text(&at.key);
    }
    if let Some(at) = &location.oss {
        return text(&at.key);
    }
    if let Some(at) = &location.azure {
        return text(&at.blob);
    }
    if let Some(at) = &location.hdfs {
        return text(&at.path);
    }
    if let Some(at) = &location.plugin {
        return text(&at.key);
    }
    let url = location.http.as_ref().map(|at| at.url.to_string());
    let url = url.or_else(|| location.artifactory.as_ref().map(|at| at.url.to_string()));
    let url = url.or_else(|| location.git.as_ref().map(|at| at.repo.to_string()));
    url.map(|url| without_credentials(&url))
}

/// A URL without what stands before `@` and after `?`.
fn without_credentials(url: &str) -> String {
    let url = url.split(['?', '#']).next().unwrap_or_default();
    match url.split_once("://") {
        Some((scheme, rest)) => {
            let (host, path) = rest.split_once('/').map_or((rest, ""), |(host, path)| (host, path));
            let host = host.rsplit_once('@').map_or(host, |(_, host)| host);
            if path.is_empty() { format!("{scheme}://{host}") } else { format!("{scheme}://{host}/{path}") }
        }
        None => url.to_owned(),
    }
}

fn archive_of(artifact: &Artifact) -> &'static str {
    match &artifact.archive {
        None if artifact.location.raw.is_some() || artifact.location.git.is_some() => "none",
        None => "tgz",
        Some(archive) if archive.none.is_some() => "none",
        Some(archive) if archive.zip.is_some() => "zip",
        Some(archive) if archive.tar.as_ref().is_some_and(|tar| tar.compression_level == Some(0)) => "tar",
        Some(_) => "tgz",
    }
}

fn info(artifact: &Artifact, direction: ArtifactDirection, node: Option<&NodeStatus>) -> ArtifactInfo {
    // Secrets are only ever named in an artifact; a URL may hold them.
    let mut shown = artifact.clone();
    if let Some(http) = &mut shown.location.http {
        http.url = without_credentials(&http.url);
        http.headers.clear();
    }
    if let Some(at) = &mut shown.location.artifactory {
        at.url = without_credentials(&at.url);
    }
    if let Some(git) = &mut shown.location.git {
        git.repo = without_credentials(&git.repo);
    }
    ArtifactInfo {
        node_id: node.map(|node| node.id.to_string()).unwrap_or_default(),
        node_name: node.map(|node| node.display_name.to_string()).unwrap_or_default(),
        name: artifact.name.to_string(),
        direction: direction.into(),
        driver: artifact.location.place().unwrap_or_default().to_owned(),
        location: key_of(artifact).unwrap_or_default(),
        deleted: artifact.deleted,
        document: serde_json::to_vec(&shown).unwrap_or_default().into(),
    }
}

/// A node's artifacts, outputs first.
fn of_node(
    node: &NodeStatus,
    direction: ArtifactDirection,
) -> impl Iterator<Item = (&Artifact, ArtifactDirection, &NodeStatus)> {
    let outputs = node.outputs.iter().flat_map(|outputs| &outputs.artifacts);
    let inputs = node.inputs.iter().flat_map(|inputs| &inputs.artifacts);
    let outputs = outputs.map(move |artifact| (artifact, ArtifactDirection::Output, node));
    let inputs = inputs.map(move |artifact| (artifact, ArtifactDirection::Input, node));
    outputs.chain(inputs).filter(move |(_, is, _)| direction == ArtifactDirection::Unspecified || *is == direction)
}

struct Found {
    artifact: Artifact,
    info: ArtifactInfo,
}

/// The artifact that a request names, and the call let through to its run.
async fn find(gate: &Gate, call: &Call, asked: Option<ArtifactKey>) -> Outcome<(Grant, Found)> {
    let asked = asked.ok_or_else(|| Failure::field("key", "is required"))?;
    let grant = gate.pass(call, &asked.namespace)?;
    let key = grant.key(&WORKFLOW, &asked.name)?;
    if asked.artifact_name.is_empty() {
        return Err(Failure::field("key.artifact_name", "is required"));
    }
    let found = match of_run(&grant, &key, &asked).await? {
        Some(found) => found,
        None => among_nodes(&grant, &key, &asked).await?,
    };
    if found.artifact.deleted {
        let subject = format!("artifact {} of {}", asked.artifact_name, nodes::run_name(&key));
        return Err(Failure::precondition(&subject, "it was deleted by artifact garbage collection"));
    }
    Ok((grant, found))
}

/// An output of the run itself.
async fn of_run(grant: &Grant, key: &Key, asked: &ArtifactKey) -> Outcome<Option<Found>> {
    if !asked.node.is_empty() || asked.direction() == ArtifactDirection::Input {
        return Ok(None);
    }
    let object = grant.objects().get(key).await?;
    let status = object.decode_status::<WorkflowStatus>().ok().flatten();
    let outputs = status.and_then(|status| status.outputs);
    let artifact = outputs.and_then(|outputs| outputs.artifact(&asked.artifact_name).cloned());
    Ok(artifact.map(|artifact| Found { info: info(&artifact, ArtifactDirection::Output, None), artifact }))
}

async fn among_nodes(grant: &Grant, key: &Key, asked: &ArtifactKey) -> Outcome<Found> {
    let selectors: Vec<String> = if asked.node.is_empty() {
        vec![String::new()]
    } else {
        ["id", "name", "displayName"].iter().map(|field| format!("{field}={}", asked.node)).collect()
    };
    let mut found: Vec<Found> = Vec::new();
    for selector in selectors {
        let mut token = None;
        let mut looked_at = 0;
        loop {
            let page = nodes::some(grant.control(), key, &selector, grant.limits().page_max, token.as_deref()).await?;
            looked_at += page.nodes.len();
            for node in &page.nodes {
                let hit =
                    of_node(node, asked.direction()).find(|(artifact, ..)| *artifact.name == *asked.artifact_name);
                found.extend(hit.map(|(artifact, direction, node)| Found {
                    info: info(artifact, direction, Some(node)),
                    artifact: artifact.clone(),
                }));
            }
            token = page.continue_token;
            if token.is_none() || looked_at >= NODES_LOOKED_AT_MAX || found.len() > 1 {
                break;
            }
        }
        if !found.is_empty() {
            break;
        }
    }
    let what = format!("artifact {} of {}", asked.artifact_name, nodes::run_name(key));
    match found.len() {
        0 => Err(Failure::not_found(what).hint("Artifacts.List tells what a run has")),
        1 => found.pop().ok_or_else(|| Failure::not_found(what)),
        _ => {
            let nodes: Vec<&str> = found.iter().map(|found| found.info.node_id.as_str()).take(5).collect();
            Err(Failure::field("key.node", format!("several nodes have {what}"))
                .hint(format!("name one of {}, …", nodes.join(", "))))
        }
    }
}

fn pieces(mut bytes: Bytes, size: usize) -> impl Iterator<Item = Bytes> + Send {
    std::iter::from_fn(move || (!bytes.is_empty()).then(|| bytes.split_to(bytes.len().min(size))))
}

fn context(grant: &Grant) -> Context {
    let namespace: Arc<str> = grant.namespace().into();
    Context {
        namespace: namespace.clone(),
        secrets: Arc::new(StoredSecrets { objects: grant.shared_objects(), namespace }),
    }
}

/// Credentials of a namespace's artifact repositories. They go to the driver and nowhere else.
struct StoredSecrets {
    objects: Arc<dyn Objects>,
    namespace: Arc<str>,
}

impl StoredSecrets {
    async fn object<K: model::Kind>(&self, name: &str, key: &str) -> Result<K, ArtifactError> {
        let at = Key::new(Gvk::new(K::API_VERSION, K::KIND), self.namespace.clone(), name);
        let object = self.objects.get(&at).await.map_err(|error| missing(K::KIND, name, key, &error.to_string()))?;
        object.decode::<K>().map_err(|error| missing(K::KIND, name, key, &error.to_string()))
    }
}

fn missing(kind: &str, name: &str, key: &str, reason: &str) -> ArtifactError {
    ArtifactError {
        artifact: String::new(),
        operation: "open",
        location: format!("{kind} {name}, key {key}"),
        reason: reason.to_owned(),
        class: ErrorClass::Denied,
        source: None,
    }
}

#[async_trait]
impl Secrets for StoredSecrets {
    async fn secret(&self, name: &str, key: &str) -> Result<Secret, ArtifactError> {
        let secret: model::core::Secret = self.object(name, key).await?;
        let bytes = secret
            .data
            .get(key)
            .ok_or_else(|| missing(model::core::Secret::KIND, name, key, "the key is not there"))?;
        Ok(Secret::new(bytes.expose_secret()))
    }

    async fn config_map(&self, name: &str, key: &str) -> Result<String, ArtifactError> {
        let map: ConfigMap = self.object(name, key).await?;
        map.data.get(key).cloned().ok_or_else(|| missing(ConfigMap::KIND, name, key, "the key is not there"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn urls_lose_their_credentials() {
        for (url, shown) in [
            ("https://u:p@h/x?token=1#a", "https://h/x"),
            ("https://h", "https://h"),
            ("git@h:r.git", "git@h:r.git"),
            ("https://u:p@h", "https://h"),
        ] {
            assert_eq!(without_credentials(url), shown);
        }
    }

    #[test]
    fn paths_stay_below() {
        for bad in ["../x", "a/../../b", "/a", "", "a//b", "a\\b", "./a"] {
            assert!(checked_path("path", bad).is_err(), "{bad}");
        }
        assert!(checked_path("path", "a/b.txt").is_ok());
        let mut artifact: Artifact =
            serde_json::from_value(serde_json::json!({"name": "a", "s3": {"key": "k/"}})).unwrap();
        below(&mut artifact, "b").unwrap();
        assert_eq!(key_of(&artifact).unwrap(), "k/b");
    }
}
