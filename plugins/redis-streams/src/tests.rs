use colchis_sdk::endpoint::Input;
use colchis_sdk::event_subscriber::Event;
use colchis_sdk::testing::servers::{Server, need};
use colchis_sdk::{Class, Severity, testing};
use serde_json::{Value, json};

use super::*;

fn arguments(port: u16, folder: &std::path::Path) -> Vec<String> {
    let folder = folder.display().to_string();
    ["--port", &port.to_string(), "--bind", "127.0.0.1", "--dir", &folder, "--appendonly", "yes", "--save", ""]
        .map(String::from)
        .to_vec()
}

fn config(port: u16, more: Value) -> Config {
    let mut config = json!({"hostAddress": format!("127.0.0.1:{port}"), "streams": ["a", "b"]});
    config.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    colchis_sdk::parse(&config.to_string()).unwrap()
}

/// Another client, that does what people do by hand.
fn by_hand(port: u16, words: &[&[u8]]) -> Reply {
    let mut client = Client::open(&config(port, json!({}))).unwrap();
    good(client.ask(words, Duration::ZERO).unwrap()).unwrap()
}

fn add(port: u16, stream: &str, id: &str, value: &[u8]) {
    by_hand(port, &[b"XADD", stream.as_bytes(), id.as_bytes(), b"n", value]);
}

fn open(port: u16, more: Value) -> Result<Streams> {
    RedisStreams::open(config(port, more), "example", None)
}

fn data(event: &Event) -> Value {
    serde_json::from_slice(&event.data).unwrap()
}

#[test]
fn messages_of_a_real_redis_come_until_they_are_acknowledged() {
    let Some(program) = need("redis-server", "messages_of_a_real_redis_come_until_they_are_acknowledged") else {
        return;
    };
    let server = Server::start(&program, arguments);
    let port = server.port();
    let error = open(port, json!({})).unwrap_err();
    assert_eq!((error.class(), error.code()), (&Class::Unavailable, "no-stream"));
    add(port, "a", "1-1", b"before");
    add(port, "b", "1-1", b"before");

    let mut first = open(port, json!({"metadata": {"team": "x"}})).unwrap();
    assert_eq!(first.poll(10, Duration::from_millis(20)).unwrap().events, []);
    add(port, "a", "1700000000000-1", b"one");
    add(port, "a", "1700000000000-2", &[0xff]);
    add(port, "b", "1700000000000-1", b"three");
    let batch = first.poll(10, Duration::from_secs(5)).unwrap();
    assert_eq!(batch.events.len(), 3);
    assert_eq!(
        data(&batch.events[0]),
        json!({"stream": "a", "message_id": "1700000000000-1", "values": {"n": "one"}, "metadata": {"team": "x"}})
    );
    assert_eq!(data(&batch.events[1])["values"]["n"], "/w==");
    assert_eq!((batch.events[0].time_ms, batch.events[0].kind.as_str()), (Some(1_700_000_000_000), "redisStream"));

    // Not acknowledged: all of it comes again, the same, after opening again.
    drop(first);
    let mut second = open(port, json!({"metadata": {"team": "x"}})).unwrap();
    let again = second.poll(10, Duration::ZERO).unwrap();
    assert_eq!(again.events, batch.events);
    // A message that was deleted while it was pending is gone, and asked for no more.
    drop(second);
    by_hand(port, &[b"XDEL", b"a", b"1700000000000-2"]);
    let mut third = open(port, json!({})).unwrap();
    let left = third.poll(10, Duration::ZERO).unwrap();
    assert_eq!(left.events.len(), 2);

    // A drained one takes nothing new, and acknowledges what it has; twice does no harm.
    add(port, "a", "1700000000001-0", b"new");
    third.drain().unwrap();
    assert_eq!(third.poll(10, Duration::ZERO).unwrap().events, []);
    third.ack(left.delivery).unwrap();
    third.ack(left.delivery).unwrap();
    third.ack(77).unwrap();
    drop(third);
    let mut fourth = open(port, json!({})).unwrap();
    let new = fourth.poll(10, Duration::ZERO).unwrap();
    assert_eq!(new.events.iter().map(|event| data(event)["values"]["n"].clone()).collect::<Vec<_>>(), ["new"]);
    fourth.ack(new.delivery).unwrap();
    let Reply::List(pending) = by_hand(port, &[b"XPENDING", b"a", b"argo-events-cg"]) else { panic!("no list") };
    assert_eq!(pending[0], Reply::Number(0));
}

