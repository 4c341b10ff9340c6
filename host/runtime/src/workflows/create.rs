//! A run's object and the run's first record in one commit, where journal and objects are one store: a run is begun when its submission is
//! acknowledged, and costs one fsync less.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, PoisonError};

use engine_workflow::Input;
use model::{Object, Timestamp};
use store::objects::{Key, Stamp};
use store::{Result, StoreError, semantics};

use super::Workflows;
use super::admit::id_of;

/// A larger run is begun behind its creation, so that its submission need not wait for that (bytes).
const BODY_BYTES_MAX: usize = 256 << 10;

/// Names that are tried for `generateName` (`generate_name_tries_max`).
const NAME_TRIES_MAX: u32 = 8;

impl Workflows {
    /// Creates a run's object and begins the run with it; `None` where that cannot be, and then nothing was done.
    pub(crate) async fn create(self: &Arc<Self>, object: &Object) -> Result<Option<Arc<Object>>> {
        let ready = self.since.get().is_some() && object.body.get().len() <= BODY_BYTES_MAX;
        let Some(stamp) = self.journal.stamp().filter(|_| ready) else { return Ok(None) };
        let generated = object.metadata.name.is_empty() && !object.metadata.generate_name.is_empty();
        for _ in 0..NAME_TRIES_MAX {
            match self.create_begun(stamped(object, stamp)).await {
                Some(Err(StoreError::AlreadyExists { .. })) if generated => {}
                Some(answer) => return answer.map(Some),
                None => break,
            }
        }
        Ok(None)
    }

    /// `None` when the run cannot begin: its object says why, once it is there.
    async fn create_begun(self: &Arc<Self>, object: Object) -> Option<Result<Arc<Object>>> {
        let id = id_of(&object);
        let input = Input::Submitted(Arc::new(self.submission(&object).await.ok()?));
        // A panic is told on the run's object, too.
        let (born, append) = catch_unwind(AssertUnwindSafe(|| self.registry.conceive(&id, input))).ok()?;
        // The watch tells of it before this does: then it is known already.
        self.seen.lock().unwrap_or_else(PoisonError::into_inner).insert(id.clone(), 1);
        let key = Key::of(&object);
        let created = self.journal.append_with_create(append, object).await;
        match &created {
            Ok(_) => self.registry.born(&id, born),
            Err(problem) => {
                self.seen.lock().unwrap_or_else(PoisonError::into_inner).remove(&id);
                if matches!(problem, StoreError::Unavailable { .. }) {
                    self.look_for(id, key);
                }
            }
        }
        Some(created.map(|(_, object)| object))
    }

    /// A commit whose answer was lost may be there all the same: then the run is taken up as any that is there.
    fn look_for(self: &Arc<Self>, id: Arc<str>, key: Key) {
        let this = self.clone();
        tokio::spawn(async move {
            loop {
                match this.objects.get(&key).await {
                    Ok(object) if id_of(&object) == id => return this.added(&object),
                    Ok(_) | Err(StoreError::NotFound { .. }) => return,
                    Err(_) => tokio::time::sleep(super::admit::SUBMIT_RETRY).await,
                }
            }
        });
    }
}

/// The object with what a store gives to a new one.
fn stamped(object: &Object, stamp: &dyn Stamp) -> Object {
    let mut object = object.clone();
    let meta = &mut object.metadata;
    if meta.name.is_empty() {
        meta.name = semantics::generated_name(&meta.generate_name, &stamp.name_suffix());
    }
    meta.uid = stamp.uid();
    meta.creation_timestamp = Some(Timestamp::from_millis(stamp.now_ms()));
    meta.generation = 1;
    object
}
