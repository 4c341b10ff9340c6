//! Times and durations as people read them.

use jiff::Timestamp;

use super::terminal::Terminal;

const SECOND_MS: i64 = 1_000;
const MINUTE_MS: i64 = 60 * SECOND_MS;
const HOUR_MS: i64 = 60 * MINUTE_MS;
const DAY_MS: i64 = 24 * HOUR_MS;
const YEAR_MS: i64 = 365 * DAY_MS;

/// An age as kubectl writes it: `45s`, `5m30s`, `3h`, `2d4h`, `1y20d`. What lies in the future is `0s`.
pub fn age(ms: i64) -> String {
    let ms = ms.max(0);
    let two = |large: i64, unit: &str, rest: i64, small: &str| {
        if rest == 0 { format!("{large}{unit}") } else { format!("{large}{unit}{rest}{small}") }
    };
    match ms {
        ms if ms < 2 * MINUTE_MS => format!("{}s", ms / SECOND_MS),
        ms if ms < 10 * MINUTE_MS => two(ms / MINUTE_MS, "m", ms % MINUTE_MS / SECOND_MS, "s"),
        ms if ms < 3 * HOUR_MS => format!("{}m", ms / MINUTE_MS),
        ms if ms < 8 * HOUR_MS => two(ms / HOUR_MS, "h", ms % HOUR_MS / MINUTE_MS, "m"),
        ms if ms < 2 * DAY_MS => format!("{}h", ms / HOUR_MS),
        ms if ms < 8 * DAY_MS => two(ms / DAY_MS, "d", ms % DAY_MS / HOUR_MS, "h"),
        ms if ms < 2 * YEAR_MS => format!("{}d", ms / DAY_MS),
        ms => two(ms / YEAR_MS, "y", ms % YEAR_MS / DAY_MS, "d"),
    }
}

/// How long something took: as [`age`], with milliseconds below one second and a tenth below ten, because local steps are short.
pub fn took(ms: i64) -> String {
    match ms.max(0) {
        ms if ms < SECOND_MS => format!("{ms}ms"),
        ms if ms < 10 * SECOND_MS => format!("{}.{}s", ms / SECOND_MS, ms % SECOND_MS / 100),
        ms => age(ms),
    }
}

/// To the millisecond, as people write durations: `1h40m`, `2d`, `1.5s` as `1s500ms`.
pub fn exact(ms: i64) -> String {
    let mut rest = ms.max(0);
    let mut text = String::new();
    for (size, unit) in [(DAY_MS, "d"), (HOUR_MS, "h"), (MINUTE_MS, "m"), (SECOND_MS, "s"), (1, "ms")] {
        let count = rest / size;
        rest %= size;
        if count > 0 {
            text.push_str(&format!("{count}{unit}"));
        }
    }
    if text.is_empty() { "0s".to_owned() } else { text }
}

/// In words, the two largest units: `2 minutes 5 seconds`.
pub fn words(ms: i64) -> String {
    let ms = ms.max(0);
    if ms < SECOND_MS {
        return if ms == 1 { "1 millisecond".to_owned() } else { format!("{ms} milliseconds") };
    }
    let units = [(YEAR_MS, "year"), (DAY_MS, "day"), (HOUR_MS, "hour"), (MINUTE_MS, "minute"), (SECOND_MS, "second")];
    let mut rest = ms;
    let mut parts = Vec::new();
    for (size, name) in units {
        let count = rest / size;
        rest %= size;
        if count > 0 {
            parts.push(format!("{count} {name}{}", if count == 1 { "" } else { "s" }));
        } else if !parts.is_empty() {
            break;
        }
        if parts.len() == 2 {
            break;
        }
    }
    parts.join(" ")
}