#[test]
fn a_real_redis_that_goes_away_is_unavailable_and_nothing_is_lost() {
    let Some(program) = need("redis-server", "a_real_redis_that_goes_away_is_unavailable_and_nothing_is_lost") else {
        return;
    };
    let mut server = Server::start(&program, arguments);
    let port = server.port();
    add(port, "a", "1-1", b"before");
    let mut streams = open(port, json!({"streams": ["a"]})).unwrap();
    for at in 0..25 {
        add(port, "a", &format!("2-{at}"), at.to_string().as_bytes());
    }
    let batch = streams.poll(7, Duration::ZERO).unwrap();
    assert_eq!(batch.events.len(), 7);
    server.kill();
    let error = streams.poll(10, Duration::ZERO).unwrap_err();
    assert_eq!(error.class(), &Class::Unavailable, "{error}");
    assert_eq!(streams.ack(batch.delivery).unwrap_err().class(), &Class::Unavailable);
    assert_eq!(open(port, json!({})).unwrap_err().class(), &Class::Unavailable);

    let server = server.start_again(&program, arguments);
    let ready = || open(server.port(), json!({"streams": ["a"]})).ok();
    let mut streams = testing::servers::until("Redis has loaded", Duration::from_secs(10), ready);
    let mut seen = Vec::new();
    while seen.len() < 25 {
        let batch = streams.poll(10, Duration::ZERO).unwrap();
        assert!(!batch.events.is_empty(), "{seen:?}");
        seen.extend(batch.events.iter().map(|event| data(event)["message_id"].as_str().unwrap().to_owned()));
        streams.ack(batch.delivery).unwrap();
    }
    assert_eq!(seen, (0..25).map(|at| format!("2-{at}")).collect::<Vec<_>>());
}

#[test]
fn a_real_redis_asks_for_a_password() {
    let Some(program) = need("redis-server", "a_real_redis_asks_for_a_password") else { return };
    let with_password = |port: u16, folder: &std::path::Path| {
        let file = folder.join("redis.conf");
        std::fs::write(&file, "requirepass \"pass word\"\nuser medea on >s3cret ~* +@all\n").unwrap();
        let mut arguments = arguments(port, folder);
        arguments.insert(0, file.display().to_string());
        arguments
    };
    let server = Server::start(&program, with_password);
    testing::set_secret("good", "pass word");
    testing::set_secret("own", "s3cret");
    testing::set_secret("bad", "guess");
    for (more, class) in [
        (json!({"password": "stand-in-for-bad"}), Class::Denied),
        (json!({}), Class::Denied),
        (json!({"username": "medea", "password": "stand-in-for-bad"}), Class::Denied),
        // Signed in: only the streams are missing.
        (json!({"password": "stand-in-for-good"}), Class::Unavailable),
        (json!({"username": "medea", "password": "stand-in-for-own", "db": 3}), Class::Unavailable),
        (json!({"password": "stand-in-for-good", "db": 99}), Class::InvalidConfig),
    ] {
        let error = open(server.port(), more.clone()).unwrap_err();
        assert_eq!(error.class(), &class, "{more}: {error}");
        assert!(!error.message().contains("guess"), "{error}");
    }
}

