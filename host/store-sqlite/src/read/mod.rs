//! The read side: a few connections that only read, each read with a deadline, off the caller's thread.

mod events;
mod journal;
mod list;
mod objects;
mod pool;
mod replay;

pub(crate) use events::events_after;
pub(crate) use journal::{info, live_page, read_from, replay};
pub(crate) use list::list;
pub(crate) use objects::get;
pub(crate) use pool::Pool;
pub(crate) use replay::replay_changes;
