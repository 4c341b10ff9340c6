//! What a plugin can reach: nothing, but through a grant.

use plugin::ErrorClass;
use plugin_host::Limits;
use serde_json::json;

use crate::support::{Web, World, private};

const HELLO: &str = "HTTP/1.1 200 OK\r\ncontent-length: 5\r\ncontent-type: text/plain\r\n\r\nhello";

#[tokio::test(flavor = "multi_thread")]
async fn without_grants_there_is_nothing() {
    let Some(world) = World::new("without_grants_there_is_nothing") else { return };
    world.install("guest", json!({}), Limits::default()).await;
    let environment = world.value("guest", json!({"do": "environment"})).await.to_string();
    for name in ["PATH", "HOME", "CARGO"] {
        assert!(!environment.contains(name), "{environment}");
    }
    let file = world.value("guest", json!({"do": "file", "path": "/etc/passwd"})).await.to_string();
    assert!(!file.contains("root:"), "{file}");
    world.run("guest", json!({"do": "streams", "text": "to nowhere"})).await.unwrap();
    let web = Web::start(HELLO).await;
    for (config, hint) in [
        (json!({"do": "http", "url": format!("http://{}/", web.address)}), "http: [{host: "),
        (json!({"do": "stateGet", "key": "k"}), "state: {bytes: "),
        (json!({"do": "standIn", "name": "token"}), "secrets: [{name: \"token\", secretKeyRef: "),
        (json!({"do": "reveal", "name": "token"}), "secrets: [{name: \"token\", secretKeyRef: "),
    ] {
        let error = world.run("guest", config.clone()).await.unwrap_err();
        assert_eq!(error.class, ErrorClass::Denied, "{config}: {error:?}");
        let told = format!("{error} {:?}", error.hints);
        assert!(told.contains(hint), "{config}: {told}");
    }
    assert!(web.asked.lock().unwrap().is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_granted_host_is_called_and_no_other() {
    let Some(world) = World::new("a_granted_host_is_called_and_no_other") else { return };
    let (web, other) = (Web::start(HELLO).await, Web::start(HELLO).await);
    world.install("guest", private(&web.address), Limits::default()).await;
    let get = |url: String| json!({"do": "http", "url": url, "headers": [["x-a", "1"]]});
    let answer = world.value("guest", get(format!("http://{}/path?q=1", web.address))).await;
    assert_eq!((&answer["status"], &answer["body"]), (&json!(200), &json!("hello")));
    let asked = web.last().to_lowercase();
    assert!(asked.starts_with("get /path?q=1 http/1.1\r\n") && asked.contains("x-a: 1\r\n"), "{asked}");
    let port = web.address.rsplit_once(':').unwrap().1.to_owned();
    for url in [
        format!("http://{}/", other.address),
        format!("http://127.0.0.2:{port}/"),
        format!("http://localhost:{port}/"),
        format!("http://[::ffff:127.0.0.1]:{port}/"),
        format!("http://2130706433:{port}/"),
        format!("http://0x7f000001:{port}/"),
        format!("http://{}@{}/", web.address, other.address),
        format!("https://{}/", other.address),
        "http://169.254.169.254/latest/meta-data".to_owned(),
        "file:///etc/passwd".to_owned(),
    ] {
        let error = world.run("guest", get(url.clone())).await.unwrap_err();
        assert!(
            matches!(error.class, ErrorClass::Denied | ErrorClass::InvalidConfig | ErrorClass::Permanent),
            "{url}: {error:?}"
        );
    }
    assert!(other.asked.lock().unwrap().is_empty());
    assert_eq!(web.asked.lock().unwrap().len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_address_that_is_not_public_needs_its_own_word() {
    let Some(world) = World::new("an_address_that_is_not_public_needs_its_own_word") else { return };
    let web = Web::start(HELLO).await;
    world.install("guest", json!({"http": [{"host": "*"}]}), Limits::default()).await;
    let error = world.run("guest", json!({"do": "http", "url": format!("http://{}/", web.address)})).await.unwrap_err();
    assert_eq!(error.class, ErrorClass::Denied, "{error:?}");
    assert!(error.hints.iter().any(|hint| hint.contains("\"private\":true")), "{error:?}");
    assert!(web.asked.lock().unwrap().is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_redirect_is_an_answer_and_not_followed() {
    let Some(world) = World::new("a_redirect_is_an_answer_and_not_followed") else { return };
    let web = Web::start("HTTP/1.1 302 Found\r\nlocation: http://169.254.169.254/\r\ncontent-length: 0\r\n\r\n").await;
    world.install("guest", private(&web.address), Limits::default()).await;
    let answer = world.value("guest", json!({"do": "http", "url": format!("http://{}/", web.address)})).await;
    assert_eq!(answer["status"], json!(302));
}

#[tokio::test(flavor = "multi_thread")]
async fn answers_and_requests_have_limits() {
    let Some(world) = World::new("answers_and_requests_have_limits") else { return };
    let web = Web::start(HELLO).await;
    let limits = Limits { response_bytes_max: 3, ..Limits::default() };
    world.install("guest", private(&web.address), limits).await;
    let get = json!({"do": "http", "url": format!("http://{}/", web.address)});
    let error = world.run("guest", get.clone()).await.unwrap_err();
    assert!(!error.to_string().is_empty());
    world.install("guest", private(&web.address), Limits { requests_max: 0, ..Limits::default() }).await;
    let error = world.run("guest", get).await.unwrap_err();
    assert!(error.to_string().contains("requests_max"), "{error:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_secret_is_sent_and_never_seen() {
    let Some(world) = World::new("a_secret_is_sent_and_never_seen") else { return };
    let web = Web::start(HELLO).await;
    let secret = json!({"namespace": "n", "name": "s", "key": "k"});
    let mut grants = private(&web.address);
    grants["secrets"] = json!({"token": secret.clone()});
    world.install("guest", grants.clone(), Limits::default()).await;
    let stand_in = world.value("guest", json!({"do": "standIn", "name": "token"})).await;
    let stand_in = stand_in.as_str().unwrap();
    assert!(stand_in.len() > 32 && !stand_in.contains("value"), "{stand_in}");
    // A stand-in of another call is a text like any other.
    let send =
        json!({"do": "http", "url": format!("http://{}/", web.address), "headers": [["authorization", stand_in]]});
    world.run("guest", send).await.unwrap();
    assert!(web.last().contains(stand_in) && !web.last().contains("value-of-s"));
    let refused = world.run("guest", json!({"do": "reveal", "name": "token"})).await.unwrap_err();
    assert!(refused.class == ErrorClass::Denied && refused.to_string().contains("not see it"), "{refused:?}");
    grants["secrets"]["token"]["reveal"] = json!(true);
    world.install("guest", grants, Limits::default()).await;
    assert_eq!(world.value("guest", json!({"do": "reveal", "name": "token"})).await, json!("value-of-s".len()));
}

/// The values that left stand where the server sees them, and in nothing that the host tells.
#[tokio::test(flavor = "multi_thread")]
async fn a_secret_reaches_its_host_and_no_other() {
    let Some(world) = World::new("a_secret_reaches_its_host_and_no_other") else { return };
    let (web, other) = (Web::echo().await, Web::echo().await);
    let grants = json!({
        "http": [{"host": web.address, "private": true}, {"host": other.address, "private": true}],
        "secrets": {"token": {"namespace": "n", "name": "s", "key": "k", "hosts": [web.address]}},
    });
    world.install("guest", grants, Limits::default()).await;
    let send = |to: &Web| json!({"do": "send", "name": "token", "url": format!("http://{}/path", to.address)});
    let told = world.value("guest", send(&web)).await;
    let asked = web.last();
    // The base64 text of `user:value-of-s`.
    for part in ["POST /path?token=value-of-s HTTP/1.1", "Basic dXNlcjp2YWx1ZS1vZi1z", "\r\n\r\ntoken=value-of-s"] {
        assert!(asked.contains(part), "{part:?} is missing: {asked}");
    }
    assert!(asked.to_lowercase().contains("content-length: 16\r\n"), "{asked}");
    let log = format!("{:?}", world.lines.0.lock().unwrap());
    for told in [told.to_string(), log] {
        assert!(told.contains("*****") && told.contains("/path?token="), "{told}");
        assert!(!told.contains("value-of-s") && !told.contains("dXNlcjp2YWx1ZS1vZi1z"), "{told}");
    }
    let refused = world.run("guest", send(&other)).await.unwrap_err();
    assert_eq!(refused.class, ErrorClass::Denied, "{refused:?}");
    let hint = format!("hosts: [\"http://{}\"]", other.address);
    assert!(refused.hints.iter().any(|told| told.contains(&hint)), "{refused:?}");
    assert!(other.asked.lock().unwrap().is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_secret_signs() {
    let Some(world) = World::new("a_secret_signs") else { return };
    world
        .install("guest", json!({"secrets": {"key": {"namespace": "n", "name": "s", "key": "k"}}}), Limits::default())
        .await;
    assert_eq!(world.value("guest", json!({"do": "sign", "name": "key"})).await, json!([32, true, false]));
}

/// Also a plugin that may see a value tells it to nobody.
#[tokio::test(flavor = "multi_thread")]
async fn a_revealed_value_is_told_to_nobody() {
    let Some(world) = World::new("a_revealed_value_is_told_to_nobody") else { return };
    let secret = json!({"namespace": "n", "name": "s", "key": "k", "reveal": true});
    world.install("guest", json!({"secrets": {"key": secret}}), Limits::default()).await;
    let leak = |how: &str| json!({"do": "leak", "name": "key", "how": how});
    let answer = world.run("guest", leak("")).await.unwrap();
    let error = world.run("guest", leak("error")).await.unwrap_err();
    let trap = world.run("guest", leak("trap")).await.unwrap_err();
    assert!(trap.code == "trapped" && trap.message.contains("panicked"), "{trap:?}");
    let log = format!("{:?}", world.lines.0.lock().unwrap());
    let numbers = format!("{:?}", plugin::Desk::report(&*world.host, "guest").unwrap().1);
    for told in [format!("{answer:?}"), format!("{error:?}"), format!("{trap:?}"), log, numbers] {
        assert!(told.contains("*****") && !told.contains("value-of-s"), "{told}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_the_server_never_calls_no_grant_opens() {
    let web = Web::start(HELLO).await;
    let deny = vec![web.address.parse().unwrap()];
    let Some(world) = World::denying("what_the_server_never_calls_no_grant_opens", deny) else { return };
    world.install("guest", private(&web.address), Limits::default()).await;
    let error = world.run("guest", json!({"do": "http", "url": format!("http://{}/", web.address)})).await.unwrap_err();
    assert_eq!(error.class, ErrorClass::Denied, "{error:?}");
    assert!(web.asked.lock().unwrap().is_empty());
}

/// A name with another address each time it is looked up.
struct Turning(std::sync::atomic::AtomicU32);

#[async_trait::async_trait]
impl egress::Resolve for Turning {
    async fn resolve(&self, _: &str) -> std::io::Result<Vec<std::net::IpAddr>> {
        let nth = self.0.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
        let address = if nth == 0 { [127, 0, 0, 2] } else { [127, 0, 0, 1] };
        Ok(vec![std::net::IpAddr::from(address)])
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_name_that_turns_to_this_machine_does_not_lead_there() {
    let web = Web::at("127.0.0.2:0", HELLO).await;
    let port = web.address.rsplit_once(':').unwrap().1.to_owned();
    let turning = std::sync::Arc::new(Turning(std::sync::atomic::AtomicU32::new(1)));
    let Some(world) = World::resolving("a_name_that_turns_to_this_machine_does_not_lead_there", turning.clone()) else {
        return;
    };
    let host = format!("rebinding.example.com:{port}");
    world
        .install(
            "guest",
            json!({"http": [{"host": host}], "endpoints": [{"address": format!("tcp://{host}")}]}),
            Limits::default(),
        )
        .await;
    // It was public when somebody looked, and is this machine when it is called: each connection is judged by the address that it goes to.
    for config in [
        json!({"do": "http", "url": format!("http://{host}/")}),
        json!({"do": "connect", "address": format!("tcp://{host}"), "text": "x"}),
    ] {
        let error = world.run("guest", config.clone()).await.unwrap_err();
        assert_eq!(error.class, ErrorClass::Denied, "{config}: {error:?}");
    }
    assert!(web.asked.lock().unwrap().is_empty());
    // And the address that was judged is the one that is called: it is not looked up again in between.
    turning.0.store(0, std::sync::atomic::Ordering::Relaxed);
    world.install("near", json!({"http": [{"host": host, "private": ["127.0.0.2"]}]}), Limits::default()).await;
    let get = json!({"do": "http", "url": format!("http://{host}/")});
    assert_eq!(world.value("near", get.clone()).await["body"], json!("hello"));
    assert_eq!(turning.0.load(std::sync::atomic::Ordering::Relaxed), 1, "one look-up");
    // A connection that is still open may be used again; a new one is judged anew.
    world.install("again", json!({"http": [{"host": host, "private": ["127.0.0.2"]}]}), Limits::default()).await;
    assert_eq!(world.run("again", get).await.unwrap_err().class, ErrorClass::Denied);
    assert_eq!(web.asked.lock().unwrap().len(), 1);
}

#[tokio::test]
async fn files_are_reached_in_a_folder_that_is_granted_and_nowhere_else() {
    let Some(world) = World::new("files_are_reached_in_a_folder_that_is_granted_and_nowhere_else") else { return };
    let home = tempfile::tempdir().unwrap();
    let lent = home.path().join("lent");
    std::fs::create_dir(&lent).unwrap();
    std::fs::write(home.path().join("secret"), "not this").unwrap();
    std::fs::write(lent.join("note"), "read me").unwrap();
    std::os::unix::fs::symlink("../secret", lent.join("link")).unwrap();
    std::os::unix::fs::symlink("/etc/passwd", lent.join("passwd")).unwrap();
    world.install("guest", json!({"files": [{"path": lent, "mountPath": "/lent"}]}), Limits::default()).await;
    world.install("other", json!({}), Limits::default()).await;
    let read = async |name: &str, path: &str| world.value(name, json!({"do": "file", "path": path})).await.to_string();
    let note = read("guest", "note").await;
    assert!(note.contains("read me") && note.contains("/lent"), "{note}");
    for path in ["../secret", "/etc/passwd", "link", "passwd", "../../../../../../etc/passwd"] {
        let found = read("guest", path).await;
        assert!(!found.contains("not this") && !found.contains("root:"), "{path}: {found}");
    }
    assert!(!read("other", "note").await.contains("read me"));
    std::fs::remove_dir_all(&lent).unwrap();
    let error = world.run("guest", json!({"do": "file", "path": "note"})).await.unwrap_err();
    assert_eq!((error.class, error.code.as_str()), (ErrorClass::Unavailable, "no-folder"), "{error}");
}
