//! What a `Plugin` object says of itself.

use model::meta::Condition;
use model::plugin::{PluginKindStatus, PluginMissingGrant, PluginStatus};
use model::{Raw, Timestamp};
use plugin::{Facts, Numbers};

/// The one condition.
const READY: &str = "Ready";

/// Whether it is in service: a word for machines, and a sentence for people.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Standing {
    pub(super) ready: bool,
    pub(super) reason: &'static str,
    pub(super) message: String,
}

/// What is in service, in the status.
pub(super) fn facts(status: &mut PluginStatus, facts: &Facts, now: Timestamp) {
    if status.digest != facts.digest {
        status.loaded_at = Some(now);
    }
    status.digest.clone_from(&facts.digest);
    status.version.clone_from(&facts.info.version);
    status.summary.clone_from(&facts.info.summary);
    let kind = |kind: &plugin::KindInfo| PluginKindStatus {
        kind: kind.kind.word().to_owned(),
        config_schema: Raw::from_value(&kind.config_schema).ok(),
    };
    status.kinds = facts.info.kinds.iter().map(kind).collect();
    let missing = facts.missing_grants.iter().map(|missing| PluginMissingGrant {
        grant: missing.grant.clone(),
        why: missing.why.clone(),
        optional: missing.optional,
    });
    status.missing_grants = missing.collect();
}

/// Whether it was in service when this was written.
pub(super) fn is_ready(status: &PluginStatus) -> bool {
    status.conditions.iter().any(|condition| condition.r#type == READY && condition.status == "True")
}

/// How its calls went.
pub(super) fn numbers(status: &mut PluginStatus, numbers: &Numbers) {
    let count = |n: u64| i64::try_from(n).unwrap_or(i64::MAX);
    status.calls = count(numbers.calls);
    status.errors = count(numbers.errors);
    status.killed = count(numbers.killed);
    status.p99_seconds = (numbers.calls > 0).then_some(numbers.p99_seconds);
    status.last_error = numbers.last_error.clone().unwrap_or_default();
}

/// Whether it is in service, in the status.
pub(super) fn standing(status: &mut PluginStatus, standing: &Standing, generation: i64, now: Timestamp) {
    let word = if standing.ready { "True" } else { "False" };
    let since = status.conditions.iter().find(|c| c.r#type == READY && c.status == word);
    let since = since.and_then(|c| c.last_transition_time).unwrap_or(now);
    status.observed_generation = generation;
    status.conditions = vec![Condition {
        r#type: READY.to_owned(),
        status: word.to_owned(),
        reason: standing.reason.to_owned(),
        message: standing.message.clone(),
        last_transition_time: Some(since),
        observed_generation: generation,
    }];
}
