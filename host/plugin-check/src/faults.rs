//! What a component does: with answers, without grants, with servers that fail, when time is over, again and again.

use std::sync::Arc;
use std::time::{Duration, Instant};

use plugin::{Capability, ErrorClass, Facts, PluginError, Wire};
use serde_json::Value;

use crate::drive::Given;
use crate::report::Verdict;
use crate::run::{CALL_MAX, Found, Run, failed, passed, skipped};
use crate::wires::{Always, Through};
use crate::workbench::Grant;

/// How long a call may take whose server does not answer.
const DEADLINE: Duration = Duration::from_secs(1);
/// How long after its end it may go on until it is ended.
const GRACE: Duration = Duration::from_secs(2);
/// Calls whose memory is what later ones are compared with.
const FIRST_CALLS: u32 = 50;
/// What Retry-After says.
const RETRY_AFTER: Duration = Duration::from_secs(7);

impl Run<'_> {
    /// All that is asked by calling it.
    pub(crate) async fn calls(&mut self, facts: &Facts, given: &Given) {
        let needs: Vec<&Capability> = facts.info.needs.iter().map(|need| &need.what).collect();
        let all = everything(&needs);
        let asks = needs.iter().any(|need| matches!(need, Capability::Http(_)));
        let (answered, peak) = self.answers(given, &all, asks).await;
        if !self.broke.is_empty() {
            // What broke off once would break off in each of them, and take its time.
            for id in ["redelivery", "not-granted", "unreachable", "throttled", "server-error", "credentials", "growth"]
            {
                self.set(id, skipped("the call breaks off"));
            }
            self.deadline(given, &all, asks).await;
            self.cancel(given, &all).await;
            self.memory(peak);
            return self.ends();
        }
        let taped = self.options.tape.is_some() || !asks;
        self.redelivery(given, &all, answered.as_ref(), taped).await;
        self.not_granted(given, &needs, asks).await;
        let is = |class: fn(&PluginError) -> bool| class;
        let unavailable = is(|error| error.class == ErrorClass::Unavailable);
        self.fault("unreachable", given, &all, asks, &[Always::Refused], unavailable).await;
        let later = [Always::Status(429, Some(("retry-after", "7")))];
        let throttled = is(|error| error.class == ErrorClass::Throttled { retry_after: Some(RETRY_AFTER) });
        self.fault("throttled", given, &all, asks, &later, throttled).await;
        let broken = [Always::Status(500, None), Always::Status(503, None)];
        self.fault("server-error", given, &all, asks, &broken, unavailable).await;
        let refused = [Always::Status(401, None), Always::Status(403, None)];
        self.fault("credentials", given, &all, asks, &refused, is(|error| error.class == ErrorClass::Denied)).await;
        self.deadline(given, &all, asks).await;
        self.cancel(given, &all).await;
        self.memory(peak);
        self.growth(given, &all, answered.is_some(), taped).await;
        self.ends();
    }

    /// One call in a plugin of its own.
    async fn once(
        &mut self,
        name: &str,
        grants: &[Grant],
        wire: Arc<dyn Wire>,
        given: &Given,
        timeout: Duration,
    ) -> Result<Value, PluginError> {
        self.bench.switch().set(wire);
        let loaded = self.bench.load(name, grants).await;
        loaded.map_err(|refused| PluginError::new(ErrorClass::Permanent, "not-loaded", refused.message))?;
        // Describing itself is not what is measured.
        self.bench.memory_peak(name);
        given.call(self.bench.desk(), name, &self.context(timeout)).await
    }

    /// The call as it is: by the tape, or by what was granted.
    async fn answers(&mut self, given: &Given, all: &[Grant], asks: bool) -> (Option<Value>, Option<u64>) {
        let own = &self.options.grants;
        let may_ask = own.iter().any(|grant| matches!(grant, Grant::Http(_)));
        if asks && self.options.tape.is_none() && !may_ask {
            let why = "give --replay FILE, --record FILE, or --grant http=HOST for it to ask a server";
            self.set("answers", skipped(why));
            return (None, None);
        }
        let wire: Arc<dyn Wire> = match &self.options.tape {
            Some(tape) => tape.clone(),
            None => Arc::new(Through),
        };
        let grants = if own.is_empty() { all.to_vec() } else { own.clone() };
        let answer = self.once("check-answers", &grants, wire, given, CALL_MAX).await;
        let peak = self.bench.memory_peak("check-answers");
        self.bench.unload("check-answers");
        if let Some(tape) = self.options.tape.as_ref().filter(|_| self.options.records) {
            tape.rewind();
        }
        match answer {
            Ok(value) => {
                self.set("answers", passed(clipped(&value)));
                (Some(value), Some(peak))
            }
            Err(error) => {
                let why = self.told(&error);
                self.set("answers", failed(why));
                (None, Some(peak))
            }
        }
    }

    /// The wire of calls that are made again.
    fn again(&self) -> Arc<dyn Wire> {
        match &self.options.tape {
            Some(tape) => tape.clone(),
            None => Arc::new(Through),
        }
    }

    async fn redelivery(&mut self, given: &Given, all: &[Grant], first: Option<&Value>, taped: bool) {
        let found = match first {
            None => skipped("the call gives no answer"),
            Some(_) if !taped => skipped("what a server answers changes; give --replay FILE"),
            Some(_) => {
                let wire = self.again();
                // Twice in the same plugin: what the first left is there.
                let one = self.once("check-twice", all, wire, given, CALL_MAX).await;
                let two = given.call(self.bench.desk(), "check-twice", &self.context(CALL_MAX)).await;
                self.bench.unload("check-twice");
                match (one, two) {
                    (Ok(one), Ok(two)) if one == two => passed(""),
                    (Ok(one), Ok(two)) => failed(format!("first {}, then {}", clipped(&one), clipped(&two))),
                    (Err(error), _) | (_, Err(error)) => {
                        failed(format!("the call made again gives {}", self.told(&error)))
                    }
                }
            }
        };
        self.set("redelivery", found);
    }

    async fn not_granted(&mut self, given: &Given, needs: &[&Capability], asks: bool) {
        let without: Vec<Grant> = everything(needs).into_iter().filter(|g| !matches!(g, Grant::Http(_))).collect();
        let answer = self.once("check-bare", &without, Arc::new(Always::Refused), given, CALL_MAX).await;
        self.bench.unload("check-bare");
        let found = match answer {
            _ if !asks => skipped("it needs no host"),
            Err(error) if error.class == ErrorClass::Denied => passed(error.hints.first().cloned().unwrap_or_default()),
            Err(error) => failed(self.told(&error)),
            Ok(_) => skipped("with this configuration it asks no server"),
        };
        self.set("not-granted", found);
    }

    /// With servers that all fail in the same way.
    async fn fault(
        &mut self,
        id: &'static str,
        given: &Given,
        grants: &[Grant],
        asks: bool,
        wires: &[Always],
        right: fn(&PluginError) -> bool,
    ) {
        let mut found = skipped("it needs no host");
        for wire in wires.iter().filter(|_| asks) {
            let shown = wire.to_string();
            let answer = self.once("check-fault", grants, Arc::new(wire.clone()), given, CALL_MAX).await;
            self.bench.unload("check-fault");
            found = match answer {
                _ if self.bench.switch().asked() == 0 => skipped("with this configuration it asks no server"),
                Err(error) if right(&error) => passed(error.to_string()),
                Err(error) => failed(format!("{shown} gives {}", self.told(&error))),
                Ok(value) => failed(format!("{shown} gives an answer: {}", clipped(&value))),
            };
            if found.0 != Verdict::Passed {
                break;
            }
        }
        self.set(id, found);
    }

    async fn deadline(&mut self, given: &Given, grants: &[Grant], asks: bool) {
        let answer = self.once("check-deadline", grants, Arc::new(Always::Silent), given, DEADLINE).await;
        self.bench.unload("check-deadline");
        let asked = self.bench.switch().asked() > 0;
        let found = match answer {
            Err(error) if error.code == "timed-out" || error.code == "limit" => {
                failed(format!("the host had to end it: {}", self.told(&error)))
            }
            Err(error) if asked && error.class.is_transient() => passed(error.to_string()),
            Err(error) if asked => failed(format!("a server that does not answer gives {}", self.told(&error))),
            Ok(value) if asked => failed(format!("a server that does not answer gives an answer: {}", clipped(&value))),
            Err(error) => failed(self.told(&error)),
            Ok(_) if asks => skipped("with this configuration it asks no server"),
            Ok(_) => passed(format!("it ends within {} ms", DEADLINE.as_millis())),
        };
        self.set("deadline", found);
    }

    /// Cancelled at its first request, or at once when it sends none.
    async fn cancel(&mut self, given: &Given, grants: &[Grant]) {
        self.bench.switch().set(Arc::new(Always::Silent));
        if let Err(refused) = self.bench.load("check-cancel", grants).await {
            return self.set("cancel", failed(refused.message));
        }
        // Requests of checks before are no news.
        let _ = tokio::time::timeout(Duration::ZERO, self.bench.switch().next()).await;
        let context = self.context(CALL_MAX);
        let cancel = context.cancel.clone();
        let begun = Instant::now();
        let call = given.call(self.bench.desk(), "check-cancel", &context);
        tokio::pin!(call);
        let answer = tokio::select! {
            answer = &mut call => answer,
            () = async {
                // It has a moment to get to its request.
                let _ = tokio::time::timeout(DEADLINE, self.bench.switch().next()).await;
            } => {
                cancel.cancel();
                match tokio::time::timeout(GRACE, &mut call).await {
                    Ok(answer) => answer,
                    Err(_) => return self.set("cancel", failed("it goes on though nobody waits for it")),
                }
            }
        };
        let took = begun.elapsed().as_millis();
        self.bench.unload("check-cancel");
        let found = match answer {
            Err(error) if matches!(error.code.as_str(), "cancelled" | "limit" | "timed-out") => {
                failed(format!("the host had to end it: {error}"))
            }
            Err(error) if error.code == "trapped" => failed(self.told(&error)),
            Ok(_) | Err(_) => passed(format!("it ended after {took} ms")),
        };
        self.set("cancel", found);
    }

    fn memory(&mut self, peak: Option<u64>) {
        let max = self.options.memory_bytes_max;
        let over = self.broke.iter().find(|text| text.contains("of memory")).cloned();
        let found = match (over, peak) {
            (Some(text), _) => failed(text),
            (None, None) => skipped("no call was answered"),
            (None, Some(peak)) => passed(format!("{} of {}", bytes(peak), bytes(max as u64))),
        };
        self.set("memory", found);
    }

    async fn growth(&mut self, given: &Given, grants: &[Grant], answered: bool, taped: bool) {
        let found = match (answered, taped) {
            (false, _) => skipped("the call gives no answer"),
            (true, false) => skipped("a server would be asked again and again; give --replay FILE"),
            (true, true) => self.many(given, grants).await,
        };
        self.set("growth", found);
    }

    async fn many(&mut self, given: &Given, grants: &[Grant]) -> Found {
        let name = "check-growth";
        let wire = self.again();
        if let Err(error) = self.once(name, grants, wire, given, CALL_MAX).await {
            return failed(self.told(&error));
        }
        let calls = self.options.calls.max(2);
        let first = FIRST_CALLS.min(calls / 2).max(1);
        let (mut before, mut resident) = (0, None);
        for at in 1..calls {
            if at == first {
                before = self.bench.memory_peak(name);
                resident = resident_bytes();
            }
            let answer = given.call(self.bench.desk(), name, &self.context(CALL_MAX)).await;
            if let Err(error) = answer {
                return failed(format!("call {} of {calls} gives {}", at + 1, self.told(&error)));
            }
        }
        let after = self.bench.memory_peak(name);
        self.bench.unload(name);
        let process = resident.zip(resident_bytes()).map_or(String::new(), |(before, after)| {
            format!("; the process grew by {}", bytes(after.saturating_sub(before)))
        });
        let told =
            format!("{} in the first {first} calls, {} in the {calls} after{process}", bytes(before), bytes(after));
        // A page more or less is the allocator's.
        let grown = after > before + before / 10 + (64 << 10);
        if grown { failed(told) } else { passed(told) }
    }

    /// What all calls together showed.
    fn ends(&mut self) {
        let found = match self.broke.first() {
            Some(first) => failed(format!("{}: {first}", count(self.broke.len(), "call"))),
            None => passed(""),
        };
        self.set("no-trap", found);
        let found = match self.options.tape.as_ref().filter(|_| !self.options.records) {
            None if self.options.records => passed("recorded"),
            None => skipped("no --replay"),
            Some(tape) => match tape.missing().as_slice() {
                [] => passed(count(tape.len(), "exchange")),
                [first, ..] => failed(format!("it has no answer to {first}")),
            },
        };
        self.set("replay", found);
    }
}

