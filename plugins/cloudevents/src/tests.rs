use colchis_sdk::testing;
use serde_json::json;

use super::*;
use crate::attributes::Event;

fn send(headers: &[(&str, &str)], body: &str) -> Outcome {
    let headers = headers.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
    let request = Incoming { method: "POST".into(), headers, body: body.into(), ..Incoming::default() };
    let config = json!({"webhook": {"endpoint": "/events"}, "allowedOrigins": ["grid.example.com"]});
    Source::on_request(colchis_sdk::parse(&config.to_string()).unwrap(), "example", &request).unwrap()
}

const BINARY: [(&str, &str); 4] =
    [("ce-specversion", "1.0"), ("ce-id", "a-1"), ("ce-source", "/ships/argo"), ("ce-type", "com.example.sailed")];
const STRUCTURED: (&str, &str) = ("Content-Type", "application/cloudevents+json; charset=utf-8");
const BATCH: (&str, &str) = ("Content-Type", "application/cloudevents-batch+json");

#[test]
fn the_three_modes_mean_the_same_event() {
    let mut headers = BINARY.to_vec();
    headers.extend([
        ("CE-Time", "2024-05-01T10:00:00.5+02:00"),
        ("ce-subject", "bow%20%22x%22%C3%A4"),
        ("ce-traceparent", "00-1"),
        ("content-type", "application/json"),
    ]);
    let binary = send(&headers, r#"{"n":1}"#);
    let document = json!({
        "specversion": "1.0", "id": "a-1", "source": "/ships/argo", "type": "com.example.sailed",
        "time": "2024-05-01T08:00:00.5Z", "subject": "bow \"x\"ä", "traceparent": "00-1",
        "datacontenttype": "application/json", "data": {"n": 1},
    });
    let structured = send(&[STRUCTURED], &document.to_string());
    let batch = send(&[BATCH], &json!([document, document]).to_string());
    let expected = Event {
        id: "a-1@/ships/argo".into(),
        kind: "com.example.sailed".into(),
        time_ms: Some(1_714_550_400_500),
        content_type: "application/json".into(),
        data: br#"{"n":1}"#.to_vec(),
        attributes: [
            ("originid", "a-1"),
            ("originsource", "/ships/argo"),
            ("originsubject", "bow \"x\"ä"),
            ("traceparent", "00-1"),
        ]
        .map(|(name, value)| (name.to_owned(), value.to_owned()))
        .to_vec(),
    };
    assert_eq!((binary.status, binary.events), (202, vec![expected.clone()]));
    assert_eq!((structured.status, structured.events), (202, vec![expected.clone()]));
    assert_eq!((batch.status, batch.events), (202, vec![expected.clone(), expected]));
    assert_eq!(send(&[BATCH], "[]").events, []);
}

#[test]
fn data_is_what_it_is() {
    let base = json!({"specversion": "1.0", "id": "1", "source": "s", "type": "t"});
    for (more, expected) in [
        (json!({}), &b"null"[..]),
        (json!({"data": null}), b"null"),
        (json!({"data": "text"}), b"\"text\""),
        (json!({"data": "<a/>", "datacontenttype": "application/xml"}), b"<a/>"),
        (json!({"data": [1, 2], "datacontenttype": "application/vnd.x+json"}), b"[1,2]"),
        (json!({"data_base64": "/wA="}), &[0xff, 0]),
    ] {
        let mut document = base.clone();
        document.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        assert_eq!(send(&[STRUCTURED], &document.to_string()).events[0].data, expected, "{more}");
    }
}

#[test]
fn what_is_no_cloudevent_is_refused_whole() {
    for missing in 0..BINARY.len() {
        let mut headers = BINARY.to_vec();
        headers.remove(missing);
        let outcome = send(&headers, "{}");
        assert_eq!((outcome.status, outcome.events.len()), (400, 0), "{headers:?}");
    }
    let good = json!({"specversion": "1.0", "id": "1", "source": "s", "type": "t"});
    let with = |name: &str, value: Value| {
        let mut document = good.clone();
        document[name] = value;
        document.to_string()
    };
    for (header, body) in [
        (STRUCTURED, "{".to_owned()),
        (STRUCTURED, "[]".to_owned()),
        (STRUCTURED, "null".to_owned()),
        (STRUCTURED, with("specversion", json!("0.3"))),
        (STRUCTURED, with("id", json!(""))),
        (STRUCTURED, with("time", json!("yesterday"))),
        (STRUCTURED, with("Upper", json!("x"))),
        (STRUCTURED, with("nested", json!({}))),
        (STRUCTURED, with("data_base64", json!("?"))),
        (STRUCTURED, with("data_base64", json!(1))),
        (STRUCTURED, with("id", json!("a\nb"))),
        (STRUCTURED, with("long", json!("x".repeat(5000)))),
        (BATCH, json!([good, {}]).to_string()),
        (BATCH, good.to_string()),
        (BATCH, json!(vec![good.clone(); 1001]).to_string()),
    ] {
        let outcome = send(&[header], &body);
        assert_eq!((outcome.status, outcome.events.len()), (400, 0), "{}", &body[..body.len().min(80)]);
    }
    assert_eq!(send(&[("content-type", "application/cloudevents+avro")], "").status, 415);
    let mut twice = BINARY.to_vec();
    twice.push(("CE-ID", "b"));
    assert_eq!(send(&twice, "").status, 400);
    for broken in ["%", "%4", "%zz", "%ff"] {
        let mut headers = BINARY.to_vec();
        headers.push(("ce-subject", broken));
        assert_eq!(send(&headers, "").status, 400, "{broken}");
    }
}

#[test]
fn any_bytes_are_taken_or_refused_without_a_panic() {
    let parts = [
        "{",
        "}",
        "[",
        "]",
        "\"id\"",
        ":",
        ",",
        "\"specversion\"",
        "\"1.0\"",
        "\"source\"",
        "\"type\"",
        "\"time\"",
        "\"2024-05-01T10:00:00Z\"",
        "\"data\"",
        "\"data_base64\"",
        "null",
        "1e999",
        "\"ä%\"",
        "%",
        "%4",
    ];
    let mut seed = 0x2545_f491_4f6c_dd1du64;
    let mut next = || {
        seed ^= seed << 13;
        seed ^= seed >> 7;
        seed ^= seed << 17;
        parts[(seed % 20) as usize]
    };
    for _ in 0..5_000 {
        let noise: String = (0..12).map(|_| next()).collect();
        for header in [STRUCTURED, BATCH] {
            let outcome = send(&[header], &noise);
            assert!(matches!(outcome.status, 202 | 400), "{noise}");
            assert!(outcome.status == 202 || outcome.events.is_empty(), "{noise}");
        }
        let mut headers = BINARY.to_vec();
        headers.push(("ce-subject", &noise));
        send(&headers, &noise);
    }
}

#[test]
fn the_same_id_of_another_source_is_another_event() {
    let id = |source: &str, id: &str| {
        send(&[STRUCTURED], &json!({"specversion": "1.0", "id": id, "source": source, "type": "t"}).to_string()).events
            [0]
        .id
        .clone()
    };
    assert_eq!(id("a", "1"), id("a", "1"));
    assert_ne!(id("a", "1"), id("b", "1"));
    let long = "x".repeat(300);
    assert_eq!(id("a", &long).len(), 32);
    assert_ne!(id("a", &long), id("b", &long));
}

#[test]
fn who_asks_whether_it_may_send_is_answered() {
    let ask = |origin: &str| {
        let headers = vec![
            ("WebHook-Request-Origin".to_owned(), origin.to_owned()),
            ("WebHook-Request-Rate".to_owned(), "120".to_owned()),
        ];
        let request = Incoming { method: "OPTIONS".into(), headers, ..Incoming::default() };
        let config = r#"{"webhook": {"endpoint": "/events"}, "allowedOrigins": ["grid.example.com"]}"#;
        Source::on_request(colchis_sdk::parse(config).unwrap(), "example", &request).unwrap()
    };
    let answer = ask("grid.example.com");
    assert_eq!(answer.status, 200);
    assert!(answer.headers.contains(&("WebHook-Allowed-Origin".into(), "grid.example.com".into())));
    assert!(answer.headers.contains(&("WebHook-Allowed-Rate".into(), "120".into())));
    assert_eq!(ask("other.example.com").status, 403);
}

#[test]
fn a_token_is_asked_for_where_one_is_set() {
    testing::set_secret("t", "s3cret");
    let config = r#"{"webhook": {"endpoint": "/events", "authSecret": "stand-in-for-t"}}"#;
    let mut headers: Vec<_> = BINARY.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
    for (token, status, events) in [("Bearer x", 401, 0), ("Bearer s3cret", 202, 1)] {
        headers.push(("authorization".into(), token.into()));
        let request = Incoming { method: "POST".into(), headers: headers.clone(), ..Incoming::default() };
        let outcome = Source::on_request(colchis_sdk::parse(config).unwrap(), "example", &request).unwrap();
        assert_eq!((outcome.status, outcome.events.len()), (status, events));
        headers.pop();
    }
}
