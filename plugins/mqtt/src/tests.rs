use std::path::Path;

use colchis_sdk::endpoint::Input;
use colchis_sdk::testing::servers::{Server, need};
use colchis_sdk::{Class, Severity, testing};

use super::*;

fn arguments(port: u16, folder: &Path) -> Vec<String> {
    started(port, folder, "allow_anonymous true")
}

fn started(port: u16, folder: &Path, more: &str) -> Vec<String> {
    let file = folder.join("mosquitto.conf");
    let user = if folder.metadata().is_ok_and(|data| std::os::unix::fs::MetadataExt::uid(&data) == 0) {
        "user root"
    } else {
        ""
    };
    let place = folder.display();
    let lines = format!("listener {port} 127.0.0.1\n{user}\npersistence true\npersistence_location {place}/\n{more}\n");
    std::fs::write(&file, lines).unwrap();
    vec!["-c".to_owned(), file.display().to_string()]
}

fn config(port: u16, more: Value) -> Config {
    let mut config = json!({"url": format!("tcp://127.0.0.1:{port}"), "topic": "ships/+/at", "clientId": "colchis-1"});
    config.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    colchis_sdk::parse(&config.to_string()).unwrap()
}

fn open(port: u16, more: Value, cursor: Option<&str>) -> Result<Messages> {
    Mqtt::open(config(port, more), "example", cursor)
}

/// Another client, that publishes with quality 1 and waits until the broker has it.
fn publish(port: u16, topic: &str, payload: &[u8], retained: bool) {
    let mut client = Client::open(&config(port, json!({"clientId": "by-hand", "qos": 0}))).unwrap();
    let body = [packet::text(topic), vec![0, 7], payload.to_vec()].concat();
    client.write(&packet::framed(if retained { 0x33 } else { 0x32 }, &body)).unwrap();
    assert_eq!(client.answer().unwrap(), Packet::Taken(7));
}

/// Polls until so many events have come.
fn events(messages: &mut Messages, count: usize) -> (Vec<Event>, Vec<u64>, String) {
    let (mut events, mut deliveries, mut cursor) = (Vec::new(), Vec::new(), String::new());
    while events.len() < count {
        let batch = messages.poll(10, Duration::from_secs(5)).unwrap();
        assert!(!batch.events.is_empty(), "only {} of {count} events came", events.len());
        events.extend(batch.events);
        deliveries.push(batch.delivery);
        cursor = batch.cursor;
    }
    (events, deliveries, cursor)
}

fn ids(events: &[Event]) -> Vec<&str> {
    events.iter().map(|event| event.id.as_str()).collect()
}

fn data(event: &Event) -> Value {
    serde_json::from_slice(&event.data).unwrap()
}

#[test]
fn messages_of_a_real_broker_come_until_they_are_acknowledged() {
    let Some(program) = need("mosquitto", "messages_of_a_real_broker_come_until_they_are_acknowledged") else { return };
    let server = Server::start(&program, arguments);
    let port = server.port();
    let more = || json!({"jsonBody": true, "metadata": {"team": "x"}});
    let mut first = open(port, more(), None).unwrap();
    let begin = first.poll(10, Duration::from_millis(10)).unwrap();
    assert_eq!(begin.events, []);
    publish(port, "ships/argo/at", b"{\"n\":1}", false);
    publish(port, "ships/argo/at", b"{\"n\":1}", false);
    publish(port, "ships/argo/elsewhere", b"{}", false);
    let (came, ..) = events(&mut first, 2);
    let packet = data(&came[0])["messageId"].as_u64().unwrap();
    assert_eq!(
        data(&came[0]),
        json!({"topic": "ships/argo/at", "messageId": packet, "body": {"n": 1}, "metadata": {"team": "x"}})
    );
    assert_ne!(came[0].id, came[1].id, "the same content twice is two events");

    // Nothing was kept: all of it comes again at the old cursor, with the same ids.
    drop(first);
    let mut second = open(port, more(), Some(&begin.cursor)).unwrap();
    let (again, deliveries, cursor) = events(&mut second, 2);
    assert_eq!(ids(&again), ids(&came));
    // The cursor was kept, and nothing acknowledged: the same.
    drop(second);
    let mut third = open(port, more(), Some(&cursor)).unwrap();
    let (again, deliveries_again, _) = events(&mut third, 2);
    assert_eq!((ids(&again), deliveries.is_empty()), (ids(&came), false));

    // Drained, it takes nothing new, and acknowledges what it has; twice does no harm.
    third.drain().unwrap();
    publish(port, "ships/argo/at", b"2", false);
    let drained = third.poll(10, Duration::from_millis(10)).unwrap();
    assert_eq!(drained.events, []);
    for delivery in deliveries_again.iter().chain(&deliveries_again).chain(&[99]) {
        third.ack(*delivery).unwrap();
    }
    let cursor = third.poll(10, Duration::ZERO).unwrap().cursor;
    drop(third);
    let mut fourth = open(port, more(), Some(&cursor)).unwrap();
    let (new, ..) = events(&mut fourth, 1);
    assert_eq!(new.iter().map(|event| data(event)["body"].clone()).collect::<Vec<_>>(), [json!(2)]);
    assert!(!ids(&came).contains(&new[0].id.as_str()));
}

