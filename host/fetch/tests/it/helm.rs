//! Helm repositories over HTTP, of charts that Helm itself packed.

use serde_json::json;
use testkit::web::{Answer, Web};

use crate::support::{World, chart, charts, fetched, file, refused, repository};

#[tokio::test(flavor = "multi_thread")]
async fn a_range_takes_the_highest_and_is_looked_up_again() {
    let web = repository();
    let world = World::new(&[&web.url()]);
    let fetcher = world.fetcher();
    let at = format!("{}/stable", web.url());
    let files = fetched(&fetcher, chart(&at, "1.x")).await;
    assert!(files["greeting/Chart.yaml"].contains("version: 1.3.0"), "{files:?}");
    assert!(files.contains_key("greeting/charts/word/Chart.yaml"), "{files:?}");
    assert_eq!(web.take_targets(), ["/stable/index.yaml", "/stable/greeting-1.3.0.tgz"]);
    // The index is asked for, and neither sent nor is the archive.
    assert_eq!(fetched(&fetcher, chart(&format!("{at}/"), "^1.0.0")).await, files);
    let seen = web.seen();
    assert!(seen.len() == 1 && !seen[0].header("if-none-match").is_empty(), "{seen:?}");
    for (wanted, version) in [(">=2.0.0-0", "2.0.0-rc.1"), ("~1.2", "1.2.0"), ("", "1.3.0"), ("*", "1.3.0")] {
        let files = fetched(&fetcher, chart(&at, wanted)).await;
        assert!(files["greeting/Chart.yaml"].contains(&format!("version: {version}\n")), "{wanted} {files:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_exact_version_is_fetched_once_also_by_the_next_server() {
    let web = repository();
    let world = World::new(&[&web.url()]);
    let at = format!("{}/stable", web.url());
    let files = fetched(&world.fetcher(), chart(&at, "1.2.0")).await;
    assert_eq!(web.take_targets().len(), 2);
    assert_eq!(fetched(&world.fetcher(), chart(&at, "1.2.0")).await, files);
    assert!(web.take_targets().is_empty());
    // What is kept is compared with its digest each time.
    for entry in std::fs::read_dir(world.home.path().join("fetched/content")).unwrap() {
        std::fs::write(entry.unwrap().path(), "changed").unwrap();
    }
    assert_eq!(fetched(&world.fetcher(), chart(&at, "1.2.0")).await, files);
    assert_eq!(web.take_targets().len(), 2);
    // What was allowed before is not given out when it is not any more.
    let mut others = World::new(&["https://other.example.com"]);
    others.home = world.home;
    assert_eq!(refused(&others.fetcher(), chart(&at, "1.2.0")).await.0, "source-not-allowed");
}

#[tokio::test(flavor = "multi_thread")]
async fn nobody_is_asked_without_a_source() {
    let web = repository();
    let at = format!("{}/stable", web.url());
    for world in [World::new(&[]), World::new(&[&format!("{}/other", web.url())])] {
        let (code, told, hint) = refused(&world.fetcher(), chart(&at, "1.x")).await;
        assert_eq!(code, "source-not-allowed");
        assert!(told.starts_with("helmChart.repository: requirement it: ") && told.contains(&at), "{told}");
        assert!(hint.contains(&format!("plugins.sources: {{NAME: {{url: {:?}}}}}", web.url())), "{hint}");
    }
    // One that is named, at an address that nobody granted.
    let world = World::new(&[]).source("s", json!({"url": web.url()}));
    let (code, told, hint) = refused(&world.fetcher(), chart(&at, "1.x")).await;
    assert!(code == "address-refused" && told.contains("127.0.0.1") && hint.contains("private"), "{told} {hint}");
    assert!(web.seen().is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn credentials_go_to_their_source_alone() {
    let archives = repository();
    let elsewhere = archives.url();
    let web = Web::start(move |asked| {
        if !["Basic bWU6cHc=", "Bearer abc"].contains(&asked.header("authorization")) {
            return Answer::status(401);
        }
        let index = String::from_utf8(file(&charts(), "index.yaml", asked).body).unwrap();
        Answer::of(index.replace("- greeting-", &format!("- {elsewhere}/stable/greeting-")))
    })
    .unwrap();
    let with = |secret: &str| {
        let source = json!({"url": web.url(), "private": true, "secretRef": {"namespace": "n", "name": secret}});
        let world = World::new(&[&archives.url()]).source("charts", source);
        world.secret("user", "username", "me\n").secret("user", "password", "pw\n").secret("token", "token", "abc")
    };
    for secret in ["user", "token"] {
        let files = fetched(&with(secret).fetcher(), chart(&web.url(), "1.x")).await;
        assert!(files["greeting/Chart.yaml"].contains("version: 1.3.0"), "{files:?}");
    }
    for asked in archives.seen() {
        assert_eq!(asked.header("authorization"), "", "{asked:?}");
    }
    let (code, told, _) = refused(&with("none").fetcher(), chart(&web.url(), "1.x")).await;
    assert!(code == "source-refuses" && told.contains("plugins.sources.charts") && told.contains("n/none"), "{told}");
    let (code, told, hint) = refused(&World::new(&[&web.url()]).fetcher(), chart(&web.url(), "1.x")).await;
    assert!(code == "source-refuses" && told.contains("401") && hint.contains("secretRef"), "{told} {hint}");
    let inside = web.url().replace("http://", "http://me:pw@");
    let (code, told, _) = refused(&with("user").fetcher(), chart(&inside, "1.x")).await;
    assert!(code == "bad-requirement" && told.contains("secretRef") && !told.contains("pw@"), "{told}");
}
