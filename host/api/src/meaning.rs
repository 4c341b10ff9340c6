//! What documents mean: judged with the templates that they refer to, fetched from the server's objects.

use std::collections::{BTreeSet, VecDeque};

use lint::KnownTemplates;
use model::validate::{Lookup, Offline, Reference, Templates};
use model::{Object, Violation};
use store::StoreError;
use store::objects::Key;

use crate::failure::{Failure, Outcome};
use crate::gate::Grant;
use crate::kinds::{CLUSTER_WORKFLOW_TEMPLATE, WORKFLOW_TEMPLATE};

/// Template objects fetched for one document, or for all of one lint.
const TEMPLATES_MAX: usize = 1_000;

/// What the server does not have, it does not have.
struct Absent;

impl Templates for Absent {
    fn find(&self, _: &str, _: bool) -> Lookup<'_> {
        Lookup::Missing
    }
}

/// What is wrong with what an object means.
pub(crate) async fn of(grant: &Grant, object: &Object) -> Outcome<Vec<Violation>> {
    // A run needs its templates now; templates may be stored in any order, one before another that it refers to.
    let others: &(dyn Templates + Sync) = if object.kind == "Workflow" { &Absent } else { &Offline };
    let mut known = KnownTemplates::beside(others);
    fetch(grant, [object], &mut known).await?;
    Ok(lint::meaning(object, &known))
}

/// Takes in the templates that objects refer to, and those that these refer to.
pub(crate) async fn fetch(
    grant: &Grant,
    objects: impl IntoIterator<Item = &Object>,
    known: &mut KnownTemplates<'_>,
) -> Outcome<()> {
    let mut seen: BTreeSet<Reference> = BTreeSet::new();
    let mut open: VecDeque<Reference> = VecDeque::new();
    let mut note = |found: BTreeSet<Reference>, open: &mut VecDeque<Reference>, known: &KnownTemplates<'_>| {
        for reference in found {
            if !known.has(&reference) && seen.insert(reference.clone()) {
                open.push_back(reference);
            }
        }
        seen.len()
    };
    for object in objects {
        note(lint::references(object), &mut open, known);
    }
    while let Some(reference) = open.pop_front() {
        let kind = if reference.cluster_scope { CLUSTER_WORKFLOW_TEMPLATE } else { WORKFLOW_TEMPLATE };
        let namespace = if reference.cluster_scope { "" } else { grant.namespace() };
        match grant.objects().get(&Key::new(kind.gvk(), namespace, reference.name.as_str())).await {
            Ok(template) => {
                known.add(&template);
                let count = note(lint::references(&template), &mut open, known);
                if count > TEMPLATES_MAX {
                    return Err(Failure::too_large(
                        "what the document refers to",
                        "templates_max",
                        TEMPLATES_MAX as u64,
                        count as u64,
                    ));
                }
            }
            Err(StoreError::NotFound { .. }) => {}
            Err(error) => return Err(error.into()),
        }
    }
    Ok(())
}

/// What is known of templates by a lint: those that were fetched; what the server does not have is missing, unless it is not asked.
pub(crate) fn judge_others(offline: bool) -> &'static (dyn Templates + Sync) {
    if offline { &Offline } else { &Absent }
}