#[test]
fn what_comes_while_nobody_is_there_is_kept_by_a_real_broker() {
    let Some(program) = need("mosquitto", "what_comes_while_nobody_is_there_is_kept_by_a_real_broker") else { return };
    let mut server = Server::start(&program, arguments);
    let port = server.port();
    publish(port, "ships/argo/at", b"retained", true);
    let mut messages = open(port, json!({}), None).unwrap();
    let (retained, deliveries, _) = events(&mut messages, 1);
    assert_eq!((data(&retained[0])["body"].clone(), retained[0].time_ms), (json!("cmV0YWluZWQ="), None));
    deliveries.iter().for_each(|delivery| messages.ack(*delivery).unwrap());
    let cursor = messages.poll(1, Duration::from_millis(10)).unwrap().cursor;
    drop(messages);
    publish(port, "ships/argo/at", b"later", false);
    // Only what is new: the subscription is still there, so that nothing retained comes again.
    let mut messages = open(port, json!({}), Some(&cursor)).unwrap();
    let (later, _, cursor) = events(&mut messages, 1);
    assert_eq!(data(&later[0])["body"], "bGF0ZXI=");
    // Another topic takes the place of the one before.
    drop(messages);
    let mut other = open(port, json!({"topic": "ports/#"}), Some(&cursor)).unwrap();
    events(&mut other, 1);
    publish(port, "ships/argo/at", b"no more", false);
    publish(port, "ports/iolcos", b"yes", false);
    assert_eq!(data(&events(&mut other, 1).0[0])["topic"], "ports/iolcos");
    server.kill();
    let error = other.poll(1, Duration::from_secs(5)).unwrap_err();
    assert_eq!((error.class(), error.code()), (&Class::Unavailable, "disconnected"));
    assert_eq!(open(port, json!({}), None).unwrap_err().class(), &Class::Unavailable);
}

#[test]
fn a_real_broker_asks_for_a_password() {
    let Some(program) = need("mosquitto", "a_real_broker_asks_for_a_password") else { return };
    // `medea` and `s3cret`, as mosquitto keeps them.
    let line = "medea:$7$101$kiZC27Zo9R7yApIA$PcwL30vwMg+uvETtSUvN1EyxUWQdWkugxUzM54H7aFuhzqr+otQ1MWb30OW8MQ+KFYw/CtEOMGGmIrr4/I6EFg==\n";
    let server = Server::start(&program, |port, folder| {
        let file = folder.join("passwords");
        std::fs::write(&file, line).unwrap();
        started(port, folder, &format!("allow_anonymous false\npassword_file {}", file.display()))
    });
    let basic = |bytes: u16| {
        json!({"auth": {"basic": {
            "username": "medea", "usernameBytes": 5, "password": "stand-in-for-password", "passwordBytes": bytes,
        }}})
    };
    testing::set_secret("password", "s3cret");
    assert!(open(server.port(), basic(6), None).is_ok());
    for (value, bytes) in [("guess!", 6), ("s3cret", 5)] {
        testing::set_secret("password", value);
        let error = open(server.port(), basic(bytes), None).unwrap_err();
        assert!(matches!(error.class(), Class::Denied | Class::Unavailable), "{error}");
        assert!(!error.message().contains(value));
    }
    assert_eq!(open(server.port(), json!({}), None).unwrap_err().class(), &Class::Denied);
}

