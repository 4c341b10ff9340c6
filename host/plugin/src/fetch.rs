//! What renderers want fetched first: the port that fetches, and the rounds until nothing more is named.

use std::sync::Arc;

use async_trait::async_trait;
use futures::future::try_join_all;

use crate::{
    CallContext, ErrorClass, Fetched, PluginError, RenderRequest, Renderer, Requirement, RequirementSource, Result,
    Tree,
};

/// How often a renderer is asked what it needs: a fetched base may name others.
const ROUNDS_MAX: usize = 16;
/// Requirements of one rendering, of all rounds together.
const REQUIREMENTS_MAX: usize = 256;
/// Bytes of all that is fetched for one rendering, unpacked (`fetched_bytes_max`).
const FETCHED_BYTES_MAX: u64 = 512 << 20;
/// Requirements that are fetched at once.
const AT_ONCE: usize = 4;

/// What was obtained for a requirement.
pub struct Obtained {
    /// Its files.
    pub files: Arc<dyn Tree>,
    /// Their bytes.
    pub bytes: u64,
}

/// Obtains what renderers name.
#[async_trait]
pub trait Fetch: Send + Sync + 'static {
    /// The files of a requirement: a chart is unpacked, a file is alone in its tree, of a repository there is all of it.
    ///
    /// # Errors
    /// They name the requirement, its field and what to do: class [`ErrorClass::Denied`] for a place that is not allowed, [`ErrorClass::Unavailable`] for
    /// one that does not answer, [`ErrorClass::NotFound`] for what is not there, [`ErrorClass::Permanent`] for content that is not what it should be.
    async fn fetch(&self, call: &CallContext, requirement: &Requirement) -> Result<Obtained>;
}

/// Fetches nothing.
pub struct NoFetch;

#[async_trait]
impl Fetch for NoFetch {
    async fn fetch(&self, _: &CallContext, requirement: &Requirement) -> Result<Obtained> {
        let message = format!("requirement {}: nothing is fetched here", requirement.name);
        Err(PluginError::new(ErrorClass::Denied, "no-fetch", message))
    }
}

/// Fetches what a renderer names into `request.fetched`, until it names nothing more.
///
/// # Errors
/// Those of the renderer and of [`Fetch`]; more rounds or requirements than the limits; a name that is asked for twice.
pub async fn complete(
    renderer: &dyn Renderer,
    fetch: &dyn Fetch,
    call: &CallContext,
    request: &mut RenderRequest,
) -> Result<()> {
    let mut bytes = 0_u64;
    for _ in 0..ROUNDS_MAX {
        let named = renderer.requirements(call, request).await?;
        if named.is_empty() {
            return Ok(());
        }
        for (at, one) in named.iter().enumerate() {
            let before = request.fetched.iter().map(|fetched| &fetched.name);
            if before.chain(named.iter().take(at).map(|other| &other.name)).any(|name| *name == one.name) {
                let message = format!("the renderer asks for {} again, which it has", one.name);
                return Err(PluginError::new(ErrorClass::Permanent, "asks-again", message));
            }
        }
        if request.fetched.len() + named.len() > REQUIREMENTS_MAX {
            return Err(too_much(&format!("names more than {REQUIREMENTS_MAX} requirements (requirements_max)")));
        }
        for some in named.chunks(AT_ONCE) {
            let mut waiting = Vec::with_capacity(some.len());
            for one in some {
                waiting.push(obtain(fetch, call, one));
            }
            for (name, obtained) in try_join_all(waiting).await? {
                bytes = bytes.saturating_add(obtained.bytes);
                if bytes > FETCHED_BYTES_MAX {
                    return Err(too_much(&format!("needs more than {FETCHED_BYTES_MAX} bytes (fetched_bytes_max)")));
                }
                request.fetched.push(Fetched { name, files: obtained.files });
            }
        }
    }
    Err(too_much(&format!("names more requirements after {ROUNDS_MAX} rounds of fetching (rounds_max)")))
}

