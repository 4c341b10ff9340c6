use colchis_sdk::{Class, Severity, testing};

use super::*;

fn ms(time: &str) -> u64 {
    time.parse::<Timestamp>().unwrap().as_millisecond().try_into().unwrap()
}

fn open(config: &Value, now: &str, cursor: Option<&str>) -> Result<Moments> {
    testing::set_now_ms(ms(now));
    Calendar::open(colchis_sdk::parse(&config.to_string())?, "example", cursor)
}

fn times(batch: &Batch) -> Vec<String> {
    let time =
        |event: &Event| Timestamp::from_millisecond(event.time_ms.unwrap().try_into().unwrap()).unwrap().to_string();
    batch.events.iter().map(time).collect()
}

fn poll_at(moments: &mut Moments, now: &str) -> Batch {
    testing::set_now_ms(ms(now));
    moments.poll(10, Duration::from_secs(1)).unwrap()
}

#[test]
fn moments_come_when_it_is_time() {
    let config = json!({"schedule": "*/10 * * * *", "userPayload": {"a": 1}, "metadata": {"team": "x"}});
    let mut moments = open(&config, "2026-01-01T00:05:00Z", None).unwrap();
    let before = poll_at(&mut moments, "2026-01-01T00:09:59.5Z");
    assert_eq!(before.events, []);
    assert_eq!(testing::slept(), Duration::from_millis(500));
    let batch = poll_at(&mut moments, "2026-01-01T00:10:00Z");
    assert_eq!(times(&batch), ["2026-01-01T00:10:00Z"]);
    let data: Value = serde_json::from_slice(&batch.events[0].data).unwrap();
    assert_eq!(data, json!({"eventTime": "2026-01-01T00:10:00Z", "userPayload": {"a": 1}, "metadata": {"team": "x"}}));
    // Never longer than asked.
    let slept = testing::slept();
    assert_eq!(poll_at(&mut moments, "2026-01-01T00:10:00Z").events, []);
    assert_eq!(testing::slept() - slept, Duration::from_secs(1));
}

#[test]
fn what_was_not_written_down_comes_again_with_the_same_id() {
    for config in [json!({"schedule": "* * * * *"}), json!({"interval": "20s"})] {
        let mut first = open(&config, "2026-01-01T00:00:00Z", None).unwrap();
        let kept = poll_at(&mut first, "2026-01-01T00:00:00Z").cursor;
        let lost = poll_at(&mut first, "2026-01-01T00:01:00Z");
        assert!(!lost.events.is_empty());
        let mut again = open(&config, "2026-01-01T00:01:05Z", Some(&kept)).unwrap();
        let batch = poll_at(&mut again, "2026-01-01T00:01:05Z");
        assert_eq!(batch.events, lost.events, "{config}");
        let mut next = open(&config, "2026-01-01T00:01:05Z", Some(&batch.cursor)).unwrap();
        assert_eq!(poll_at(&mut next, "2026-01-01T00:01:05Z").events, []);
    }
}

#[test]
fn an_outage_is_made_good_where_that_is_wanted() {
    let cursor = json!({"afterMs": ms("2026-01-01T00:00:00Z")}).to_string();
    let caught = |catchup: Value| {
        let config = json!({"schedule": "0 * * * *", "persistence": {"catchup": catchup}});
        let mut moments = open(&config, "2026-01-01T05:30:00Z", Some(&cursor)).unwrap();
        times(&poll_at(&mut moments, "2026-01-01T05:30:00Z")).len()
    };
    assert_eq!(caught(json!({"enabled": false})), 0);
    assert_eq!(caught(json!({"enabled": true})), 5);
    assert_eq!(caught(json!({"enabled": true, "maxDuration": "2h"})), 2);
    // An interval keeps its beat over the outage.
    let mut moments = open(&json!({"interval": "7m"}), "2026-01-01T05:30:00Z", Some(&cursor)).unwrap();
    let at = times(&poll_at(&mut moments, "2026-01-01T05:40:00Z"));
    assert_eq!(at, ["2026-01-01T05:36:00Z"]);
}

#[test]
fn a_batch_is_no_longer_than_asked_and_goes_on() {
    let cursor = json!({"afterMs": ms("2026-01-01T00:00:00Z")}).to_string();
    let config = json!({"interval": "1m", "persistence": {"catchup": {"enabled": true}}});
    let mut moments = open(&config, "2026-01-01T00:25:00Z", Some(&cursor)).unwrap();
    let counts: Vec<_> = (0..4).map(|_| moments.poll(10, Duration::ZERO).unwrap().events.len()).collect();
    assert_eq!(counts, [10, 10, 5, 0]);
}

#[test]
fn zones_and_excluded_dates_are_kept_to() {
    for (excluded, expected) in [
        (json!([]), vec!["2026-03-28T08:00:00Z", "2026-03-29T07:00:00Z", "2026-03-30T07:00:00Z"]),
        (json!(["EXDATE;TZID=Europe/Berlin:20260329T090000"]), vec!["2026-03-28T08:00:00Z", "2026-03-30T07:00:00Z"]),
        (json!(["EXDATE:20260329T070000Z,20260328T090000"]), vec!["2026-03-30T07:00:00Z"]),
        (json!(["20260330", "EXDATE;VALUE=DATE:20260328"]), vec!["2026-03-29T07:00:00Z"]),
    ] {
        let config = json!({"schedule": "0 9 * * *", "timezone": "Europe/Berlin", "exclusionDates": excluded});
        let mut moments = open(&config, "2026-03-28T00:00:00Z", None).unwrap();
        assert_eq!(times(&poll_at(&mut moments, "2026-03-30T23:00:00Z")), expected, "{excluded}");
    }
}