#[test]
fn a_real_broker_that_forgot_the_session_is_subscribed_to_anew() {
    let Some(program) = need("mosquitto", "a_real_broker_that_forgot_the_session_is_subscribed_to_anew") else {
        return;
    };
    let server = Server::start(&program, arguments);
    let port = server.port();
    let mut messages = open(port, json!({}), None).unwrap();
    publish(port, "ships/argo/at", b"1", false);
    let (first, _, cursor) = events(&mut messages, 1);
    // Killed, it has written nothing down.
    let server = server.start_again(&program, arguments);
    let mut messages = open(server.port(), json!({}), Some(&cursor)).unwrap();
    publish(server.port(), "ships/argo/at", b"1", false);
    let (second, ..) = events(&mut messages, 1);
    assert_ne!(first[0].id, second[0].id);
}

#[test]
fn no_more_messages_are_taken_than_may_wait() {
    let Some(program) = need("mosquitto", "no_more_messages_are_taken_than_may_wait") else { return };
    let server =
        Server::start(&program, |port, folder| started(port, folder, "allow_anonymous true\nmax_inflight_messages 0"));
    let port = server.port();
    let mut messages = open(port, json!({}), None).unwrap();
    let client = Client::open(&config(port, json!({"clientId": "by-hand", "qos": 0}))).unwrap();
    for at in 1..=600u16 {
        let body = [packet::text("ships/argo/at"), at.to_be_bytes().to_vec(), at.to_string().into_bytes()].concat();
        client.write(&packet::framed(0x32, &body)).unwrap();
    }
    let mut deliveries = Vec::new();
    let mut came = 0;
    while came < 500 {
        let batch = messages.poll(1000, Duration::from_secs(5)).unwrap();
        assert!(!batch.events.is_empty());
        came += batch.events.len();
        deliveries.push(batch.delivery);
    }
    assert_eq!(messages.poll(1000, Duration::from_millis(10)).unwrap().events, []);
    deliveries.iter().for_each(|delivery| messages.ack(*delivery).unwrap());
    assert_eq!(events(&mut messages, 100).0.len(), 100);
}

#[test]
fn quality_0_is_taken_without_acknowledgement() {
    let Some(program) = need("mosquitto", "quality_0_is_taken_without_acknowledgement") else { return };
    let server = Server::start(&program, arguments);
    let mut messages = open(server.port(), json!({"qos": 0}), None).unwrap();
    publish(server.port(), "ships/argo/at", b"1", false);
    let (came, deliveries, _) = events(&mut messages, 1);
    assert_eq!(data(&came[0])["messageId"], 0);
    deliveries.iter().for_each(|delivery| messages.ack(*delivery).unwrap());
}

#[test]
fn what_a_broker_refuses_and_what_is_no_broker() {
    let subscribed = [0x20, 2, 0, 0, 0x90, 3, 0, 1, 1];
    for (said, class, field) in [
        (&[0x20, 2, 0, 1][..], Class::Permanent, None),
        (&[0x20, 2, 0, 2], Class::InvalidConfig, Some("clientId")),
        (&[0x20, 2, 0, 3], Class::Unavailable, None),
        (&[0x20, 2, 0, 4], Class::Denied, Some("auth.basic")),
        (&[0x20, 2, 0, 5], Class::Denied, Some("auth")),
        (&[0x20, 2, 0, 9], Class::Permanent, None),
        (&[0x20, 2, 0, 0, 0x90, 3, 0, 1, 0x80], Class::Denied, Some("topic")),
        (&[0xd0, 0], Class::Unavailable, None),
        (b"HTTP/1.1 400 Bad Request\r\n", Class::Unavailable, None),
        (&[0x20, 2, 0], Class::Unavailable, None),
        (&[], Class::Unavailable, None),
        (&[&subscribed[..], &[0x40, 2, 0, 1]].concat(), Class::Unavailable, None),
        (&[&subscribed[..], &[0x30, 0xff, 0xff, 0xff, 0x7f]].concat(), Class::Unavailable, None),
    ] {
        let said = said.to_vec();
        testing::connect(move |_| {
            let said = said.clone();
            Ok(Box::new(move |written| match written.first() {
                Some(0x10) if !said.is_empty() => vec![Input::Bytes(said.clone())],
                _ => vec![],
            }))
        });
        let error = open(1, json!({}), None).and_then(|mut messages| messages.poll(1, Duration::ZERO)).unwrap_err();
        assert_eq!((error.class(), error.field()), (&class, field), "{error}");
    }
}

