//! Servers that lie, send elsewhere, send too much or nothing.

use std::time::Duration;

use fetch::Limits;
use plugin::RequirementSource;
use serde_json::json;
use testkit::net::DeafPort;
use testkit::web::{Answer, Web};

use crate::support::{World, chart, charts, file, files, named, refused, repository};

/// A repository whose index is that of the charts, changed, and whose archives are what `archive` says.
fn changed(change: impl Fn(String) -> String + Send + Sync + 'static, archive: Answer) -> Web {
    Web::start(move |asked| match asked.target.as_str() {
        "/index.yaml" => Answer::of(change(String::from_utf8(file(&charts(), "index.yaml", asked).body).unwrap())),
        _ => archive.clone(),
    })
    .unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn another_content_than_the_index_promises() {
    let web = changed(|index| index, Answer::of("something else"));
    let world = World::new(&[&web.url()]);
    let (code, told, hint) = refused(&world.fetcher(), chart(&web.url(), "1.x")).await;
    assert_eq!(code, "digest-mismatch");
    assert!(told.contains("greeting-1.3.0.tgz") && told.contains("by the index"), "{told}");
    assert!(hint.contains("helm repo index"), "{hint}");
    assert!(!world.home.path().join("fetched/content").exists(), "what is wrong is not kept");
}

#[tokio::test(flavor = "multi_thread")]
async fn indexes_of_garbage() {
    let bomb = "a: &a [x,x,x,x,x,x,x,x,x]\nb: &b [*a,*a,*a,*a,*a,*a,*a,*a,*a]\nc: &c [*b,*b,*b,*b,*b,*b,*b,*b,*b]\nd: &d [*c,*c,*c,*c,*c,*c,*c,*c]\ne: &e [*d,*d,*d,*d,*d,*d,*d,*d]\nf: &f [*e,*e,*e,*e,*e,*e,*e,*e]\ng: &g [*f,*f,*f,*f,*f,*f,*f,*f]\nentries: [*g,*g,*g,*g,*g,*g,*g,*g]\n";
    let deep = "[".repeat(1 << 20);
    for index in ["", "<html>sign in</html>", "entries: {greeting: {a: b}}", "\u{0}", bomb, &deep] {
        let index = index.to_owned();
        let web = changed(move |_| index.clone(), Answer::of(""));
        let (code, told, _) = refused(&World::new(&[&web.url()]).fetcher(), chart(&web.url(), "1.x")).await;
        assert!(code == "source-failed" && told.contains("index"), "{code} {told}");
    }
    let web = changed(|index| index.replace("greeting-1.3.0.tgz", "http://[bad"), Answer::of(""));
    let (_, told, _) = refused(&World::new(&[&web.url()]).fetcher(), chart(&web.url(), "1.x")).await;
    assert!(told.contains("greeting 1.3.0 has the URL"), "{told}");
    let web = changed(|index| index, Answer::of(""));
    let fetcher = World::new(&[&web.url()]).fetcher();
    let (code, told, _) = refused(&fetcher, chart(&web.url(), "7.x")).await;
    assert!(code == "not-found" && told.contains("it has 2.0.0-rc.1, 1.3.0, 1.2.0"), "{told}");
    let (code, told, _) = refused(&fetcher, chart(&web.url(), "new")).await;
    assert!(code == "bad-requirement" && told.contains("neither a version nor a range"), "{told}");
}

#[tokio::test(flavor = "multi_thread")]
async fn redirects_and_urls_of_an_index_are_looked_at_as_the_first() {
    let inner = repository();
    let secret = format!("{}/stable/index.yaml", inner.url());
    for (to, code) in [
        (secret.as_str(), "source-not-allowed"),
        ("http://169.254.169.254/latest/meta-data/", "source-not-allowed"),
        ("http://10.255.255.1/", "source-not-allowed"),
        ("file:///etc/passwd", "source-not-allowed"),
        ("http://[::ffff:127.0.0.1]/", "source-not-allowed"),
    ] {
        let moved = to.to_owned();
        let web = Web::start(move |_| Answer::redirect(&moved)).unwrap();
        let found = refused(&World::new(&[&web.url()]).fetcher(), chart(&web.url(), "1.x")).await;
        assert_eq!(found.0, code, "{to}: {found:?}");
        let moved = to.to_owned();
        let listed = changed(move |index| index.replace("greeting-1.3.0.tgz", &moved), Answer::of(""));
        let found = refused(&World::new(&[&listed.url()]).fetcher(), chart(&listed.url(), "1.x")).await;
        assert_eq!(found.0, if to.starts_with("file:") { "bad-requirement" } else { code }, "{to}: {found:?}");
    }
    // A source of every public host opens no private one, and one of all private ones no metadata.
    let port = inner.address.rsplit(':').next().unwrap();
    let every = format!("http://*:{port}");
    let cases = [(secret.as_str(), &*every, json!(false)), ("http://169.254.169.254/latest", "http://*", json!(true))];
    for (to, any, private) in cases {
        let moved = to.to_owned();
        let web = Web::start(move |_| Answer::redirect(&moved)).unwrap();
        let world = World::new(&[&web.url()]).source("any", json!({"url": any, "private": private}));
        let (code, told, _) = refused(&world.fetcher(), chart(&format!("{}/x", web.url()), "1.x")).await;
        assert_eq!(code, "address-refused", "{to}: {told}");
    }
    assert!(inner.seen().is_empty());
    let web = Web::start(|asked| Answer::redirect(&format!("{}x", asked.target))).unwrap();
    let (code, told, _) = refused(&World::new(&[&web.url()]).fetcher(), chart(&web.url(), "1.x")).await;
    assert!(code == "bad-requirement" && told.contains("more than 5 times"), "{told}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_source_that_is_away_or_silent_is_told() {
    let port = DeafPort::take().unwrap();
    let away = format!("http://{}/stable", port.address().unwrap());
    let (code, told, hint) = refused(&World::new(&[&away]).fetcher(), chart(&away, "1.x")).await;
    assert!(code == "source-unreachable" && told.contains("cannot be reached"), "{told}");
    assert!(
        told.contains("requirement it") && told.starts_with("helmChart.repository") && hint.contains("is up"),
        "{told} {hint}"
    );

    let (hold, held) = std::sync::mpsc::channel::<()>();
    let held = std::sync::Mutex::new(held);
    let silent = Web::start(move |_| {
        // Until the test is over.
        let _ = held.lock().map(|held| held.recv());
        Answer::status(200)
    })
    .unwrap();
    let mut world = World::new(&[&silent.url()]);
    world.limits.time_max = Duration::from_millis(200);
    let (code, told, _) = refused(&world.fetcher(), chart(&silent.url(), "1.x")).await;
    assert!(code == "source-unreachable" && told.contains("fetch_time_max"), "{told}");
    drop(hold);

    for (status, code) in [(404, "not-found"), (500, "source-unreachable"), (429, "throttled"), (403, "source-refuses")]
    {
        let web = Web::start(move |_| Answer::status(status)).unwrap();
        let found = refused(&World::new(&[&web.url()]).fetcher(), chart(&web.url(), "1.x")).await;
        assert!(found.0 == code && found.1.contains(&status.to_string()), "{found:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn too_much_is_not_read() {
    let web = Web::start(|_| Answer::of(vec![b'x'; 1 << 20])).unwrap();
    let mut world = World::new(&[&web.url()]);
    world.limits = Limits { index_bytes_max: 1000, archive_bytes_max: 2000, ..world.limits };
    let (code, told, _) = refused(&world.fetcher(), chart(&web.url(), "1.x")).await;
    assert!(code == "bad-archive" && told.contains("index_bytes_max"), "{told}");
    let (code, told, _) = refused(&world.fetcher(), RequirementSource::Url(format!("{}/v.yaml", web.url()))).await;
    assert!(code == "bad-archive" && told.contains("archive_bytes_max"), "{told}");
}

#[tokio::test(flavor = "multi_thread")]
async fn files_and_archives_behind_urls() {
    let web = Web::start(|asked| match asked.target.as_str() {
        "/values.yaml?a=b" => Answer::of("who: me\n"),
        "/charts.tgz" => file(&charts(), "greeting-1.2.0.tgz", asked),
        "/bad.tar.gz" => Answer::of("no archive"),
        _ => Answer::redirect("/values.yaml?a=b"),
    })
    .unwrap();
    let world = World::new(&[&web.url()]);
    let url = |path: &str| named(RequirementSource::Url(format!("{}{path}", web.url())));
    let got = files(&world.fetcher(), &url("/values.yaml?a=b")).await.unwrap();
    assert_eq!(got, [("values.yaml".to_owned(), "who: me\n".to_owned())].into());
    assert_eq!(files(&world.fetcher(), &url("/moved.yaml")).await.unwrap()["moved.yaml"], "who: me\n");
    assert!(files(&world.fetcher(), &url("/charts.tgz")).await.unwrap().contains_key("greeting/Chart.yaml"));
    assert_eq!(files(&world.fetcher(), &url("/bad.tar.gz")).await.unwrap_err().code, "bad-archive");

    // A promise is kept, or told; what has the promised digest is fetched once.
    let digest = "sha256:044ad1166a10289160587578d8f4e41047bbe1f478ee28d863d2d7e3ba350b3e".to_owned();
    let promised = plugin::Requirement { digest: Some(digest), ..url("/charts.tgz") };
    files(&world.fetcher(), &promised).await.unwrap();
    web.take_targets();
    files(&world.fetcher(), &promised).await.unwrap();
    assert!(web.take_targets().is_empty());
    let wrong = plugin::Requirement { digest: Some(format!("sha256:{}", "0".repeat(64))), ..promised };
    let error = files(&world.fetcher(), &wrong).await.unwrap_err();
    assert!(error.code == "digest-mismatch" && error.message.contains("by the requirement"), "{error}");
}