async fn obtain(fetch: &dyn Fetch, call: &CallContext, one: &Requirement) -> Result<(String, Obtained)> {
    let gone = || PluginError::new(ErrorClass::Unavailable, "cancelled", "nobody waits for it any more");
    let fetched = call.cancel.run_until_cancelled(fetch.fetch(call, one)).await;
    Ok((one.name.clone(), fetched.ok_or_else(gone)??))
}

fn too_much(what: &str) -> PluginError {
    PluginError::new(ErrorClass::Permanent, "too-many-requirements", format!("the source {what}"))
        .hint("keep dependencies in the source itself, for a chart with `helm dependency build` in its charts/")
}

impl RequirementSource {
    /// What is at fault when it cannot be had, as requirements are written.
    pub fn field(&self) -> &'static str {
        match self {
            Self::HelmChart { .. } => "helmChart.repository",
            Self::Oci { .. } => "oci.reference",
            Self::Git { .. } => "git.url",
            Self::Url(_) => "url",
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use futures::FutureExt;
    use serde_json::json;

    use super::*;
    use crate::{FileTree, ObjectRef, Release, Rendered, TreeFile};

    /// Names one requirement after the other, up to so many.
    struct Chain(usize);

    #[async_trait]
    impl Renderer for Chain {
        async fn detect(&self, _: &CallContext, _: Arc<dyn Tree>, _: &str) -> Result<bool> {
            Ok(true)
        }

        async fn requirements(&self, _: &CallContext, request: &RenderRequest) -> Result<Vec<Requirement>> {
            let next = request.fetched.len();
            let source = RequirementSource::Url(format!("https://example.com/{next}"));
            let named = Requirement { name: format!("{next}"), source, digest: None };
            Ok(if next < self.0 { vec![named] } else { Vec::new() })
        }

        async fn render(&self, _: &CallContext, _: &RenderRequest) -> Result<Rendered> {
            Ok(Rendered::default())
        }
    }

    struct Large(u64);

    #[async_trait]
    impl Fetch for Large {
        async fn fetch(&self, _: &CallContext, requirement: &Requirement) -> Result<Obtained> {
            Ok(Obtained { files: tree(&requirement.name), bytes: self.0 })
        }
    }

    fn tree(name: &str) -> Arc<dyn Tree> {
        Arc::new(FileTree::new(BTreeMap::from([(name.to_owned(), TreeFile::plain(""))])).unwrap())
    }

    fn rounds(renderer: &dyn Renderer, fetch: &dyn Fetch) -> (Result<()>, Vec<String>) {
        let object = ObjectRef { kind: "A".into(), namespace: "n".into(), name: "a".into() };
        let call = CallContext::new(object, std::time::Duration::from_secs(1));
        let mut request = RenderRequest {
            config: json!({}),
            files: tree("x"),
            path: String::new(),
            fetched: Vec::new(),
            release: Release::default(),
            destination: None,
        };
        let done = complete(renderer, fetch, &call, &mut request).now_or_never().unwrap();
        (done, request.fetched.into_iter().map(|fetched| fetched.name).collect())
    }

    #[test]
    fn it_is_asked_until_nothing_more_is_named() {
        let (done, names) = rounds(&Chain(3), &Large(1));
        assert!(done.is_ok() && names == ["0", "1", "2"], "{done:?} {names:?}");
        let (done, _) = rounds(&Chain(1), &NoFetch);
        assert_eq!(done.unwrap_err().code, "no-fetch");
    }

    #[test]
    fn the_rounds_and_the_bytes_have_an_end() {
        let (done, names) = rounds(&Chain(usize::MAX), &Large(1));
        assert!(done.unwrap_err().message.contains("rounds_max") && names.len() == ROUNDS_MAX);
        let (done, _) = rounds(&Chain(3), &Large(FETCHED_BYTES_MAX));
        assert!(done.unwrap_err().message.contains("fetched_bytes_max"));
    }
}