#[test]
fn a_quiet_broker_is_asked_whether_it_is_there() {
    use std::cell::RefCell;
    use std::rc::Rc;
    let pings = Rc::new(RefCell::new(0));
    let counted = pings.clone();
    testing::set_now_ms(1_000_000);
    testing::connect(move |_| {
        let counted = counted.clone();
        Ok(Box::new(move |written| match written {
            [0x10, ..] => vec![Input::Bytes(vec![0x20, 2, 0, 0])],
            [0x82, ..] => vec![Input::Bytes(vec![0x90, 3, 0, 1, 1])],
            [0xc0, 0] => {
                *counted.borrow_mut() += 1;
                if *counted.borrow() == 1 { vec![Input::Bytes(vec![0xd0, 0])] } else { vec![] }
            }
            _ => vec![],
        }))
    });
    let mut messages = open(1, json!({}), None).unwrap();
    let mut at = |now| {
        testing::set_now_ms(now);
        messages.poll(1, Duration::ZERO).map(|batch| batch.events.len()).map_err(|error| error.code().to_owned())
    };
    assert_eq!((at(1_030_000), *pings.borrow()), (Ok(0), 0));
    assert_eq!((at(1_050_000), *pings.borrow()), (Ok(0), 1));
    assert_eq!((at(1_060_000), *pings.borrow()), (Ok(0), 1));
    assert_eq!((at(1_100_000), *pings.borrow()), (Ok(0), 2));
    assert_eq!((at(1_120_000), *pings.borrow()), (Ok(0), 2));
    assert_eq!(at(1_150_000), Err("timeout".to_owned()));
}

#[test]
fn what_cannot_work_is_told_at_its_field() {
    for (more, field) in [
        (json!({"url": "http://a"}), "url"),
        (json!({"topic": ""}), "topic"),
        (json!({"topic": "a/#/b"}), "topic"),
        (json!({"topic": "a+/b"}), "topic"),
        (json!({"topic": "a".repeat(5000)}), "topic"),
        (json!({"topic": "a\u{0}b"}), "topic"),
        (json!({"clientId": ""}), "clientId"),
        (json!({"qos": 2}), "qos"),
    ] {
        let found = Mqtt::check(&config(1, more.clone()));
        assert_eq!(
            found.iter().map(|f| (f.field.as_str(), f.severity)).collect::<Vec<_>>(),
            [(field, Severity::Error)],
            "{more}"
        );
        assert_eq!(open(1, more, None).unwrap_err().field(), Some(field));
    }
    let found = Mqtt::check(&config(1, json!({"connectionBackoff": {"steps": 5}, "topic": "#"})));
    assert_eq!(
        found.iter().map(|f| (f.field.as_str(), f.severity)).collect::<Vec<_>>(),
        [("connectionBackoff", Severity::Warning)]
    );
    let given =
        json!({"url": "a", "topic": "t", "clientId": "c", "auth": {"basic": {"username": "u", "password": "p"}}})
            .to_string();
    assert_eq!(colchis_sdk::parse::<Config>(&given).unwrap_err().message(), "missing field `usernameBytes`");
    assert_eq!(config(1, json!({"url": "mqtts://b.example"})).address().unwrap(), "tls://b.example:8883");
    assert_eq!(config(1, json!({"url": "b.example", "tls": {}})).address().unwrap(), "tls://b.example:8883");
}
