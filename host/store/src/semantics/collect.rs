//! What follows a deletion: the dependents, and the owners that waited for them.

use model::{Object, OwnerReference};

use super::delete::{begin, gone};
use super::{FOREGROUND, Mode, ORPHAN, Row, Table, Work, owner_of, waits_in_foreground};
use crate::Result;
use crate::objects::{Gvk, Key, Stamp};

/// Dependents read at once.
const PIECE: u32 = 64;

/// Does queued work, about `budget` objects of it; answers whether work is left.
pub fn collect<T: Table>(table: &mut T, stamp: &dyn Stamp, budget: u32) -> Result<bool, T::Error> {
    let mut left = budget;
    while left > 0 {
        let Some(work) = table.pop_work()? else { return Ok(false) };
        let done = match work {
            Work::Dependents { owner, uid, propagation, after } => {
                dependents(table, owner, uid, propagation, after, left.min(PIECE), stamp)?
            }
            Work::Foreground { owner, uid } => let_go(table, &owner, &uid, FOREGROUND)?,
            Work::Dangling { object, uid } => dangling(table, &object, &uid, stamp)?,
        };
        left = left.saturating_sub(done.max(1));
    }
    Ok(true)
}

/// After an object got its owner references: it goes if none of them means anything.
pub(super) fn after_references<T: Table>(table: &mut T, row: &T::Row) -> Result<(), T::Error> {
    let meta = &row.object().metadata;
    if meta.owner_references.is_empty() || !orphaned(table, row.object(), None)? {
        return Ok(());
    }
    table.push_work(Work::Dangling { object: Key::of(row.object()), uid: meta.uid.clone() })
}

/// After an object went or dropped its references: owners that waited for it look again.
pub(super) fn after_release<T: Table>(table: &mut T, row: &T::Row) -> Result<(), T::Error> {
    let meta = &row.object().metadata;
    for reference in &meta.owner_references {
        let Some(owner) = owner_of(table, &meta.namespace, reference)? else { continue };
        if waits_in_foreground(owner.object()) {
            table.push_work(Work::Foreground { owner: Key::of(owner.object()), uid: reference.uid.clone() })?;
        }
    }
    Ok(())
}

fn dependents<T: Table>(
    table: &mut T,
    owner: Key,
    uid: String,
    propagation: Mode,
    after: u64,
    limit: u32,
    stamp: &dyn Stamp,
) -> Result<u32, T::Error> {
    let rows = table.dependents(&uid, after, limit)?;
    for row in &rows {
        dependent(table, row, &uid, propagation, stamp)?;
    }
    let done = u32::try_from(rows.len()).unwrap_or(u32::MAX);
    match rows.last() {
        Some(last) if done == limit => {
            table.push_work(Work::Dependents { owner, uid, propagation, after: last.id() })?;
        }
        _ => match propagation {
            Mode::Background => {}
            Mode::Foreground => table.push_work(Work::Foreground { owner, uid })?,
            Mode::Orphan => {
                let_go(table, &owner, &uid, ORPHAN)?;
            }
        },
    }
    Ok(done)
}

fn dependent<T: Table>(table: &mut T, row: &T::Row, uid: &str, mode: Mode, stamp: &dyn Stamp) -> Result<(), T::Error> {
    // An earlier step of this cascade may have changed it.
    let key = Key::of(row.object());
    let Some(row) = table.get(&key)?.filter(|r| r.id() == row.id()) else { return Ok(()) };
    if mode != Mode::Orphan && orphaned(table, row.object(), Some(uid))? {
        let mode = if mode == Mode::Foreground { Mode::Foreground } else { Mode::Background };
        begin(table, &row, mode, stamp)?;
        return Ok(());
    }
    let mut object = Object::clone(row.object());
    object.metadata.owner_references.retain(|o| o.uid != uid);
    table.put(Some(&row), object, row.phase().clone())?;
    Ok(())
}

/// Whether every owner is gone, `without` being counted as gone.
fn orphaned<T: Table>(table: &mut T, object: &Object, without: Option<&str>) -> Result<bool, T::Error> {
    let meta = &object.metadata;
    for reference in meta.owner_references.iter().filter(|o| Some(o.uid.as_str()) != without) {
        if counts(table, &meta.namespace, reference)? {
            return Ok(false);
        }
    }
    Ok(true)
}

/// Whether a reference keeps its object alive.
fn counts<T: Table>(table: &mut T, namespace: &str, reference: &OwnerReference) -> Result<bool, T::Error> {
    if let Some(owner) = owner_of(table, namespace, reference)? {
        return Ok(!waits_in_foreground(owner.object()));
    }
    Ok(!table.knows(&Gvk::new(reference.api_version.as_str(), reference.kind.as_str()))?)
}

fn dangling<T: Table>(table: &mut T, key: &Key, uid: &str, stamp: &dyn Stamp) -> Result<u32, T::Error> {
    if let Some(row) = table.get(key)?.filter(|r| r.object().metadata.uid == uid)
        && orphaned(table, row.object(), None)?
        && !row.object().metadata.owner_references.is_empty()
    {
        begin(table, &row, Mode::Background, stamp)?;
    }
    Ok(1)
}

/// Takes the finalizer off an owner that need not wait any longer.
fn let_go<T: Table>(table: &mut T, key: &Key, uid: &str, finalizer: &str) -> Result<u32, T::Error> {
    let Some(row) = table.get(key)?.filter(|r| r.object().metadata.uid == uid) else { return Ok(1) };
    let meta = &row.object().metadata;
    if meta.deletion_timestamp.is_none() || !meta.finalizers.iter().any(|f| f == finalizer) {
        return Ok(1);
    }
    if finalizer == FOREGROUND && blocked(table, uid)? {
        return Ok(1);
    }
    let mut object = Object::clone(row.object());
    object.metadata.finalizers.retain(|f| f != finalizer);
    if object.metadata.finalizers.is_empty() {
        gone(table, &row, object)?;
    } else {
        table.put(Some(&row), object, row.phase().clone())?;
    }
    Ok(1)
}

fn blocked<T: Table>(table: &mut T, uid: &str) -> Result<bool, T::Error> {
    let mut after = 0;
    loop {
        let rows = table.dependents(uid, after, PIECE)?;
        let blocks = |o: &OwnerReference| o.uid == uid && o.block_owner_deletion == Some(true);
        if rows.iter().any(|r| r.object().metadata.owner_references.iter().any(blocks)) {
            return Ok(true);
        }
        match rows.last() {
            Some(last) if rows.len() == PIECE as usize => after = last.id(),
            _ => return Ok(false),
        }
    }
}
