use super::*;
use crate::conformance::refused;
use crate::objects::{LabelRequirement, Order};

pub(super) async fn by_name(s: &ObjectsSubject) {
    for name in ["b", "a", "c-2", "c-10", "aa"] {
        s.named(name).await;
    }
    s.create(s.object_of(&s.kind, 1, "elsewhere", "{}")).await;
    s.create(s.object_of(&s.other_kind, 0, "other", "{}")).await;
    assert_eq!(s.selected(s.selector()).await, ["a", "aa", "b", "c-10", "c-2"]);
    let page = s.list(&s.query()).await;
    assert!(page.continue_token.is_none() && page.remaining.is_none_or(|n| n == 0));
    assert!(page.revision >= revision(&s.get("aa").await.unwrap()));
    assert_eq!(page.items[0].body_field("spec").unwrap().get(), r#"{"a":1}"#);
    let nowhere = Selector { namespace: Some("no-such-namespace".into()), ..s.selector() };
    assert!(s.selected(nowhere).await.is_empty());
}

pub(super) async fn newest_first(s: &ObjectsSubject) {
    let Some(clock) = &s.clock else { return };
    for name in ["b", "a", "c", "d"] {
        s.named(name).await;
        clock.advance_ms(5);
    }
    s.set_status("b", r#"{"phase":"Running"}"#).await;
    let query = ListQuery { order: Order::NewestFirst, ..s.query() };
    assert_eq!(s.names(query.clone()).await, ["d", "c", "a", "b"], "by creation, not by change");
    assert_eq!(s.names(ListQuery { limit: Some(1), ..query.clone() }).await, ["d", "c", "a", "b"]);
    // A clock that jumps back orders by its times.
    clock.advance_ms(-12);
    s.named("back").await;
    assert_eq!(s.names(query).await, ["d", "c", "back", "a", "b"]);
}

pub(super) async fn pages(s: &ObjectsSubject) {
    for i in 0..23 {
        s.named(&format!("o{i:02}")).await;
        if i % 3 == 0 {
            s.tick();
        }
    }
    let want: Vec<String> = (0..23).map(|i| format!("o{i:02}")).collect();
    for limit in [1, 5, 22, 23, 24, 500] {
        let query = ListQuery { limit: Some(limit), ..s.query() };
        assert_eq!(s.names(query.clone()).await, want, "limit {limit}");
        let mut newest = s.names(ListQuery { order: Order::NewestFirst, ..query }).await;
        newest.sort();
        assert_eq!(newest, want, "limit {limit}, newest first");
    }
    let page = s.list(&ListQuery { limit: Some(5), ..s.query() }).await;
    assert_eq!(page.items.len(), 5);
    assert!(page.remaining.is_none_or(|n| n == 18));
    assert_eq!(s.list(&ListQuery { limit: Some(0), ..s.query() }).await.items.len(), 23, "0 is no limit of one's own");
}

pub(super) async fn pages_under_writes(s: &ObjectsSubject) {
    for order in [Order::Name, Order::NewestFirst] {
        for i in 0..20 {
            s.named(&format!("o{i:02}")).await;
            s.tick();
        }
        let mut query = ListQuery { limit: Some(3), order, ..s.query() };
        let (mut seen, mut revisions, mut round) = (Vec::new(), Vec::new(), 0);
        loop {
            let page = s.list(&query).await;
            seen.extend(page.items.iter().map(|o| o.metadata.name.clone()));
            revisions.push(page.revision);
            // Meanwhile: new objects before and behind, changes of all, and one that goes.
            s.named(&format!("a-new{round}")).await;
            s.named(&format!("z-new{round}")).await;
            for i in 0..20 {
                s.update(labelled(s.object(&format!("o{i:02}")), &[("round", &round.to_string())]))
                    .await
                    .unwrap_or_else(|_| Arc::new(s.object("x")));
            }
            s.delete(&format!("o{:02}", round * 2 + 1), Propagation::Background).await.unwrap();
            round += 1;
            query.continue_token = page.continue_token;
            if query.continue_token.is_none() || round == 10 {
                break;
            }
        }
        // Those that stayed are there exactly once.
        for i in (0..20).filter(|i| i % 2 == 0 || *i > round * 2) {
            let name = format!("o{i:02}");
            assert_eq!(seen.iter().filter(|n| **n == name).count(), 1, "{name} in {seen:?} ({order:?})");
        }
        let mut unique = seen.clone();
        unique.sort();
        unique.dedup();
        assert_eq!(unique.len(), seen.len(), "nothing twice: {seen:?}");
        if s.promises.own_semantics {
            assert!(revisions.windows(2).all(|w| w[0] == w[1]), "the first page's revision");
        }
        for name in s.selected(s.selector()).await {
            s.delete(&name, Propagation::Background).await.unwrap();
        }
    }
}

pub(super) async fn labels(s: &ObjectsSubject) {
    use LabelRequirement::{Exists, In, NotExists, NotIn};
    s.create(labelled(s.object("a"), &[("app", "x"), ("tier", "1")])).await;
    s.create(labelled(s.object("b"), &[("app", "y")])).await;
    s.create(labelled(s.object("c"), &[("app", "x"), ("tier", "2")])).await;
    s.create(labelled(s.object("d"), &[("empty", "")])).await;
    let of = |key: &str, values: &[&str]| (key.to_owned(), values.iter().map(|v| (*v).to_owned()).collect::<Vec<_>>());
    let is = |key, values: &[&str]| In(of(key, values).0, of(key, values).1);
    let is_not = |key, values: &[&str]| NotIn(of(key, values).0, of(key, values).1);
    for (requirements, want) in [
        (vec![is("app", &["x"])], vec!["a", "c"]),
        (vec![is("app", &["x", "y", "x"])], vec!["a", "b", "c"]),
        (vec![is("app", &["x"]), is("tier", &["2", "3"])], vec!["c"]),
        (vec![is("app", &["none"])], vec![]),
        (vec![is_not("app", &["x"])], vec!["b", "d"]),
        (vec![is_not("tier", &["1"]), Exists("app".into())], vec!["b", "c"]),
        (vec![Exists("tier".into())], vec!["a", "c"]),
        (vec![NotExists("tier".into())], vec!["b", "d"]),
        (vec![NotExists("tier".into()), is("app", &["y"])], vec!["b"]),
        (vec![is("empty", &[""])], vec!["d"]),
        (vec![is("app", &["x"]), is_not("app", &["x"])], vec![]),
    ] {
        let selector = Selector { labels: requirements.clone(), ..s.selector() };
        assert_eq!(s.selected(selector.clone()).await, want, "{requirements:?}");
        let mut newest =
            s.names(ListQuery { selector, order: Order::NewestFirst, limit: Some(1), ..ListQuery::default() }).await;
        newest.sort();
        assert_eq!(newest, want, "{requirements:?}, newest first, one by one");
    }
    // An update moves it.
    s.update(labelled(s.object("a"), &[("app", "y")])).await.unwrap();
    assert_eq!(s.selected(Selector { labels: vec![is("app", &["y"])], ..s.selector() }).await, ["a", "b"]);
    assert_eq!(s.selected(Selector { labels: vec![is("app", &["x"])], ..s.selector() }).await, ["c"]);
}

pub(super) async fn phases(s: &ObjectsSubject) {
    for (name, phase) in [("a", "Running"), ("b", "Succeeded"), ("c", "Running"), ("e", "Failed")] {
        s.named(name).await;
        s.tick();
        s.set_status(name, &format!(r#"{{"nodes":{{"n":{{"phase":"Other"}}}},"phase":"{phase}"}}"#)).await;
    }
    s.named("d").await;
    let of = |phases: &[&str]| Selector { phases: phases.iter().map(|p| (*p).to_owned()).collect(), ..s.selector() };
    for (phases, want) in [
        (vec!["Running"], vec!["a", "c"]),
        (vec!["Running", "Failed"], vec!["a", "c", "e"]),
        (vec![""], vec!["d"]),
        (vec!["", "Succeeded"], vec!["b", "d"]),
        (vec!["Unheard"], vec![]),
        (vec![], vec!["a", "b", "c", "d", "e"]),
    ] {
        assert_eq!(s.selected(of(&phases)).await, want, "{phases:?}");
        let query =
            ListQuery { selector: of(&phases), order: Order::NewestFirst, limit: Some(2), ..ListQuery::default() };
        let mut newest = s.names(query).await;
        newest.sort();
        assert_eq!(newest, want, "{phases:?}, newest first");
    }
    s.set_status("a", r#"{"phase":"Succeeded"}"#).await;
    assert_eq!(s.selected(of(&["Running"])).await, ["c"]);
    // A change of the metadata keeps the phase.
    s.update(labelled(s.object("c"), &[("x", "1")])).await.unwrap();
    assert_eq!(s.selected(of(&["Running"])).await, ["c"]);
}

pub(super) async fn other_selectors(s: &ObjectsSubject) {
    let owner = s.named("run-1").await;
    s.tick();
    let middle = s.create(owned_by(s.object("run-2"), &owner)).await;
    s.tick();
    s.named("other").await;
    s.create(owned_by(s.object("runx"), &owner)).await;
    let base = s.selector();
    let prefix = |p: &str| Selector { name_prefix: Some(p.into()), ..base.clone() };
    assert_eq!(s.selected(prefix("run-")).await, ["run-1", "run-2"]);
    assert_eq!(s.selected(prefix("run")).await, ["run-1", "run-2", "runx"]);
    assert!(s.selected(prefix("x")).await.is_empty());
    assert!(s.selected(prefix("run_")).await.is_empty(), "a prefix holds no pattern");
    let named = Selector { name: Some("run-2".into()), ..base.clone() };
    assert_eq!(s.selected(named.clone()).await, ["run-2"]);
    assert_eq!(
        s.names(ListQuery { selector: named, order: Order::NewestFirst, ..ListQuery::default() }).await,
        ["run-2"]
    );
    let owned = Selector { owner_uid: Some(owner.metadata.uid.clone()), ..base.clone() };
    assert_eq!(s.selected(owned.clone()).await, ["run-2", "runx"]);
    assert_eq!(s.selected(Selector { name_prefix: Some("run-".into()), ..owned }).await, ["run-2"]);
    if s.clock.is_some() {
        let at = middle.metadata.creation_timestamp.unwrap().as_millis();
        let created = |from: Option<i64>, until: Option<i64>| Selector {
            created_from: from,
            created_until: until,
            ..base.clone()
        };
        assert_eq!(s.selected(created(Some(at), None)).await, ["other", "run-2", "runx"]);
        assert_eq!(s.selected(created(None, Some(at))).await, ["run-1"]);
        assert_eq!(s.selected(created(Some(at), Some(at + 1))).await, ["run-2"]);
        let query =
            ListQuery { selector: created(Some(at), Some(at + 1)), order: Order::NewestFirst, ..ListQuery::default() };
        assert_eq!(s.names(query).await, ["run-2"]);
        assert!(s.selected(created(Some(at + 1), Some(at))).await.is_empty());
    }
}

pub(super) async fn without_body(s: &ObjectsSubject) {
    s.create(labelled(s.object("a"), &[("x", "1")])).await;
    s.set_status("a", r#"{"phase":"Running"}"#).await;
    for order in [Order::Name, Order::NewestFirst] {
        let page = s.list(&ListQuery { without_body: true, order, ..s.query() }).await;
        assert_eq!(page.items[0].body.get(), "{}");
        assert_eq!(page.items[0].metadata.labels["x"], "1");
        assert_eq!(page.items[0].status.as_ref().unwrap().get(), r#"{"phase":"Running"}"#);
    }
    assert_ne!(s.get("a").await.unwrap().body.get(), "{}");
}

pub(super) async fn continue_tokens(s: &ObjectsSubject) {
    for i in 0..4 {
        s.named(&format!("o{i}")).await;
    }
    let query = ListQuery { limit: Some(2), ..s.query() };
    let token = s.list(&query).await.continue_token.unwrap();
    for wrong in ["x", "zz", "abc", &format!("{token}0"), "\u{1f980}"] {
        refused(s.store.list(&ListQuery { continue_token: Some(wrong.into()), ..query.clone() }).await, "Invalid");
    }
    let other = ListQuery { selector: Selector { name_prefix: Some("o".into()), ..s.selector() }, ..query.clone() };
    refused(s.store.list(&ListQuery { continue_token: Some(token.clone()), ..other }).await, "Invalid");
    let turned = ListQuery { order: Order::NewestFirst, ..query.clone() };
    refused(s.store.list(&ListQuery { continue_token: Some(token.clone()), ..turned }).await, "Invalid");
    // Another page length is the same list.
    let rest = s.list(&ListQuery { continue_token: Some(token), limit: Some(1), ..query }).await;
    assert_eq!(rest.items[0].metadata.name, "o2");
}

pub(super) async fn all_kinds(s: &ObjectsSubject) {
    for (kind, namespace, name) in [(&s.kind, 0, "b"), (&s.other_kind, 0, "a"), (&s.kind, 1, "a"), (&s.kind, 0, "c")] {
        s.create(labelled(s.object_of(kind, namespace, name, "{}"), &[("mine", &s.namespaces[0])])).await;
        s.tick();
    }
    if !s.promises.own_semantics {
        return;
    }
    let mine = LabelRequirement::In("mine".into(), vec![s.namespaces[0].to_string()]);
    let selector = Selector { labels: vec![mine], ..Selector::default() };
    let mut want = [
        (s.kind.kind.to_string(), s.namespaces[0].to_string(), "b"),
        (s.other_kind.kind.to_string(), s.namespaces[0].to_string(), "a"),
        (s.kind.kind.to_string(), s.namespaces[1].to_string(), "a"),
        (s.kind.kind.to_string(), s.namespaces[0].to_string(), "c"),
    ];
    let newest: Vec<_> = want.iter().rev().map(|w| w.2).collect();
    want.sort();
    let by_name: Vec<_> = want.iter().map(|w| w.2).collect();
    for limit in [1, 2, 3, 10] {
        let query = ListQuery { selector: selector.clone(), limit: Some(limit), ..ListQuery::default() };
        assert_eq!(s.names(query.clone()).await, by_name);
        if s.clock.is_some() {
            assert_eq!(s.names(ListQuery { order: Order::NewestFirst, ..query }).await, newest);
        }
    }
}

/// Every combination of selector parts, against the plain meaning of a selector.
pub(super) async fn combined_against_a_model(s: &ObjectsSubject) {
    let mut seed = 0x2545_f491_4f6c_dd1d_u64;
    let mut draw = |n: u64| {
        seed ^= seed << 13;
        seed ^= seed >> 7;
        seed ^= seed << 17;
        seed % n
    };
    let owner = s.named("owner").await;
    for i in 0..60 {
        let (app, tier) = (draw(3).to_string(), draw(2).to_string());
        let mut object = labelled(
            s.object_of(&s.kind, usize::from(draw(4) == 0), &format!("{}-{i:02}", ["x", "y"][i % 2]), "{}"),
            &[("app", &app), ("tier", &tier)],
        );
        if draw(3) == 0 {
            object.metadata.labels.remove("tier");
        }
        if draw(3) == 0 && *object.metadata.namespace == *s.namespaces[0] {
            object = owned_by(object, &owner);
        }
        let made = s.create(object).await;
        let phase = ["", "Running", "Succeeded"][usize::try_from(draw(3)).unwrap()];
        if !phase.is_empty() {
            s.store.update_status(&Key::of(&made), status(&format!(r#"{{"phase":"{phase}"}}"#))).await.unwrap();
        }
        if draw(2) == 0 {
            s.tick();
        }
    }
    let everything = s.list(&ListQuery { selector: Selector::of(s.kind.clone()), ..ListQuery::default() }).await.items;
    let mine: Vec<_> = everything.iter().filter(|o| s.namespaces.iter().any(|n| **n == o.metadata.namespace)).collect();
    let middle = mine[mine.len() / 2].metadata.creation_timestamp.unwrap().as_millis();
    for round in 0..200 {
        let mut selector = Selector::of(s.kind.clone());
        selector.namespace = Some(s.namespaces[usize::from(draw(3) == 0)].clone());
        if draw(2) == 0 {
            selector.labels.push(LabelRequirement::In("app".into(), vec![draw(4).to_string(), "1".into()]));
        }
        match draw(6) {
            0 => selector.labels.push(LabelRequirement::NotIn("tier".into(), vec!["1".into()])),
            1 => selector.labels.push(LabelRequirement::Exists("tier".into())),
            2 => selector.labels.push(LabelRequirement::NotExists("tier".into())),
            _ => {}
        }
        if draw(2) == 0 {
            selector.phases = ["", "Running", "Succeeded"][..=usize::try_from(draw(2)).unwrap()]
                .iter()
                .map(|p| (*p).to_owned())
                .collect();
        }
        if draw(4) == 0 {
            selector.name_prefix = Some(["x", "y-1"][usize::try_from(draw(2)).unwrap()].into());
        }
        if draw(4) == 0 {
            selector.owner_uid = Some(owner.metadata.uid.clone());
        }
        if s.clock.is_some() {
            selector.created_from = (draw(4) == 0).then_some(middle - 5);
            selector.created_until = (draw(4) == 0).then_some(middle + 5);
        }
        let shown = |o: &&&Arc<Object>| selector.matches(o, &crate::codec::phase_of(o.status.as_deref()));
        let mut want: Vec<String> = mine.iter().filter(shown).map(|o| o.metadata.name.clone()).collect();
        want.sort();
        let limit = Some(u32::try_from(draw(20)).unwrap() + 1);
        let query = ListQuery { selector: selector.clone(), limit, ..ListQuery::default() };
        assert_eq!(s.names(query.clone()).await, want, "round {round}: {selector:?}");
        let mut newest = s.names(ListQuery { order: Order::NewestFirst, ..query }).await;
        newest.sort();
        assert_eq!(newest, want, "round {round}, newest first: {selector:?}");
    }
}