#[test]
fn clocks_that_change_lose_no_moment_and_repeat_no_fixed_one() {
    for (schedule, from, to, expected) in [
        // 02:30 does not exist: once, right after the gap.
        (
            "30 2 * * *",
            "2026-03-28T12:00:00Z",
            "2026-03-30T12:00:00Z",
            vec!["2026-03-29T01:00:00Z", "2026-03-30T00:30:00Z"],
        ),
        // 02:30 is there twice: once.
        ("30 2 * * *", "2026-10-24T12:00:00Z", "2026-10-25T12:00:00Z", vec!["2026-10-25T00:30:00Z"]),
        // An interval goes on through the repeated hour.
        (
            "*/30 2 * * *",
            "2026-10-24T12:00:00Z",
            "2026-10-25T12:00:00Z",
            vec!["2026-10-25T00:00:00Z", "2026-10-25T00:30:00Z", "2026-10-25T01:00:00Z", "2026-10-25T01:30:00Z"],
        ),
    ] {
        let config = json!({"schedule": schedule, "timezone": "Europe/Berlin"});
        let mut moments = open(&config, from, None).unwrap();
        assert_eq!(times(&poll_at(&mut moments, to)), expected, "{schedule} {from}");
    }
}

#[test]
fn after_draining_nothing_comes_and_the_next_one_goes_on() {
    let config = json!({"interval": "10s"});
    let mut moments = open(&config, "2026-01-01T00:00:00Z", None).unwrap();
    moments.drain().unwrap();
    let batch = poll_at(&mut moments, "2026-01-01T00:00:30Z");
    assert_eq!(batch.events, []);
    let mut next = open(&config, "2026-01-01T00:00:30Z", Some(&batch.cursor)).unwrap();
    assert_eq!(poll_at(&mut next, "2026-01-01T00:00:30Z").events.len(), 3);
}

#[test]
fn any_text_is_read_or_refused_without_a_panic() {
    let parts = [
        "*",
        "/",
        "-",
        ",",
        "0",
        "59",
        "L",
        "#",
        "W",
        "MON",
        " ",
        "@every ",
        "TZ=",
        "EXDATE",
        ";",
        ":",
        "TZID=",
        "20260101",
        "T",
        "Z",
        "ä",
        "9999999999",
    ];
    let mut seed = 0x2545_f491_4f6c_dd1du64;
    for _ in 0..3_000 {
        let mut noise = String::new();
        for _ in 0..9 {
            seed ^= seed << 13;
            seed ^= seed >> 7;
            seed ^= seed << 17;
            noise.push_str(parts[(seed % 22) as usize]);
        }
        for config in [
            json!({"schedule": noise}),
            json!({"interval": noise}),
            json!({"interval": "1s", "exclusionDates": [noise]}),
        ] {
            if let Ok(mut moments) = open(&config, "2026-01-01T00:00:00Z", None) {
                testing::set_now_ms(ms("2026-01-02T00:00:00Z"));
                let _ = moments.poll(3, Duration::ZERO);
            }
        }
    }
}

#[test]
fn what_is_no_calendar_is_told_at_its_field() {
    for (given, field) in [
        (json!({}), "schedule"),
        (json!({"schedule": "* * * * * *"}), "schedule"),
        (json!({"schedule": "61 * * * *"}), "schedule"),
        (json!({"schedule": "0 0 31 2 *"}), "schedule"),
        (json!({"schedule": "@fortnightly"}), "schedule"),
        (json!({"schedule": "* ".repeat(600)}), "schedule"),
        (json!({"schedule": "* * * * *", "interval": "1s"}), "interval"),
        (json!({"interval": "10"}), "interval"),
        (json!({"interval": "500ms"}), "interval"),
        (json!({"interval": "99999999999999999999h"}), "interval"),
        (json!({"interval": "1s", "exclusionDates": ["20261301"]}), "exclusionDates[0]"),
        (json!({"interval": "1s", "exclusionDates": ["20260101", "EXDATE"]}), "exclusionDates[1]"),
        (json!({"interval": "1s", "exclusionDates": ["EXDATE;TZID=Mars:20260101"]}), "exclusionDates[0]"),
        (
            json!({"interval": "1s", "persistence": {"catchup": {"enabled": true, "maxDuration": "x"}}}),
            "persistence.catchup.maxDuration",
        ),
    ] {
        let error = open(&given, "2026-01-01T00:00:00Z", Some(r#"{"afterMs": 0}"#)).unwrap_err();
        assert_eq!((error.class(), error.field()), (&Class::InvalidConfig, Some(field)), "{given}");
        let found = Calendar::check(&colchis_sdk::parse(&given.to_string()).unwrap());
        assert_eq!(found.first().map(|found| found.field.as_str()), Some(field), "{given}");
    }
    let zone = json!({"schedule": "* * * * *", "timezone": "Mars/Phobos"});
    assert_eq!(open(&zone, "2026-01-01T00:00:00Z", None).unwrap_err().field(), Some("timezone"));
    let map = colchis_sdk::parse(r#"{"interval": "1s", "persistence": {"configMap": {"name": "a"}}}"#).unwrap();
    assert_eq!(Calendar::check(&map)[0].severity, Severity::Warning);
    for cursor in ["x", "[]", r#"{"afterMs": "1"}"#, r#"{"other": 1}"#] {
        let error = open(&json!({"interval": "1s"}), "2026-01-01T00:00:00Z", Some(cursor)).unwrap_err();
        assert_eq!(error.code(), "bad-cursor");
    }
}
