//! The objects suite.

mod deleting;
mod limits;
mod listing;
mod owners;
mod watching;
mod writing;

use std::future::Future;
use std::sync::Arc;

use model::{Object, ObjectMeta, OwnerReference};
use serde_json::value::RawValue;

use super::{ObjectsSubject, eventually};
use crate::objects::{
    DeleteOptions, Deleted, Gvk, Key, ListQuery, Page, Precondition, Propagation, Revision, Selector, StatusUpdate,
};
use crate::{Limits, Result, semantics};

/// Runs every case on fresh stores.
pub async fn objects<F, Fut>(make: F)
where
    F: Fn(Limits) -> Fut,
    Fut: Future<Output = ObjectsSubject>,
{
    macro_rules! cases {
        ($limits:expr => $($group:ident :: $case:ident),* $(,)?) => { $( $group::$case(&make($limits).await).await; )* };
    }
    cases!(Limits::default() =>
        writing::create_fills_metadata, writing::create_refuses, writing::generate_name, writing::update_replaces, writing::no_op_updates,
        writing::compare_and_set, writing::generations, writing::status_apart, writing::status_sets_labels, writing::namespaces_and_kinds_are_apart,
        writing::racing_compare_and_set, writing::bytes_are_kept, writing::revisions_grow,
        deleting::delete_answers_last_state, deleting::preconditions, deleting::finalizers_hold, deleting::last_finalizer, deleting::again_after,
        owners::background, owners::foreground, owners::orphan, owners::several_owners, owners::chains, owners::finalizers_of_dependents,
        owners::late_dependents, owners::unknown_kinds_keep, owners::wide_cascade,
        listing::by_name, listing::newest_first, listing::pages, listing::pages_under_writes, listing::labels, listing::phases, listing::other_selectors,
        listing::without_body, listing::continue_tokens, listing::all_kinds, listing::combined_against_a_model,
        watching::initial_list, watching::resume, watching::leaving_the_selector, watching::deletions, watching::list_then_watch, watching::future_revision,
        watching::under_load, watching::one_name, watching::resumed_leaving,
    );
    cases!(Limits { watch_buffer_max: 8, ..Limits::default() } => limits::slow_watchers_are_cut);
    cases!(Limits { watch_ring_max: 4, watch_retention_max: 8, ..Limits::default() } => limits::expired, limits::resume_past_memory);
    cases!(Limits { bookmark_every: 5, ..Limits::default() } => limits::bookmarks);
    cases!(Limits { object_bytes_max: 2000, metadata_bytes_max: 500, page_max: 3, page_bytes_max: 1500, selector_terms_max: 3, ..Limits::default() } => limits::sizes);
    cases!(Limits { watchers_max: 2, ..Limits::default() } => limits::watchers);
    cases!(Limits { page_max: 7, ..Limits::default() } => limits::initial_list_in_pages);
}

/// A case's view of its subject.
impl ObjectsSubject {
    fn object_of(&self, gvk: &Gvk, namespace: usize, name: &str, spec: &str) -> Object {
        Object {
            api_version: gvk.api_version.to_string(),
            kind: gvk.kind.to_string(),
            metadata: ObjectMeta::named(self.namespaces[namespace].to_string(), name),
            body: raw(&format!(r#"{{"spec":{spec}}}"#)).into(),
            status: None,
        }
    }

    fn object(&self, name: &str) -> Object {
        self.object_of(&self.kind, 0, name, r#"{"a":1}"#)
    }

    fn key(&self, name: &str) -> Key {
        Key::new(self.kind.clone(), self.namespaces[0].clone(), name)
    }

    fn selector(&self) -> Selector {
        Selector { namespace: Some(self.namespaces[0].clone()), ..Selector::of(self.kind.clone()) }
    }

    fn query(&self) -> ListQuery {
        ListQuery { selector: self.selector(), ..ListQuery::default() }
    }

    async fn create(&self, object: Object) -> Arc<Object> {
        self.store.create(object).await.unwrap()
    }

    async fn named(&self, name: &str) -> Arc<Object> {
        self.create(self.object(name)).await
    }

    async fn get(&self, name: &str) -> Result<Arc<Object>> {
        self.store.get(&self.key(name)).await
    }

    async fn update(&self, object: Object) -> Result<Arc<Object>> {
        self.store.update(object, Precondition::default()).await
    }

    async fn set_status(&self, name: &str, json: &str) -> Arc<Object> {
        self.store.update_status(&self.key(name), status(json)).await.unwrap()
    }

    async fn delete(&self, name: &str, propagation: Propagation) -> Result<Deleted> {
        self.store.delete(&self.key(name), DeleteOptions { propagation, ..DeleteOptions::default() }).await
    }

    async fn gone(&self, name: &str) {
        eventually(&format!("{name} goes"), || async { self.get(name).await.is_err().then_some(()) }).await;
    }

    async fn list(&self, query: &ListQuery) -> Page {
        self.store.list(query).await.unwrap()
    }

    /// All pages.
    async fn names(&self, mut query: ListQuery) -> Vec<String> {
        let mut names = Vec::new();
        loop {
            let page = self.list(&query).await;
            names.extend(page.items.iter().map(|o| o.metadata.name.clone()));
            if let Some(remaining) = page.remaining {
                assert_eq!(remaining > 0, page.continue_token.is_some(), "remaining and the token agree");
            }
            let Some(token) = page.continue_token else { return names };
            query.continue_token = Some(token);
        }
    }

    async fn selected(&self, selector: Selector) -> Vec<String> {
        self.names(ListQuery { selector, ..ListQuery::default() }).await
    }

    fn tick(&self) {
        if let Some(clock) = &self.clock {
            clock.advance_ms(1);
        }
    }
}

fn raw(json: &str) -> Box<RawValue> {
    RawValue::from_string(json.to_owned()).unwrap()
}

fn status(json: &str) -> StatusUpdate {
    StatusUpdate {
        status: raw(json),
        labels: Vec::new(),
        annotations: Vec::new(),
        precondition: Precondition::default(),
    }
}

fn revision(object: &Object) -> Revision {
    let revision = semantics::revision_of(object);
    assert!(revision > 0, "resourceVersion {:?}", object.metadata.resource_version);
    revision
}

fn labelled(mut object: Object, labels: &[(&str, &str)]) -> Object {
    object.metadata.labels = labels.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())).collect();
    object
}

fn owned_by(mut object: Object, owner: &Object) -> Object {
    object.metadata.owner_references.push(OwnerReference {
        api_version: owner.api_version.clone(),
        kind: owner.kind.clone(),
        name: owner.metadata.name.clone(),
        uid: owner.metadata.uid.clone(),
        controller: None,
        block_owner_deletion: Some(true),
    });
    object
}

fn finalized(mut object: Object, finalizers: &[&str]) -> Object {
    object.metadata.finalizers = finalizers.iter().map(|f| (*f).to_owned()).collect();
    object
}

fn changed(object: &Object, change: impl FnOnce(&mut Object)) -> Object {
    let mut object = object.clone();
    change(&mut object);
    object
}
