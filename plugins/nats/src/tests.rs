use std::path::Path;
use std::time::Duration;

use colchis_sdk::endpoint::Input;
use colchis_sdk::event_subscriber::{Event, EventSubscriber, Subscription};
use colchis_sdk::testing::servers::{Server, need, until};
use colchis_sdk::trigger::{Executed, Request, Trigger};
use colchis_sdk::{Class, Result, testing};
use serde_json::{Value, json};

use super::*;
use crate::client::Client;

fn arguments(port: u16, folder: &Path) -> Vec<String> {
    ["-a", "127.0.0.1", "-p", &port.to_string(), "-js", "-sd", &folder.display().to_string()].map(String::from).to_vec()
}

fn config(port: u16, more: Value) -> SourceConfig {
    let mut config = json!({"url": format!("nats://127.0.0.1:{port}"), "subject": "orders.>", "jsonBody": true});
    config.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    colchis_sdk::parse(&config.to_string()).unwrap()
}

fn open(port: u16, more: Value, cursor: Option<&str>) -> Result<Messages> {
    Source::open(config(port, more), "example", cursor)
}

fn publish(port: u16, more: Value, payload: Value, key: &str) -> Result<Executed> {
    let mut config = json!({"url": format!("127.0.0.1:{port}"), "subject": "orders.new"});
    config.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    Publisher::execute(colchis_sdk::parse(&config.to_string()).unwrap(), &Request::default(), payload, key)
}

fn make_stream(port: u16) {
    let config = config(port, json!({}));
    let ready = || {
        let mut client = Client::open(config.place()).ok()?;
        let stream = json!({"name": "ORDERS", "subjects": ["orders.>"], "storage": "file"}).to_string();
        client.request("$JS.API.STREAM.CREATE.ORDERS", &[], stream.as_bytes()).ok()
    };
    let answer = until("JetStream is ready", Duration::from_secs(10), ready);
    assert!(jetstream::answer::<Value>(&answer, "").is_ok(), "{}", String::from_utf8_lossy(&answer.payload));
}

fn bodies(events: &[Event]) -> Vec<Value> {
    events.iter().map(|event| serde_json::from_slice::<Value>(&event.data).unwrap()["body"].clone()).collect()
}

#[test]
fn what_is_published_on_a_real_server_is_an_event() {
    let Some(program) = need("nats-server", "what_is_published_on_a_real_server_is_an_event") else { return };
    let mut server = Server::start(&program, arguments);
    let port = server.port();
    let mut messages = open(port, json!({"metadata": {"team": "x"}}), None).unwrap();
    assert_eq!(messages.poll(10, Duration::from_millis(10)).unwrap().events, []);
    let done = publish(port, json!({}), json!({"n": 1}), "key-1").unwrap();
    assert_eq!(done.message, "published to `orders.new`");
    publish(port, json!({"subject": "orders.old"}), json!({"n": 2}), "").unwrap();
    publish(port, json!({"subject": "other"}), json!({"n": 3}), "").unwrap();
    let mut events = Vec::new();
    while events.len() < 2 {
        let batch = messages.poll(10, Duration::from_secs(5)).unwrap();
        assert_eq!(batch.cursor, "");
        assert!(!batch.events.is_empty());
        events.extend(batch.events);
    }
    let data: Value = serde_json::from_slice(&events[0].data).unwrap();
    let expected = json!({"subject": "orders.new", "headers": {"Nats-Msg-Id": ["key-1"]}, "body": {"n": 1}, "metadata": {"team": "x"}});
    assert_eq!((data, events[0].kind.as_str()), (expected, "nats"));
    assert_eq!(bodies(&events), [json!({"n": 1}), json!({"n": 2})]);

    // The same key is the same event; without one, none is like another.
    publish(port, json!({}), json!({"n": 1}), "key-1").unwrap();
    let again = messages.poll(1, Duration::from_secs(5)).unwrap().events;
    assert_eq!(again[0].id, events[0].id);
    assert_ne!(events[0].id, events[1].id);

    messages.drain().unwrap();
    publish(port, json!({}), json!(1), "").unwrap();
    assert_eq!(messages.poll(1, Duration::from_millis(10)).unwrap().events, []);
    let mut other = open(port, json!({"queue": "crew"}), None).unwrap();
    server.kill();
    assert_eq!(other.poll(1, Duration::from_secs(5)).unwrap_err().class(), &Class::Unavailable);
    assert_eq!(open(port, json!({}), None).unwrap_err().class(), &Class::Unavailable);
    assert_eq!(publish(port, json!({}), json!(1), "").unwrap_err().class(), &Class::Unavailable);
}

