//! Which locks `synchronization` means.

use model::workflow::Synchronization;

use crate::effect::{LockKind, LockRequest};
use crate::values::Text;

/// The locks in the order in which they are taken: the same for every holder, so that no two holders wait for each other.
pub(crate) fn requests(
    wanted: &Synchronization,
    namespace: &str,
    mut render: impl FnMut(&str) -> Result<String, String>,
) -> Result<Vec<LockRequest>, String> {
    let mut out = Vec::new();
    for semaphore in wanted.all_semaphores() {
        let space = own(render(&semaphore.namespace)?, namespace);
        if let Some(database) = &semaphore.database {
            let key = format!("{space}/{}", render(&database.key)?);
            out.push(LockRequest { kind: LockKind::DatabaseSemaphore, key: key.into() });
        } else if let Some(from) = &semaphore.config_map_key_ref {
            let key = format!("{space}/{}/{}", render(&from.name)?, render(&from.key)?);
            out.push(LockRequest { kind: LockKind::Semaphore, key: key.into() });
        } else {
            return Err("synchronization: a semaphore needs configMapKeyRef or database".to_owned());
        }
    }
    for mutex in wanted.all_mutexes() {
        let name = render(&mutex.name)?;
        if name.is_empty() {
            return Err("synchronization: a mutex needs a name".to_owned());
        }
        let kind = if mutex.database { LockKind::DatabaseMutex } else { LockKind::Mutex };
        let key: Text = format!("{}/{name}", own(render(&mutex.namespace)?, namespace)).into();
        out.push(LockRequest { kind, key });
    }
    out.sort();
    out.dedup();
    Ok(out)
}

fn own(given: String, namespace: &str) -> String {
    if given.is_empty() { namespace.to_owned() } else { given }
}