/// A moment and how long ago it was: `Thu Aug 06 12:00:00 +0000 (3 minutes ago)`.
pub fn moment(at_ms: i64, now_ms: i64, terminal: &Terminal) -> String {
    let Ok(at) = Timestamp::from_millisecond(at_ms) else { return "unknown".to_owned() };
    let written = at.to_zoned(terminal.zone.clone()).strftime("%a %b %d %H:%M:%S %z").to_string();
    let distance = now_ms.saturating_sub(at_ms);
    let relative = match distance {
        d if d.abs() < SECOND_MS => "now".to_owned(),
        d if d > 0 => format!("{} ago", largest_unit(d)),
        d => format!("in {}", largest_unit(-d)),
    };
    format!("{written} ({relative})")
}

fn largest_unit(ms: i64) -> String {
    let units = [(YEAR_MS, "year"), (DAY_MS, "day"), (HOUR_MS, "hour"), (MINUTE_MS, "minute"), (SECOND_MS, "second")];
    units
        .iter()
        .find(|(size, _)| ms >= *size)
        .map(|(size, name)| {
            let count = ms / size;
            format!("{count} {name}{}", if count == 1 { "" } else { "s" })
        })
        .unwrap_or_else(|| "less than a second".to_owned())
}

/// The clock time of a log line: `15:04:05`.
pub fn clock(at_ms: i64, terminal: &Terminal) -> String {
    match Timestamp::from_millisecond(at_ms) {
        Ok(at) => at.to_zoned(terminal.zone.clone()).strftime("%H:%M:%S").to_string(),
        Err(_) => "--:--:--".to_owned(),
    }
}

/// The machine's form: `2026-08-06T12:00:00Z`.
pub fn rfc3339(at_ms: i64) -> String {
    Timestamp::from_millisecond(at_ms).map(|at| at.to_string()).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn exact_durations_can_be_read_again() {
        for (ms, text) in
            [(0, "0s"), (7, "7ms"), (6_000_000, "1h40m"), (86_400_000, "1d"), (90_061_001, "1d1h1m1s1ms"), (-5, "0s")]
        {
            assert_eq!(exact(ms), text);
            assert_eq!(model::values::parse_duration_ms(text), Ok(ms.max(0)));
        }
    }

    #[test]
    fn ages_are_kubectls() {
        let table = [
            (-5, "0s"),
            (0, "0s"),
            (119_999, "119s"),
            (120_000, "2m"),
            (330_000, "5m30s"),
            (3 * HOUR_MS - 1, "179m"),
            (3 * HOUR_MS + 5 * MINUTE_MS, "3h5m"),
            (9 * HOUR_MS, "9h"),
            (2 * DAY_MS + 4 * HOUR_MS, "2d4h"),
            (9 * DAY_MS, "9d"),
            (2 * YEAR_MS + 20 * DAY_MS, "2y20d"),
        ];
        for (ms, text) in table {
            assert_eq!(age(ms), text, "{ms}");
        }
    }

    #[test]
    fn short_durations_keep_their_fraction() {
        assert_eq!(took(0), "0ms");
        assert_eq!(took(999), "999ms");
        assert_eq!(took(1_250), "1.2s");
        assert_eq!(took(12_900), "12s");
    }

    #[test]
    fn words_are_two_units() {
        assert_eq!(words(1), "1 millisecond");
        assert_eq!(words(125_000), "2 minutes 5 seconds");
        assert_eq!(words(HOUR_MS), "1 hour");
        assert_eq!(words(DAY_MS + 5 * SECOND_MS), "1 day");
    }

    #[test]
    fn moments_say_how_long_ago() {
        let terminal = Terminal::plain();
        let at = 1_785_931_200_000;
        assert_eq!(moment(at, at + 185_000, &terminal), "Wed Aug 05 12:00:00 +0000 (3 minutes ago)");
        assert_eq!(moment(at, at - 2_000, &terminal), "Wed Aug 05 12:00:00 +0000 (in 2 seconds)");
        assert_eq!(moment(at, at, &terminal), "Wed Aug 05 12:00:00 +0000 (now)");
        assert_eq!(rfc3339(at), "2026-08-05T12:00:00Z");
        assert_eq!(clock(at, &terminal), "12:00:00");
    }
}