#[test]
fn a_stream_of_a_real_server_goes_on_at_the_cursor() {
    let Some(program) = need("nats-server", "a_stream_of_a_real_server_goes_on_at_the_cursor") else { return };
    let server = Server::start(&program, arguments);
    let port = server.port();
    let stream = || json!({"jetStream": {"stream": "ORDERS"}});
    make_stream(port);
    let missing = open(port, json!({"jetStream": {"stream": "NONE"}}), None).unwrap_err();
    assert_eq!((missing.class(), missing.field()), (&Class::NotFound, Some("jetStream.stream")));
    let keep = |n: u64| publish(port, json!({"jetStream": true}), json!(n), &format!("key-{n}")).unwrap().answer;
    assert_eq!(keep(0), json!({"stream": "ORDERS", "sequence": 1, "duplicate": false}));
    assert_eq!(keep(0)["duplicate"], true);

    let mut first = open(port, stream(), None).unwrap();
    let empty = first.poll(10, Duration::from_millis(20)).unwrap();
    assert_eq!(empty.events, []);
    (1..=5).for_each(|n| drop(keep(n)));
    let some = first.poll(3, Duration::from_secs(5)).unwrap();
    assert_eq!(bodies(&some.events), [1, 2, 3].map(|n| json!(n)));
    let rest = first.poll(10, Duration::from_secs(5)).unwrap();
    assert_eq!(bodies(&rest.events), [4, 5].map(|n| json!(n)));
    first.ack(some.delivery).unwrap();

    // The first batch was durable, the second was not: it comes again, the same.
    first.drain().unwrap();
    assert_eq!(first.poll(10, Duration::ZERO).unwrap().events, []);
    drop(first);
    let again = open(port, stream(), Some(&some.cursor)).unwrap().poll(10, Duration::from_secs(5)).unwrap();
    assert_eq!((&again.events, &again.cursor), (&rest.events, &rest.cursor));
    let all = open(port, stream(), Some(&empty.cursor)).unwrap().poll(10, Duration::from_secs(5)).unwrap();
    assert_eq!(all.events, [some.events, rest.events].concat());
    for (deliver, expected) in [("all", vec![0, 1, 2, 3, 4, 5]), ("last", vec![5]), ("new", vec![])] {
        let config = json!({"jetStream": {"stream": "ORDERS", "deliver": deliver}});
        let found = open(port, config, None).unwrap().poll(10, Duration::ZERO).unwrap();
        assert_eq!(bodies(&found.events), expected.into_iter().map(|n| json!(n)).collect::<Vec<_>>(), "{deliver}");
    }

    // The stream outlives the server, and the cursor with it.
    let server = server.start_again(&program, arguments);
    let ready = || open(server.port(), stream(), Some(&some.cursor)).ok();
    let mut back = until("JetStream is back", Duration::from_secs(15), ready);
    assert_eq!(back.poll(10, Duration::from_secs(5)).unwrap().events, again.events);
    // One of the same name that was made anew is another.
    let mut client = Client::open(config(server.port(), json!({})).place()).unwrap();
    client.request("$JS.API.STREAM.DELETE.ORDERS", &[], b"").unwrap();
    let gone = back.poll(1, Duration::from_secs(2));
    assert!(gone.as_ref().is_err_and(|error| error.class() == &Class::Unavailable), "{gone:?}");
    make_stream(server.port());
    publish(server.port(), json!({"jetStream": true}), json!(1), "x").unwrap();
    let anew = open(server.port(), stream(), Some(&rest.cursor)).unwrap().poll(10, Duration::from_secs(5)).unwrap();
    assert_eq!(bodies(&anew.events), [json!(1)]);
    assert_ne!(anew.events[0].id, all.events[0].id);
}

