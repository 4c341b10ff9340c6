use super::*;

#[test]
fn durations() {
    const S: i64 = 1_000;
    const H: i64 = 3_600 * S;
    for (text, argo, go) in [
        ("10", Some(10 * S), None),
        ("0", Some(0), Some(0)),
        ("1h2m3s", Some(H + 123 * S), Some(H + 123 * S)),
        ("500ms", Some(500), Some(500)),
        ("1.5h", Some(H + H / 2), Some(H + H / 2)),
        (".5s", Some(500), Some(500)),
        ("2d", Some(48 * H), None),
        ("2d1h", Some(49 * H), None),
        ("100us", Some(0), Some(0)),
        ("1999us", Some(1), Some(1)),
        ("-5s", Some(-5 * S), Some(-5 * S)),
        ("+5s", Some(5 * S), Some(5 * S)),
        (" 5s ", Some(5 * S), None),
        ("", None, None),
        ("s", None, None),
        ("5x", None, None),
        ("1h30", None, None),
        ("1.2.3s", None, None),
        ("9223372036854775807", None, None),
        ("99999999999999999999h", None, None),
        ("1e3s", None, None),
        ("é", None, None),
        ("-", None, None),
    ] {
        assert_eq!(parse_duration_ms(text).ok(), argo, "{text:?} as Argo");
        assert_eq!(parse_go_duration_ms(text).ok(), go, "{text:?} as Go");
    }
    assert_eq!(parse_go_duration_ms("5").unwrap_err().to_string(), "\"5\" lacks a unit: write 5s, 5m or 5h");
}

#[test]
fn quantities() {
    for (text, millis, units) in [
        ("500m", Some(500), Some(1)),
        ("2", Some(2_000), Some(2)),
        ("0.5", Some(500), Some(1)),
        ("1.5Gi", Some(1_610_612_736_000), Some(1_610_612_736)),
        ("1k", Some(1_000_000), Some(1_000)),
        ("1e3", Some(1_000_000), Some(1_000)),
        ("1E3", Some(1_000_000), Some(1_000)),
        ("1E", Some(i64::MAX), Some(1_000_000_000_000_000_000)),
        ("8Ei", Some(i64::MAX), Some(i64::MAX)),
        ("100n", Some(1), Some(1)),
        ("-1", Some(-1_000), Some(-1)),
        ("+1", Some(1_000), Some(1)),
        ("128Mi", Some(134_217_728_000), Some(134_217_728)),
        (".5", Some(500), Some(1)),
        ("1.", Some(1_000), Some(1)),
        ("", None, None),
        ("Gi", None, None),
        ("1Gx", None, None),
        ("1.2.3", None, None),
        ("1 Gi", None, None),
        ("1e", None, None),
    ] {
        let quantity = Quantity::from(text);
        assert_eq!(quantity.millis().ok(), millis, "{text:?} in thousandths");
        assert_eq!(quantity.units().ok(), units, "{text:?} in units");
    }
}

#[test]
fn times() {
    for (text, ms, written) in [
        ("1970-01-01T00:00:00Z", 0, "1970-01-01T00:00:00Z"),
        ("2026-01-31T12:00:00Z", 1_769_860_800_000, "2026-01-31T12:00:00Z"),
        ("2026-01-31T13:00:00.25+01:00", 1_769_860_800_250, "2026-01-31T12:00:00.250Z"),
    ] {
        let t: Timestamp = text.parse().unwrap();
        assert_eq!((t.as_millis(), t.to_string()), (ms, written.to_owned()), "{text}");
        let json = serde_json::to_string(&t).unwrap();
        assert_eq!(serde_json::from_str::<Timestamp>(&json).unwrap(), t);
    }
    assert_eq!(Timestamp(-1).whole_second(), Timestamp(-1_000));
    assert!(!Timestamp(i64::MAX).to_string().is_empty());
    assert!("yesterday".parse::<Timestamp>().is_err());
}

#[test]
fn text_of_any_kind() {
    for (json, text) in [
        (r#""a""#, "a"),
        ("1", "1"),
        ("-5", "-5"),
        ("1.50", "1.5"),
        ("1.0", "1"),
        ("1e30", "1e+30"),
        ("1e-7", "1e-07"),
        ("0.000001", "0.000001"),
        ("true", "true"),
        ("18446744073709551615", "18446744073709551615"),
    ] {
        assert_eq!(serde_json::from_str::<AnyString>(json).unwrap(), text, "{json}");
    }
    assert!(serde_json::from_str::<AnyString>("[1]").is_err());
    for (json, number, text) in
        [("3", Some(3), "3"), ("\"3\"", Some(3), "3"), ("\"{{x}}\"", None, "{{x}}"), ("3.0", Some(3), "3")]
    {
        let value: IntOrString = serde_json::from_str(json).unwrap();
        assert_eq!((value.as_i64(), &*value.to_text()), (number, text), "{json}");
    }
    assert!(serde_json::from_str::<IntOrString>("1.5").is_err());
}

proptest::proptest! {
    #![proptest_config(proptest::prelude::ProptestConfig { failure_persistence: None, ..Default::default() })]
    #[test]
    fn garbage_never_panics(text in "\\PC{0,30}") {
        let _ = (parse_duration_ms(&text), parse_go_duration_ms(&text), Quantity::from(text.as_str()).millis(), text.parse::<Timestamp>());
    }

    #[test]
    fn times_survive(ms in -62_000_000_000_000_i64..253_000_000_000_000) {
        proptest::prop_assert_eq!(Timestamp(ms).to_string().parse::<Timestamp>().unwrap(), Timestamp(ms));
    }
}
