//! Deletion of one object.

use std::sync::Arc;

use model::{Object, Timestamp};

use super::collect::{after_release, collect};
use super::{FOREGROUND, Mode, ORPHAN, Row, Table, Work, check, present};
use crate::objects::{DeleteOptions, Deleted, Key, Stamp};
use crate::{Limits, Result};

/// Deletes an object and handles its dependents, at most `cascade_step_max` of them at once.
pub fn delete<T: Table>(
    table: &mut T,
    key: &Key,
    options: &DeleteOptions,
    stamp: &dyn Stamp,
    limits: &Limits,
) -> Result<Deleted, T::Error> {
    let row = present(table, key)?;
    check(key, row.object(), &options.precondition)?;
    let began = begin(table, &row, options.propagation.into(), stamp)?;
    collect(table, stamp, limits.cascade_step_max)?;
    let Deleted::Waiting(waiting) = &began else { return Ok(began) };
    // The cascade may have let it go already.
    let now = table.get(key)?.filter(|r| r.object().metadata.uid == waiting.metadata.uid);
    Ok(match now {
        Some(row) => Deleted::Waiting(row.object().clone()),
        None => Deleted::Gone(table.removed(&waiting.metadata.uid).unwrap_or_else(|| waiting.clone())),
    })
}

/// Removes the object, or marks it and says what must happen first.
pub(super) fn begin<T: Table>(table: &mut T, row: &T::Row, mode: Mode, stamp: &dyn Stamp) -> Result<Deleted, T::Error> {
    let old = row.object();
    let finalizer = match mode {
        Mode::Background => None,
        Mode::Foreground => Some(FOREGROUND),
        Mode::Orphan => Some(ORPHAN),
    };
    let meta = &old.metadata;
    let finalizer = match finalizer {
        Some(f) if !meta.finalizers.iter().any(|have| have == f) => {
            (!table.dependents(&meta.uid, 0, 1)?.is_empty()).then_some(f)
        }
        _ => None,
    };
    let deleting = meta.deletion_timestamp.is_some();
    if deleting && finalizer.is_none() {
        return Ok(Deleted::Waiting(old.clone()));
    }
    let mut object = Object::clone(old);
    object.metadata.finalizers.extend(finalizer.map(str::to_owned));
    if !deleting {
        object.metadata.deletion_timestamp = Some(Timestamp::from_millis(stamp.now_ms()));
        object.metadata.deletion_grace_period_seconds = Some(0);
        object.metadata.generation = object.metadata.generation.saturating_add(1);
    }
    if object.metadata.finalizers.is_empty() {
        return Ok(Deleted::Gone(gone(table, row, object)?));
    }
    let (owner, uid) = (Key::of(old), meta.uid.clone());
    let marked = table.put(Some(row), object, row.phase().clone())?;
    // Whoever gave it one of these finalizers before asked for the same.
    let asked = |name: &str| marked.object().metadata.finalizers.iter().any(|f| f == name);
    let propagation = match (asked(ORPHAN), asked(FOREGROUND)) {
        (true, _) => Some(Mode::Orphan),
        (_, true) => Some(Mode::Foreground),
        _ => None,
    };
    if let Some(propagation) = propagation {
        table.push_work(Work::Dependents { owner, uid, propagation, after: 0 })?;
    }
    Ok(Deleted::Waiting(marked.object().clone()))
}

/// Removes an object that nothing holds any more.
pub(super) fn gone<T: Table>(table: &mut T, row: &T::Row, last: Object) -> Result<Arc<Object>, T::Error> {
    let uid = last.metadata.uid.clone();
    let last = table.remove(row, last)?;
    if !table.dependents(&uid, 0, 1)?.is_empty() {
        let owner = Key::of(&last);
        table.push_work(Work::Dependents { owner, uid, propagation: Mode::Background, after: 0 })?;
    }
    after_release(table, row)?;
    Ok(last)
}