#[test]
fn long_messages_come_in_batches_that_fit_into_memory() {
    let Some(program) = need("nats-server", "long_messages_come_in_batches_that_fit_into_memory") else { return };
    let server = Server::start(&program, |port, folder| {
        let file = folder.join("nats.conf");
        std::fs::write(&file, "max_payload: 8MB\n").unwrap();
        [arguments(port, folder), vec!["-c".to_owned(), file.display().to_string()]].concat()
    });
    let port = server.port();
    make_stream(port);
    let mut plain = open(port, json!({}), None).unwrap();
    let mut kept = open(port, json!({"jetStream": {"stream": "ORDERS"}}), None).unwrap();
    let sizes = [1_000_000, 1_000_000, 1_000_000, 1_000_000, 1_000_000, 5_000_000, 10, 10];
    for size in sizes {
        publish(port, json!({"jetStream": true}), json!("x".repeat(size)), "").unwrap();
    }
    for messages in [&mut plain, &mut kept] {
        let mut seen = Vec::new();
        while seen.len() < sizes.len() {
            let batch = messages.poll(1000, Duration::from_secs(5)).unwrap();
            assert!(!batch.events.is_empty());
            let lengths: Vec<_> = bodies(&batch.events).iter().map(|body| body.as_str().unwrap().len()).collect();
            assert!(lengths.iter().sum::<usize>() < 10_000_000, "{lengths:?}");
            seen.extend(lengths);
        }
        assert_eq!(seen, sizes);
    }
    let error = publish(port, json!({}), json!("x".repeat(9_000_000)), "").unwrap_err();
    assert_eq!(error.code(), "message-too-large");
}

#[test]
fn a_real_server_asks_who_it_is() {
    let Some(program) = need("nats-server", "a_real_server_asks_who_it_is") else { return };
    let with_file = |port: u16, folder: &Path| {
        let file = folder.join("nats.conf");
        let users = r#"authorization { users: [
            {user: "medea", password: "s3cret"},
            {user: "jason", password: "fleece", permissions: {publish: "none.>", subscribe: {deny: "orders.>"}}}
        ] }"#;
        std::fs::write(&file, users).unwrap();
        ["-a", "127.0.0.1", "-p", &port.to_string(), "-c", &file.display().to_string()].map(String::from).to_vec()
    };
    let server = Server::start(&program, with_file);
    let basic = |user: &str| json!({"auth": {"basic": {"username": user, "password": "stand-in-for-password"}}});
    testing::set_secret("password", "s3cret");
    let mut messages = open(server.port(), basic("medea"), None).unwrap();
    publish(server.port(), basic("medea"), json!(1), "").unwrap();
    assert_eq!(messages.poll(1, Duration::from_secs(5)).unwrap().events.len(), 1);
    let refused = open(server.port(), json!({}), None).unwrap_err();
    assert_eq!((refused.class(), refused.field()), (&Class::Denied, Some("auth")));
    testing::set_secret("password", "fleece");
    let refused = open(server.port(), basic("medea"), None).unwrap_err();
    assert_eq!((refused.class(), refused.field()), (&Class::Denied, Some("auth")));
    let refused = open(server.port(), basic("jason"), None).unwrap_err();
    assert_eq!((refused.class(), refused.field()), (&Class::Denied, Some("subject")), "{refused}");
    let refused = publish(server.port(), basic("jason"), json!(1), "").unwrap_err();
    assert_eq!(refused.class(), &Class::Denied);

    let token = Server::start(&program, |port, _| {
        ["-a", "127.0.0.1", "-p", &port.to_string(), "--auth", "t0ken"].map(String::from).to_vec()
    });
    testing::set_secret("token", "t0ken");
    assert!(open(token.port(), json!({"auth": {"token": "stand-in-for-token"}}), None).is_ok());
    testing::set_secret("token", "guess");
    let refused = open(token.port(), json!({"auth": {"token": "stand-in-for-token"}}), None).unwrap_err();
    assert_eq!(refused.class(), &Class::Denied);
}

#[test]
fn a_real_server_takes_a_signature() {
    let Some(program) = need("nats-server", "a_real_server_takes_a_signature") else { return };
    const PUBLIC: &str = "UDVEU3DD4KOFECV66VIHWEZOYX4ZKR3WV27L464SIIPOU2IUI3JCYSJF";
    let key = |body: &str| format!("-----BEGIN PRIVATE KEY-----\n{body}\n-----END PRIVATE KEY-----\n");
    let server = Server::start(&program, |port, folder| {
        let file = folder.join("nats.conf");
        std::fs::write(&file, format!("authorization {{ users: [{{nkey: {PUBLIC}}}] }}")).unwrap();
        ["-a", "127.0.0.1", "-p", &port.to_string(), "-c", &file.display().to_string()].map(String::from).to_vec()
    });
    let more = || json!({"auth": {"nkey": {"publicKey": PUBLIC, "key": "stand-in-for-key"}}});
    testing::set_secret("key", key("MC4CAQAwBQYDK2VwBCIEIAcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcH"));
    let mut messages = open(server.port(), more(), None).unwrap();
    publish(server.port(), more(), json!(1), "").unwrap();
    assert_eq!(messages.poll(1, Duration::from_secs(5)).unwrap().events.len(), 1);
    // Another key.
    testing::set_secret("key", key("MC4CAQAwBQYDK2VwBCIEIAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgI"));
    assert_eq!(open(server.port(), more(), None).unwrap_err().class(), &Class::Denied);
    testing::set_secret("key", "SUAB");
    assert_eq!(open(server.port(), more(), None).unwrap_err().field(), Some("auth.nkey.key"));
    // A server without any asks for no signature.
    let other = Server::start(&program, arguments);
    assert_eq!(open(other.port(), more(), None).unwrap_err().field(), Some("auth.nkey"));
}