#[test]
fn each_of_many_streams_of_a_real_redis_has_its_turn() {
    let Some(program) = need("redis-server", "each_of_many_streams_of_a_real_redis_has_its_turn") else { return };
    let server = Server::start(&program, arguments);
    let names: Vec<String> = (0..30).map(|at| format!("s{at}")).collect();
    names.iter().for_each(|name| add(server.port(), name, "1-1", b"before"));
    let mut streams = open(server.port(), json!({"streams": names})).unwrap();
    names.iter().for_each(|name| add(server.port(), name, "2-1", b"now"));
    let mut seen = std::collections::BTreeSet::new();
    for _ in 0..60 {
        let batch = streams.poll(4, Duration::ZERO).unwrap();
        assert!(batch.events.len() <= 4);
        seen.extend(batch.events.iter().map(|event| data(event)["stream"].as_str().unwrap().to_owned()));
        streams.ack(batch.delivery).unwrap();
    }
    assert_eq!(seen.len(), 30, "{seen:?}");
}

#[test]
fn what_redis_says_is_sorted_by_what_is_to_be_done() {
    for (said, class, code, field) in [
        ("WRONGPASS invalid", Class::Denied, "wrongpass", None),
        ("NOPERM no", Class::Denied, "noperm", None),
        ("LOADING Redis is loading", Class::Unavailable, "loading", None),
        ("READONLY a replica", Class::Unavailable, "readonly", None),
        ("NOGROUP No such key", Class::Unavailable, "nogroup", None),
        ("MOVED 1 b:2", Class::InvalidConfig, "moved", Some("hostAddress")),
        ("WRONGTYPE no stream", Class::InvalidConfig, "wrongtype", Some("streams")),
        ("ERR syntax", Class::Permanent, "err", None),
        ("", Class::Permanent, "refused", None),
        ("w\u{0}rd", Class::Permanent, "refused", None),
    ] {
        let error = good(Reply::Error(said.to_owned())).unwrap_err();
        assert_eq!((error.class(), error.code(), error.field()), (&class, code, field), "{said}");
    }
}

#[test]
fn what_is_no_redis_is_unavailable() {
    for said in ["HTTP/1.1 400 Bad Request\r\n", "$99999999999\r\n", "+OK\r\n"] {
        testing::connect(move |_| {
            Ok(Box::new(move |written| if written.is_empty() { vec![] } else { vec![Input::Bytes(said.into())] }))
        });
        let opened = open(1, json!({"streams": ["a"]}));
        let error = opened.and_then(|mut streams| streams.poll(1, Duration::ZERO)).unwrap_err();
        assert_eq!((error.class(), error.code()), (&Class::Unavailable, "bad-reply"), "{said}");
    }
    testing::connect(|_| Ok(Box::new(|_| vec![Input::Closed])));
    assert_eq!(open(1, json!({})).unwrap_err().class(), &Class::Unavailable);
}

#[test]
fn what_cannot_work_is_told_at_its_field() {
    for (more, field) in [
        (json!({"hostAddress": ""}), "hostAddress"),
        (json!({"hostAddress": "http://a"}), "hostAddress"),
        (json!({"streams": []}), "streams"),
        (json!({"streams": ["a", "a"]}), "streams"),
        (json!({"username": "a\"b", "password": "p"}), "username"),
        (json!({"username": "a"}), "password"),
    ] {
        let found = RedisStreams::check(&config(1, more.clone()));
        assert_eq!(
            found.iter().map(|f| (f.field.as_str(), f.severity)).collect::<Vec<_>>(),
            [(field, Severity::Error)],
            "{more}"
        );
        assert_eq!(open(1, more).unwrap_err().field(), Some(field));
    }
    let tls =
        json!({"hostAddress": "a", "streams": ["a"], "tls": {"caCertSecret": {"name": "a", "key": "b"}}}).to_string();
    assert_eq!(colchis_sdk::parse::<Config>(&tls).unwrap_err().field(), Some("tls.caCertSecret"));
    assert_eq!(config(1, json!({"hostAddress": "r.example", "tls": {}})).address().unwrap(), "tls://r.example:6379");
}
