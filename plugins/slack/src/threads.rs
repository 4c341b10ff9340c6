//! The first message of each thread, in the state: so that later ones of its key go below it.

use colchis_sdk::Result;
use colchis_sdk::state::{self, CONFLICT, Expected};

/// Threads that are kept (`threads_max`). Beyond, the older half is forgotten: a message of such a key begins a new thread.
const THREADS_MAX: u32 = 500;

/// The time of a thread's first message, by which Slack knows it.
pub(crate) fn first(key: &str) -> Result<Option<String>> {
    Ok(state::get_json::<String>(key)?.map(|(ts, _)| ts))
}

/// Keeps it, and forgets old ones where there are too many. Of two that begin a thread at once, the first is kept.
pub(crate) fn keep(key: &str, ts: &str) -> Result<()> {
    match state::set_json(key, &ts, Expected::Absent) {
        Err(error) if error.code() == CONFLICT => return Ok(()),
        kept => kept?,
    };
    let keys = state::keys("thread-", None, THREADS_MAX + 1)?;
    if keys.len() <= THREADS_MAX as usize {
        return Ok(());
    }
    let mut by_time = Vec::new();
    for key in keys {
        let ts = first(&key)?.and_then(|ts| ts.parse::<f64>().ok()).unwrap_or_default();
        by_time.push((ts, key));
    }
    by_time.sort_by(|(one, _), (other, _)| one.total_cmp(other));
    by_time.iter().take(THREADS_MAX as usize / 2).try_for_each(|(_, key)| state::delete(key))
}