#[test]
fn what_is_no_nats_is_unavailable_and_one_that_wants_tls_says_so() {
    for (said, class, field) in [
        ("HTTP/1.1 400 Bad Request\r\n", Class::Unavailable, None),
        ("PING\r\n", Class::Unavailable, None),
        ("INFO [\r\n", Class::Unavailable, None),
        ("INFO {\"tls_required\":true}\r\n", Class::InvalidConfig, Some("tls")),
        ("INFO {}\r\nMSG a 1 99999999999\r\n", Class::Unavailable, None),
        ("INFO {}\r\n-ERR 'Authorization Violation'\r\n", Class::Denied, Some("auth")),
    ] {
        testing::connect(move |_| {
            Ok(Box::new(move |w| if w.is_empty() { vec![Input::Bytes(said.into()), Input::Closed] } else { vec![] }))
        });
        let error = open(1, json!({}), None).unwrap_err();
        assert_eq!((error.class(), error.field()), (&class, field), "{said}: {error}");
    }
}

#[test]
fn who_asks_whether_anybody_is_there_is_answered() {
    use std::cell::RefCell;
    use std::rc::Rc;
    let written = Rc::new(RefCell::new(String::new()));
    let heard = written.clone();
    testing::connect(move |address| {
        assert_eq!(address, "tcp://127.0.0.1:1");
        let heard = heard.clone();
        Ok(Box::new(move |bytes| {
            heard.borrow_mut().push_str(&String::from_utf8_lossy(bytes));
            let say = |text: &str| vec![Input::Bytes(text.into())];
            match bytes {
                b"" => say("INFO {\"headers\":true}\r\n"),
                b"PING\r\n" => say("PONG\r\n"),
                bytes if bytes.starts_with(b"SUB") => say("PING\r\n"),
                b"PONG\r\n" => say("MSG orders.x 1 1\r\n7\r\nMSG orders.x 1 9\r\nnot"),
                _ => vec![],
            }
        }))
    });
    let mut messages = open(1, json!({}), None).unwrap();
    assert_eq!(bodies(&messages.poll(1, Duration::ZERO).unwrap().events), [json!(7)]);
    assert!(written.borrow().contains("PONG\r\n"), "{}", written.borrow());
    // Half a message, and then nothing.
    assert_eq!(messages.poll(1, Duration::ZERO).unwrap_err().code(), "timeout");
}

#[test]
fn what_cannot_work_is_told_at_its_field() {
    for (more, field) in [
        (json!({"url": "http://a"}), "url"),
        (json!({"url": "nats://user:pass@a:1"}), "url"),
        (json!({"subject": "a b"}), "subject"),
        (json!({"queue": "a b"}), "queue"),
        (json!({"jetStream": {"stream": "a.b"}}), "jetStream.stream"),
        (json!({"jetStream": {"stream": "A"}, "queue": "q"}), "queue"),
        (json!({"auth": {}}), "auth"),
        (json!({"auth": {"token": "t", "basic": {"username": "u", "password": "p"}}}), "auth"),
    ] {
        let found: Vec<_> = Source::check(&config(1, more.clone())).into_iter().map(|finding| finding.field).collect();
        assert_eq!(found, [field], "{more}");
        assert_eq!(open(1, more, None).unwrap_err().field(), Some(field));
    }
    assert_eq!(publish(1, json!({"subject": "a.>"}), json!(1), "").unwrap_err().field(), Some("subject"));
    let nkey = |public: &str| json!({"auth": {"nkey": {"publicKey": public, "key": "k"}}});
    for public in ["", "SUAB", &"U".repeat(55), &"U1".repeat(28)] {
        assert_eq!(open(1, nkey(public), None).unwrap_err().field(), Some("auth.nkey.publicKey"), "{public}");
    }
    for auth in [json!({"nkey": {"name": "a", "key": "b"}}), json!({"credential": {}})] {
        let given = json!({"url": "a", "subject": "s", "auth": auth}).to_string();
        assert!(colchis_sdk::parse::<SourceConfig>(&given).unwrap_err().field().unwrap().starts_with("auth."));
    }
}
