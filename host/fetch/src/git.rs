//! Folders of git repositories, by the artifact port.

use std::sync::Arc;

use artifact::Context;
use bytes::Bytes;
use egress::shown;
use model::workflow::Artifact;
use serde_json::json;
use url::Url;

use crate::archive;
use crate::error::FetchError;
use crate::settings::Limits;
use crate::sources::{PASSWORD, SSH_KEY, Sources, TOKEN, USERNAME};
use crate::web;

/// The URL of a repository, as sources name it: `user@host:path` is ssh.
pub(crate) fn url(repository: &str) -> Result<Url, FetchError> {
    let wrong = |why: &str| FetchError::Url { url: shown(repository), why: why.to_owned() };
    let expected = "is no repository: expected https://, ssh:// or user@host:path";
    if !repository.contains("://") {
        let (host, path) = repository.split_once(':').ok_or_else(|| wrong(expected))?;
        if !host.contains('@') {
            return Err(wrong(expected));
        }
        return web::parse(&format!("ssh://{host}/{}", path.trim_start_matches('/')));
    }
    let url = web::parse(repository)?;
    match url.scheme() {
        "http" | "https" | "ssh" => Ok(url),
        _ => Err(wrong(expected)),
    }
}

/// Whether a revision is a commit, which is always the same.
pub(crate) fn is_commit(revision: &str) -> bool {
    matches!(revision.len(), 40 | 64) && revision.bytes().all(|byte| byte.is_ascii_hexdigit())
}

/// All of a repository at a revision, packed: a base may name what is beside it.
pub(crate) async fn archive(
    sources: &Sources,
    limits: &Limits,
    repository: &str,
    revision: &str,
) -> Result<Bytes, FetchError> {
    let url = url(repository)?;
    let way = sources.way(&url)?;
    let artifact = artifact(sources, repository, &url, revision).await?;
    let local = |what: &str, error: &dyn std::fmt::Display| FetchError::Local(format!("{what}: {error}"));
    let folder = tempfile::tempdir().map_err(|error| local("no folder for the checkout", &error))?;
    let to = folder.path().join("checkout");
    let surroundings = sources.surroundings();
    let checkouts = surroundings.checkouts(way.guard.clone(), limits).map_err(|error| local("no checkout", &error))?;
    let namespace: Arc<str> = way.source.secret.as_ref().map_or("", |at| at.namespace.as_str()).into();
    let context = Context { secrets: surroundings.secrets(&namespace), namespace };
    let loaded = checkouts.load(&context, &artifact, &to).await;
    loaded.map_err(|source| FetchError::Git { url: shown(repository), source: Box::new(source) })?;
    let limits = limits.clone();
    let packed = tokio::task::spawn_blocking(move || {
        let packed = archive::pack(&to, &limits);
        drop(folder);
        packed
    });
    packed.await.map_err(|error| local("the checkout cannot be packed", &error))?
}

/// The repository as the artifact port has it.
async fn artifact(sources: &Sources, repository: &str, url: &Url, revision: &str) -> Result<Artifact, FetchError> {
    let source = &sources.way(url)?.source;
    let mut git = json!({
        "repo": repository,
        // The renderer's word for the repository's own branch.
        "revision": if revision == "HEAD" { "" } else { revision },
        "depth": 1,
        "insecureSkipTLS": source.insecure,
        "insecureIgnoreHostKey": source.insecure,
        // With a folder of a server as the source, a submodule would be of another one.
        "disableSubmodules": !source.path.is_empty(),
    });
    if let (Some(at), Some(fields)) = (&source.secret, git.as_object_mut()) {
        let mut put = |field: &str, key: &str| {
            fields.insert(field.to_owned(), json!({"name": at.name, "key": key}));
        };
        let has = async |key| sources.key(source, at, key).await.map(|found| found.is_some());
        if url.scheme() == "ssh" {
            if !has(SSH_KEY).await? {
                let why = format!("{}/{} is not there, or has no {SSH_KEY}", at.namespace, at.name);
                return Err(FetchError::Credentials { name: source.name.clone(), why });
            }
            put("sshPrivateKeySecret", SSH_KEY);
        } else if has(TOKEN).await? {
            put("passwordSecret", TOKEN);
        } else {
            // Says what is missing.
            sources.login(source).await?;
            put("usernameSecret", USERNAME);
            if has(PASSWORD).await? {
                put("passwordSecret", PASSWORD);
            }
        }
    }
    serde_json::from_value(json!({"name": "base", "path": "/base", "git": git}))
        .map_err(|error| FetchError::Local(format!("no artifact: {error}")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn repositories() {
        for (text, expected) in [
            ("https://github.com/o/r", "https://github.com/o/r"),
            ("git@github.com:o/r.git", "ssh://git@github.com/o/r.git"),
            ("ssh://git@h:2222/o/r", "ssh://git@h:2222/o/r"),
        ] {
            assert_eq!(url(text).unwrap().as_str(), expected);
        }
        for bad in ["/etc", "file:///etc", "h:o/r", "git://h/r", "ext::sh -c x", "https://u:p@h/r", "--upload-pack=x"] {
            assert!(url(bad).is_err(), "{bad}");
        }
        assert!(is_commit(&"a1".repeat(20)) && !is_commit("main") && !is_commit("a1b2c3"));
    }
}
