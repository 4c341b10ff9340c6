//! Remote bases from a real git server.

use plugin::RequirementSource;
use serde_json::json;
use testkit::git::GitServer;

use crate::support::{World, fetched, files, named, refused};

fn git(url: &str, revision: &str) -> RequirementSource {
    RequirementSource::Git { url: url.to_owned(), revision: revision.to_owned(), path: "base".to_owned() }
}

#[tokio::test(flavor = "multi_thread")]
async fn bases_by_branch_tag_and_commit() {
    let folder = tempfile::tempdir().unwrap();
    let server = GitServer::start(folder.path(), None).unwrap();
    let first = server.commit("bases", &[("base/kustomization.yaml", "one"), ("beside/a.yaml", "a")]).unwrap();
    server.git("bases", &["tag", "v1"]).unwrap();
    let second = server.commit("bases", &[("base/kustomization.yaml", "two")]).unwrap();
    let (world, url) = (World::new(&[&server.web.url()]), server.url("bases"));
    // All of the repository: a base may name what is beside it.
    let expected = |text: &str| {
        [("base/kustomization.yaml".to_owned(), text.to_owned()), ("beside/a.yaml".to_owned(), "a".to_owned())].into()
    };
    for (revision, text) in [("v1", "one"), (&*first, "one"), ("main", "two"), ("HEAD", "two"), (&*second, "two")] {
        assert_eq!(fetched(&world.fetcher(), git(&url, revision)).await, expected(text), "{revision}");
    }
    // A commit stays what it is; a branch is looked up.
    server.commit("bases", &[("base/kustomization.yaml", "three")]).unwrap();
    assert_eq!(fetched(&world.fetcher(), git(&url, "main")).await, expected("three"));
    server.web.take_targets();
    assert_eq!(fetched(&world.fetcher(), git(&url, &first)).await, expected("one"));
    assert!(server.web.take_targets().is_empty());

    let (code, told, _) = refused(&world.fetcher(), git(&url, "none")).await;
    assert!(code == "not-found" && told.contains("none") && told.starts_with("git.url: requirement it: "), "{told}");
    for outside in ["https://git.example.com/o/r", "git@git.example.com:o/r", "ssh://git@git.example.com/o/r"] {
        let (code, _, hint) = refused(&world.fetcher(), git(outside, "main")).await;
        assert!(code == "source-not-allowed" && hint.contains("://git.example.com"), "{outside} {hint}");
    }
    for bad in ["--upload-pack=touch x", "ext::sh -c x", "file:///etc", "/etc"] {
        assert_eq!(refused(&world.fetcher(), git(bad, "main")).await.0, "bad-requirement", "{bad}");
    }
    let mut promised = named(git(&url, "main"));
    promised.digest = Some("sha256:0".to_owned());
    assert!(files(&world.fetcher(), &promised).await.unwrap_err().message.contains("name a commit"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_repository_that_wants_a_user_and_links_that_leave() {
    let folder = tempfile::tempdir().unwrap();
    let server = GitServer::start(folder.path(), Some("me:pw")).unwrap();
    server.commit("bases", &[("a.yaml", "a")]).unwrap();
    std::os::unix::fs::symlink("a.yaml", folder.path().join("bases/same.yaml")).unwrap();
    server.commit("bases", &[("b.yaml", "b")]).unwrap();
    let with = |secret: &str| {
        let source = json!({"url": server.web.url(), "private": true, "secretRef": {"namespace": "n", "name": secret}});
        World::new(&[]).source("git", source).secret("user", "username", "me").secret("user", "password", "pw")
    };
    let found = fetched(&with("user").fetcher(), git(&server.url("bases"), "main")).await;
    assert_eq!(found["same.yaml"], "a");
    let (code, told, _) = refused(&with("none").fetcher(), git(&server.url("bases"), "main")).await;
    assert!(code == "source-refuses" && told.contains("n/none"), "{told}");
    let (code, ..) = refused(&World::new(&[&server.web.url()]).fetcher(), git(&server.url("bases"), "main")).await;
    assert_eq!(code, "source-refuses");

    let mut small = with("user");
    small.limits.files_max = 1;
    let (code, told, _) = refused(&small.fetcher(), git(&server.url("bases"), "main")).await;
    assert!(code == "source-failed" && told.contains("entriesMax"), "{code} {told}");
}
