//! Where an artifact lies: which driver, under which key, and how that reads in a message.

use std::sync::Arc;

use artifact::Context;
use model::workflow::{Artifact, S3Artifact};

use crate::cloud::Cloud;
use crate::driver::Driver;
use crate::drivers::Drivers;
use crate::failure::Failure;
use crate::http::Http;
use crate::raw::Raw;

/// Where an artifact lies.
pub(crate) struct Place {
    /// The driver.
    pub(crate) driver: Arc<dyn Driver>,
    /// The key within it, without `/` at either end.
    pub(crate) key: String,
    /// The key named a folder (it ended with `/`).
    pub(crate) folder: bool,
}

/// Which driver an artifact needs, as one word: the field of its place, or `directory` for the server's own.
pub fn driver(artifact: &Artifact) -> &'static str {
    match artifact.location.place() {
        Some("s3") if artifact.location.s3.as_ref().is_some_and(|s3| s3.bucket.is_empty()) => "directory",
        Some(place) => place,
        None => "none",
    }
}

/// Driver and key for messages. No credentials: a URL loses user, password and query.
pub(crate) fn shown(artifact: &Artifact) -> String {
    let place = &artifact.location;
    let sub = artifact.sub_path.as_deref().map(|sub| format!(" (subPath {sub})")).unwrap_or_default();
    let text = if let Some(s3) = &place.s3 {
        if s3.bucket.is_empty() { format!("directory {}", s3.key) } else { format!("s3 {}/{}", s3.bucket, s3.key) }
    } else if let Some(gcs) = &place.gcs {
        format!("gcs {}/{}", gcs.bucket, gcs.key)
    } else if let Some(azure) = &place.azure {
        format!("azure {}/{}", azure.container, azure.blob)
    } else if let Some(oss) = &place.oss {
        format!("oss {}/{}", oss.bucket, oss.key)
    } else if let Some(http) = &place.http {
        format!("http {}", egress::shown(&http.url))
    } else if let Some(artifactory) = &place.artifactory {
        format!("artifactory {}", egress::shown(&artifactory.url))
    } else if let Some(git) = &place.git {
        format!("git {}", egress::shown(&git.repo))
    } else if let Some(hdfs) = &place.hdfs {
        format!("hdfs {}", hdfs.path)
    } else if let Some(plugin) = &place.plugin {
        format!("plugin {} {}", plugin.name, plugin.key)
    } else if place.raw.is_some() {
        "raw".to_owned()
    } else {
        "nowhere".to_owned()
    };
    text + &sub
}

impl Drivers {
    /// Finds the place of an artifact that lies in one with objects.
    pub(crate) async fn place(&self, context: &Context, artifact: &Artifact) -> Result<Place, Failure> {
        let location = &artifact.location;
        let with = |key: &str| join(key, artifact.sub_path.as_deref());
        if let Some(s3) = &location.s3
            && s3.bucket.is_empty()
        {
            if **s3 != (S3Artifact { key: s3.key.clone(), ..S3Artifact::default() }) {
                return Err(Failure::permanent("s3.bucket is missing"));
            }
            let (key, folder) = with(&s3.key)?;
            return Ok(Place { driver: Arc::new(self.directory.of(&context.namespace)?), key, folder });
        }
        if let Some(raw) = &location.raw {
            if artifact.sub_path.is_some() {
                return Err(Failure::permanent("raw content has no parts, so subPath has no meaning"));
            }
            return Ok(Place { driver: Arc::new(Raw::new(&raw.data)), key: String::new(), folder: false });
        }
        let url = |driver: Http| Place { driver: Arc::new(driver), key: String::new(), folder: false };
        if let Some(http) = &location.http {
            return self.http(context, http, artifact.sub_path.as_deref()).await.map(url);
        }
        if let Some(artifactory) = &location.artifactory {
            return self.artifactory(context, artifactory, artifact.sub_path.as_deref()).await.map(url);
        }
        if let Some(s3) = &location.s3 {
            let (key, folder) = with(&s3.key)?;
            return Ok(Place { driver: Arc::new(self.s3.bucket(context, s3).await?), key, folder });
        }
        let cloud = |driver: Cloud, (key, folder): (String, bool)| Place { driver: Arc::new(driver), key, folder };
        if let Some(gcs) = &location.gcs {
            return Ok(cloud(self.clouds.gcs(context, gcs).await?, with(&gcs.key)?));
        }
        if let Some(azure) = &location.azure {
            return Ok(cloud(self.clouds.azure(context, azure).await?, with(&azure.blob)?));
        }
        if let Some(oss) = &location.oss {
            return Ok(cloud(self.clouds.oss(context, oss).await?, with(&oss.key)?));
        }
        Err(refused(artifact))
    }
}

/// What cannot be offered, and why.
fn refused(artifact: &Artifact) -> Failure {
    let location = &artifact.location;
    Failure::permanent(if location.hdfs.is_some() {
        "HDFS is not offered: put the files in a bucket, or behind HTTP (WebHDFS)"
    } else if location.plugin.is_some() {
        "artifact driver plugins are not available yet"
    } else if location.git.is_some() {
        "a git repository is only loaded, as a whole"
    } else {
        "it has no location: neither s3, gcs, azure, oss, http, artifactory, git nor raw, and no artifact repository was put to it"
    })
}

/// A key with the path within it; and whether it names a folder. A key that begins or ends with `/`, or has two in a row, is the
/// key without them: no driver then needs to know of two spellings.
pub(crate) fn join(key: &str, sub_path: Option<&str>) -> Result<(String, bool), Failure> {
    let whole = match sub_path {
        Some(sub) if !sub.is_empty() => format!("{key}/{sub}"),
        _ => key.to_owned(),
    };
    if whole.split('/').any(|part| part == ".." || part == ".") {
        return Err(Failure::permanent(format!("the key {whole:?} is refused: it has a part that is \".\" or \"..\"")));
    }
    if whole.contains(['\0', '\n', '\r']) {
        return Err(Failure::permanent(format!("the key {whole:?} is refused: it holds a control character")));
    }
    let parts: Vec<&str> = whole.split('/').filter(|part| !part.is_empty()).collect();
    Ok((parts.join("/"), whole.is_empty() || whole.ends_with('/')))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys() {
        let check = |key: &str, sub: Option<&str>, expect: Option<(&str, bool)>| {
            assert_eq!(join(key, sub).ok(), expect.map(|(key, folder)| (key.to_owned(), folder)), "{key} {sub:?}");
        };
        check("a/b.tgz", None, Some(("a/b.tgz", false)));
        check("/a//b", None, Some(("a/b", false)));
        check("a/", None, Some(("a", true)));
        check("", None, Some(("", true)));
        check("a", Some("b/c"), Some(("a/b/c", false)));
        check("a/", Some("/b/"), Some(("a/b", true)));
        check("a", Some(""), Some(("a", false)));
        check("a/../b", None, None);
        check("a", Some("../b"), None);
        check("./a", None, None);
        check("a\nb", None, None);
    }
}
