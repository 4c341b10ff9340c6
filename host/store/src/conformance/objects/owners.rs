use super::*;
use crate::conformance::refused;

/// Without it, the last state is only asked for where the store keeps the objects itself.
async fn is_gone_with(s: &ObjectsSubject, names: &[&str]) {
    for name in names {
        if s.promises.own_semantics {
            refused(s.get(name).await, "NotFound");
        } else {
            s.gone(name).await;
        }
    }
}

pub(super) async fn background(s: &ObjectsSubject) {
    let owner = s.named("owner").await;
    s.create(owned_by(s.object("a"), &owner)).await;
    s.create(owned_by(s.object("b"), &owner)).await;
    s.named("free").await;
    let other = s.create(owned_by(s.object_of(&s.other_kind, 0, "c", "{}"), &owner)).await;
    assert!(matches!(s.delete("owner", Propagation::Background).await.unwrap(), Deleted::Gone(_)));
    is_gone_with(s, &["owner", "a", "b"]).await;
    if s.promises.own_semantics {
        refused(s.store.get(&Key::of(&other)).await, "NotFound");
    }
    s.get("free").await.unwrap();
}

pub(super) async fn foreground(s: &ObjectsSubject) {
    let owner = s.named("owner").await;
    s.create(finalized(owned_by(s.object("held"), &owner), &["example.com/f"])).await;
    let mut free = owned_by(s.object("not-blocking"), &owner);
    free.metadata.owner_references[0].block_owner_deletion = Some(false);
    s.create(finalized(free, &["example.com/f"])).await;
    s.create(owned_by(s.object("a"), &owner)).await;
    let deleted = s.delete("owner", Propagation::Foreground).await.unwrap();
    let Deleted::Waiting(waiting) = deleted else { panic!("the owner waits: {deleted:?}") };
    assert!(waiting.metadata.finalizers.iter().any(|f| f == semantics::FOREGROUND));
    is_gone_with(s, &["a"]).await;
    for name in ["held", "not-blocking"] {
        let dependent = eventually("the dependent is being deleted", || async {
            s.get(name).await.ok().filter(|o| o.metadata.deletion_timestamp.is_some())
        });
        dependent.await;
    }
    s.get("owner").await.unwrap();
    // The last blocking dependent lets its owner go.
    let held = s.get("held").await.unwrap();
    s.update(changed(&held, |o| o.metadata.finalizers.clear())).await.unwrap();
    is_gone_with(s, &["held", "owner"]).await;
    s.get("not-blocking").await.unwrap();
    // Without dependents there is nothing to wait for.
    s.named("alone").await;
    s.delete("alone", Propagation::Foreground).await.unwrap();
    is_gone_with(s, &["alone"]).await;
}

pub(super) async fn orphan(s: &ObjectsSubject) {
    let owner = s.named("owner").await;
    let second = s.named("second").await;
    s.create(owned_by(s.object("a"), &owner)).await;
    s.create(owned_by(owned_by(s.object("b"), &owner), &second)).await;
    s.delete("owner", Propagation::Orphan).await.unwrap();
    is_gone_with(s, &["owner"]).await;
    assert!(s.get("a").await.unwrap().metadata.owner_references.is_empty());
    let left = &s.get("b").await.unwrap().metadata.owner_references;
    assert_eq!(left.iter().map(|o| o.name.as_str()).collect::<Vec<_>>(), ["second"]);
}

pub(super) async fn several_owners(s: &ObjectsSubject) {
    let (one, two) = (s.named("one").await, s.named("two").await);
    s.create(owned_by(owned_by(s.object("a"), &one), &two)).await;
    s.delete("one", Propagation::Background).await.unwrap();
    let left = eventually("the reference goes", || async {
        let a = s.get("a").await.expect("another owner is left");
        (a.metadata.owner_references.len() == 1).then_some(a)
    })
    .await;
    assert_eq!(left.metadata.owner_references[0].name, "two");
    s.delete("two", Propagation::Background).await.unwrap();
    is_gone_with(s, &["a"]).await;
}

pub(super) async fn chains(s: &ObjectsSubject) {
    let mut above = s.named("c0").await;
    for i in 1..6 {
        above = s.create(owned_by(s.object(&format!("c{i}")), &above)).await;
    }
    s.delete("c0", Propagation::Background).await.unwrap();
    is_gone_with(s, &["c0", "c1", "c2", "c3", "c4", "c5"]).await;
    let mut above = s.named("d0").await;
    for i in 1..4 {
        above = s.create(owned_by(s.object(&format!("d{i}")), &above)).await;
    }
    let deleted = s.delete("d0", Propagation::Foreground).await.unwrap();
    is_gone_with(s, &["d0", "d1", "d2", "d3"]).await;
    if s.promises.own_semantics {
        assert!(matches!(deleted, Deleted::Gone(_)), "a small cascade is done when the delete answers: {deleted:?}");
    }
}

pub(super) async fn finalizers_of_dependents(s: &ObjectsSubject) {
    let owner = s.named("owner").await;
    s.create(finalized(owned_by(s.object("a"), &owner), &["example.com/f"])).await;
    s.delete("owner", Propagation::Background).await.unwrap();
    let waiting = eventually("it is being deleted", || async {
        s.get("a").await.ok().filter(|o| o.metadata.deletion_timestamp.is_some())
    })
    .await;
    s.update(changed(&waiting, |o| o.metadata.finalizers.clear())).await.unwrap();
    is_gone_with(s, &["a"]).await;
}

pub(super) async fn late_dependents(s: &ObjectsSubject) {
    let owner = s.named("owner").await;
    s.delete("owner", Propagation::Background).await.unwrap();
    s.create(owned_by(s.object("late"), &owner)).await;
    is_gone_with(s, &["late"]).await;
    // The same name with another uid is another owner.
    let again = s.named("owner").await;
    s.create(owned_by(s.object("late"), &owner)).await;
    is_gone_with(s, &["late"]).await;
    s.create(owned_by(s.object("mine"), &again)).await;
    s.get("mine").await.unwrap();
    // An owner in another namespace is none.
    let far = s.create(s.object_of(&s.kind, 1, "far", "{}")).await;
    s.create(owned_by(s.object("cross"), &far)).await;
    is_gone_with(s, &["cross"]).await;
}

pub(super) async fn unknown_kinds_keep(s: &ObjectsSubject) {
    let stranger = changed(&s.object("stranger"), |o| {
        o.kind = "NeverSeen".into();
        o.metadata.uid = "3f2c0000-0000-4000-8000-000000000009".into();
    });
    s.create(owned_by(s.object("a"), &stranger)).await;
    s.named("b").await;
    s.get("a").await.unwrap();
    let owned = Selector { owner_uid: Some(stranger.metadata.uid), ..s.selector() };
    assert_eq!(s.selected(owned).await, ["a"]);
}

pub(super) async fn wide_cascade(s: &ObjectsSubject) {
    let owner = s.named("owner").await;
    for i in 0..600 {
        s.create(owned_by(s.object(&format!("d{i:03}")), &owner)).await;
    }
    s.named("z-free").await;
    s.delete("owner", Propagation::Background).await.unwrap();
    eventually("all dependents go", || async { (s.selected(s.selector()).await == ["z-free"]).then_some(()) }).await;
}
