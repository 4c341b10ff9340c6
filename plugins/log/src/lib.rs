//! The trigger `log`: writes what came in to the plugin's log.
//!
//! Invariants
//! - With `intervalSeconds`, at most one line in that time for each trigger, counted over all of its runs.
//!
//! Must not know: who reads the log.

use colchis_sdk::event_id::id_of;
use colchis_sdk::state::{self, CONFLICT, Expected};
use colchis_sdk::trigger::{Executed, Request, Trigger};
use colchis_sdk::{Capability, Result, about, call, info};
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::{Value, json};

/// How much of a payload is written (bytes).
const PAYLOAD_BYTES_MAX: usize = 16 * 1024;

/// Writes to the log.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default, deny_unknown_fields)]
pub struct Config {
    /// At most one line in so many seconds; each where it is 0. Needs the grant `state`.
    pub interval_seconds: u64,
}

/// The trigger.
#[derive(Debug)]
pub struct Log;

impl Trigger for Log {
    type Config = Config;

    fn execute(config: Config, request: &Request, payload: Value, key: &str) -> Result<Executed> {
        if !due(config.interval_seconds, request)? {
            return Ok(Executed::new(
                "not written: a line of this interval is there already",
                json!({"written": false}),
            ));
        }
        let text = payload.to_string();
        let shown = beginning(&text);
        let of = format!("{}/{}", request.namespace, request.sensor);
        info!("{}", shown; "sensor" => of, "trigger" => request.name, "key" => key, "bytes" => text.len());
        Ok(Executed::new("written", json!({"written": true})))
    }
}

/// Whether a line may be written now; if so, the time of it is kept. Of two at once, one writes.
fn due(interval_seconds: u64, request: &Request) -> Result<bool> {
    if interval_seconds == 0 {
        return Ok(true);
    }
    let names = [&request.namespace, &request.sensor, &request.name];
    let key = format!("last-{}", id_of(&names.map(|name| name.as_bytes())));
    let now = call::now_ms();
    let (last, expected) = match state::get_json::<u64>(&key)? {
        Some((last, version)) => (Some(last), Expected::Version(version)),
        None => (None, Expected::Absent),
    };
    if last.is_some_and(|last| now.saturating_sub(last) < interval_seconds.saturating_mul(1000)) {
        return Ok(false);
    }
    match state::set_json(&key, &now, expected) {
        Ok(_) => Ok(true),
        Err(error) if error.code() == CONFLICT => Ok(false),
        Err(error) => Err(error),
    }
}

/// The beginning of a text, whole letters only.
fn beginning(text: &str) -> &str {
    let end = (0..=text.len().min(PAYLOAD_BYTES_MAX)).rev().find(|end| text.is_char_boundary(*end));
    text.get(..end.unwrap_or_default()).unwrap_or_default()
}

colchis_sdk::export! {
    about: about!("log", "Writes what came in to the log")
        .may_use(Capability::State, "keeps when a line was written, where `intervalSeconds` is set"),
    trigger: Log,
}

#[cfg(test)]
mod tests {
    use colchis_sdk::testing;

    use super::*;

    fn run(seconds: u64, trigger: &str, payload: Value) -> Executed {
        let request = Request { namespace: "n".into(), sensor: "s".into(), name: trigger.into() };
        Log::execute(Config { interval_seconds: seconds }, &request, payload, "k").unwrap()
    }

    #[test]
    fn each_payload_is_a_line() {
        run(0, "t", json!({"a": 1}));
        run(0, "t", json!({"a": 2}));
        let lines: Vec<_> = testing::logged().into_iter().map(|(_, line)| line).collect();
        assert_eq!(lines[0], r#"{"a":1} sensor=n/s trigger=t key=k bytes=7"#);
        assert_eq!(lines.len(), 2);
    }

    #[test]
    fn an_interval_has_one_line_of_each_trigger() {
        for (now, trigger, written) in
            [(1_000, "t", true), (2_000, "t", false), (2_000, "u", true), (10_999, "t", false), (11_000, "t", true)]
        {
            testing::set_now_ms(now);
            assert_eq!(run(10, trigger, json!(1)).answer["written"], written, "{now} {trigger}");
        }
    }

    #[test]
    fn long_payloads_are_cut_at_a_letter() {
        run(0, "t", json!("ä".repeat(20_000)));
        let (_, line) = testing::logged().remove(0);
        assert!(line.len() < 17_000 && line.ends_with("bytes=40002"), "{}", line.len());
    }
}
