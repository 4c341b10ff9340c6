use colchis_sdk::http::Response;
use colchis_sdk::{Class, testing};

use super::*;

fn run(more: Value) -> Result<Executed> {
    let mut config = json!({"slackToken": "stand-in-for-slack", "channel": "#general", "message": "hello"});
    config.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    Slack::execute(colchis_sdk::parse(&config.to_string())?, &Request::default(), Value::Null, "k")
}

/// Takes each message, and answers with it as the channel's name.
fn mirror() {
    let mut count = 0;
    testing::serve(move |request| {
        count += 1;
        assert_eq!((request.method(), request.url()), ("POST", URL));
        assert_eq!(request.header_value("authorization"), Some("Bearer stand-in-for-slack"));
        let sent = String::from_utf8_lossy(request.body_bytes()).into_owned();
        Ok(Response::new(200, json!({"ok": true, "channel": sent, "ts": format!("{count}.0")}).to_string()))
    });
}

fn sent(done: &Executed) -> Value {
    serde_json::from_str(done.answer["channel"].as_str().unwrap()).unwrap()
}

#[test]
fn a_message_is_posted_with_all_that_belongs_to_it() {
    mirror();
    assert_eq!(sent(&run(json!({})).unwrap()), json!({"channel": "general", "text": "hello"}));
    let more = json!({
        "attachments": "[{\"text\": \"a\"}]", "blocks": "[]", "sender": {"username": "argo", "icon": "sailboat"},
    });
    assert_eq!(
        sent(&run(more).unwrap()),
        json!({
            "channel": "general", "text": "hello", "attachments": [{"text": "a"}], "blocks": [],
            "username": "argo", "icon_emoji": ":sailboat:",
        })
    );
    let picture = run(json!({"sender": {"icon": "https://a/b.png"}})).unwrap();
    assert_eq!(sent(&picture)["icon_url"], "https://a/b.png");
}

#[test]
fn messages_of_one_key_are_one_thread() {
    mirror();
    let thread = || json!({"thread": {"messageAggregationKey": "build-7", "broadcastMessageToChannel": true}});
    assert_eq!(sent(&run(thread()).unwrap())["thread_ts"], Value::Null);
    for _ in 0..2 {
        let answer = sent(&run(thread()).unwrap());
        assert_eq!((&answer["thread_ts"], &answer["reply_broadcast"]), (&json!("1.0"), &json!(true)));
    }
    let other = sent(&run(json!({"thread": {"messageAggregationKey": "build-8"}})).unwrap());
    assert_eq!(other["thread_ts"], Value::Null);
}

#[test]
fn old_threads_are_forgotten_before_the_state_is_full() {
    mirror();
    let post = |at: usize| {
        sent(&run(json!({"thread": {"messageAggregationKey": format!("key-{at}")}})).unwrap())["thread_ts"].clone()
    };
    assert!((0..=500).all(|at| post(at) == Value::Null));
    // The first 250 are forgotten, the others are not.
    assert_eq!((post(500), post(250), post(249)), (json!("501.0"), json!("251.0"), Value::Null));
}

#[test]
fn words_of_slack_say_what_to_do() {
    for (word, class, field) in [
        ("channel_not_found", Class::NotFound, Some("channel")),
        ("not_in_channel", Class::Denied, Some("channel")),
        ("invalid_auth", Class::Denied, Some("slackToken")),
        ("missing_scope", Class::Denied, Some("slackToken")),
        ("ratelimited", Class::Throttled(None), None),
        ("internal_error", Class::Unavailable, None),
        ("invalid_blocks", Class::Permanent, Some("blocks")),
        ("something_new", Class::Permanent, None),
    ] {
        testing::serve(move |_| Ok(Response::new(200, json!({"ok": false, "error": word}).to_string())));
        let error = run(json!({})).unwrap_err();
        assert_eq!((error.class(), error.field(), error.code()), (&class, field, word.replace('_', "-").as_str()));
    }
    testing::serve(|_| Ok(Response::new(429, "").with_header("retry-after", "30")));
    assert!(matches!(run(json!({})).unwrap_err().class(), Class::Throttled(Some(_))));
    testing::serve(|_| Ok(Response::new(200, "<html>")));
    assert_eq!(run(json!({})).unwrap_err().code(), "bad-answer");
}

#[test]
fn what_cannot_be_sent_is_told_before() {
    for (more, field) in [
        (json!({"channel": "#"}), "channel"),
        (json!({"message": ""}), "message"),
        (json!({"attachments": "{}"}), "attachments"),
        (json!({"blocks": "["}), "blocks"),
    ] {
        let mut config = json!({"slackToken": "s", "channel": "c", "message": "m"});
        config.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        let config: Config = colchis_sdk::parse(&config.to_string()).unwrap();
        let fields: Vec<_> = Slack::check(&config).into_iter().map(|finding| finding.field).collect();
        assert_eq!(fields, [field]);
    }
    let error = run(json!({"blocks": "["})).unwrap_err();
    assert_eq!((error.class(), error.field()), (&Class::InvalidConfig, Some("blocks")));
}