/// Everything that it says to need, with any host.
fn everything(needs: &[&Capability]) -> Vec<Grant> {
    let grant = |need: &&Capability| match need {
        Capability::Http(_) => Some(Grant::Http("*".to_owned())),
        Capability::Secret(name) => Some(Grant::Secret(name.clone())),
        Capability::Reveal(name) => Some(Grant::Reveal(name.clone())),
        Capability::State => Some(Grant::State),
        Capability::Blobs => Some(Grant::Blobs),
        Capability::Lookup => Some(Grant::Lookup),
        _ => None,
    };
    needs.iter().filter_map(grant).collect()
}

fn count(number: usize, what: &str) -> String {
    if number == 1 { format!("1 {what}") } else { format!("{number} {what}s") }
}

pub(crate) fn bytes(number: u64) -> String {
    match number {
        0..1024 => format!("{number} B"),
        1024..1_048_576 => format!("{:.1} KiB", number as f64 / 1024.0),
        _ => format!("{:.1} MiB", number as f64 / 1_048_576.0),
    }
}

fn clipped(value: &Value) -> String {
    let text = value.to_string();
    match text.char_indices().nth(120) {
        Some((at, _)) => format!("{}…", text.get(..at).unwrap_or_default()),
        None => text,
    }
}

/// Memory of this process, where the system says so.
fn resident_bytes() -> Option<u64> {
    let text = std::fs::read_to_string("/proc/self/statm").ok()?;
    let pages: u64 = text.split_whitespace().nth(1)?.parse().ok()?;
    Some(pages * 4096)
}
