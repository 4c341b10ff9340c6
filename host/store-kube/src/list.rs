//! Pages: the server's own where they are what was asked for, else selected and sorted here.

use std::collections::BTreeMap;
use std::sync::Arc;

use model::Object;
use store::objects::{Gvk, LabelRequirement, ListQuery, Order, Page, Revision, Selector};
use store::{Limits, Result, StoreError, codec};

use crate::Inner;
use crate::kinds::Resource;
use crate::page_token::{PageToken, Place, Rank, hash};
use crate::read::parse_list;
use crate::wire;

/// One answer of the server.
pub(crate) struct ServerPage {
    pub(crate) objects: Vec<Object>,
    pub(crate) revision: Revision,
    pub(crate) next: Option<String>,
}

impl Inner {
    pub(crate) async fn list(&self, query: &ListQuery) -> Result<Page> {
        query.selector.check(&self.settings.limits)?;
        let token = PageToken::of(query)?;
        let resources = self.resources(&query.selector).await?;
        match (resources.as_slice(), query.order) {
            ([resource], Order::Name) if !resource.namespaced || query.selector.namespace.is_some() => {
                self.by_server(query, resource, token).await
            }
            _ => self.by_scan(query, &resources, token).await,
        }
    }

    /// The resources that a selector means. Kinds that this server does not have hold no objects.
    pub(crate) async fn resources(&self, selector: &Selector) -> Result<Vec<Arc<Resource>>> {
        if selector.namespace.as_deref().is_some_and(|n| !n.is_empty() && !wire::is_segment(n)) {
            return Ok(Vec::new());
        }
        let asked: Vec<Gvk> = match &selector.gvk {
            Some(gvk) => vec![gvk.clone()],
            None => self.settings.kinds.clone(),
        };
        let mut found = Vec::with_capacity(asked.len());
        for gvk in &asked {
            match self.resource(gvk).await {
                // One namespace holds no cluster-wide objects, and the empty one no others.
                Ok(resource) if selector.namespace.as_ref().is_none_or(|n| n.is_empty() != resource.namespaced) => {
                    found.push(resource)
                }
                Ok(_) | Err(StoreError::NotFound { .. }) => {}
                Err(error) => return Err(error),
            }
        }
        Ok(found)
    }

    /// The server's own pages, one after the other until ours is full.
    async fn by_server(&self, query: &ListQuery, resource: &Resource, token: Option<PageToken>) -> Result<Page> {
        let limit = self.settings.limits.page(query.limit);
        let (mut first_revision, mut next) = match token {
            None => (None, None),
            Some(PageToken { revision, place: Place::Server(text), .. }) => (Some(revision), Some(text)),
            Some(_) => {
                return Err(StoreError::Invalid {
                    what: "the continue token".into(),
                    reason: "it belongs to a list of another kind".into(),
                });
            }
        };
        let (mut items, mut bytes, mut scanned) = (Vec::new(), 0, 0);
        loop {
            let room =
                u32::try_from(limit.saturating_sub(items.len())).unwrap_or(u32::MAX).min(self.settings.server_page_max);
            let page = self.server_page(&query.selector, resource, room, next.as_deref(), None).await?;
            let revision = *first_revision.get_or_insert(page.revision);
            scanned += page.objects.len() as u64;
            for object in page.objects.into_iter().filter(|o| shows(&query.selector, o)) {
                bytes += codec::size_of(&object);
                items.push(Arc::new(trimmed(object, query.without_body)));
            }
            next = page.next;
            let full = items.len() >= limit
                || bytes >= self.settings.limits.page_bytes_max
                || scanned >= self.settings.scan_objects_max;
            if next.is_none() || full {
                let continue_token =
                    next.map(|text| PageToken::new(query, revision, Place::Server(text)).encode()).transpose()?;
                let remaining = continue_token.is_none().then_some(0);
                return Ok(Page { items, continue_token, revision, remaining });
            }
        }
    }

    /// Reads everything and keeps one page of it.
    async fn by_scan(&self, query: &ListQuery, resources: &[Arc<Resource>], token: Option<PageToken>) -> Result<Page> {
        let limit = self.settings.limits.page(query.limit);
        let (mut revision, after) = match token {
            None => (None, None),
            Some(PageToken { revision, place: Place::After(rank), .. }) => (Some(revision), Some(rank)),
            Some(_) => {
                return Err(StoreError::Invalid {
                    what: "the continue token".into(),
                    reason: "it belongs to a list of another kind".into(),
                });
            }
        };
        let mut best: BTreeMap<Rank, Object> = BTreeMap::new();
        let (mut matched, mut scanned) = (0_u64, 0_u64);
        for resource in resources {
            // All kinds at the revision of the first, so that one watch continues them all.
            let mut next: Option<String> = None;
            loop {
                let at = revision.filter(|_| next.is_none() && after.is_none());
                let page = self
                    .server_page(&query.selector, resource, self.settings.server_page_max, next.as_deref(), at)
                    .await?;
                revision.get_or_insert(page.revision);
                scanned += page.objects.len() as u64;
                Limits::check(|| "the list".to_owned(), "scan_objects_max", self.settings.scan_objects_max, scanned)?;
                for object in page.objects.into_iter().filter(|o| shows(&query.selector, o)) {
                    let rank = rank(&object, query.order);
                    if after.as_ref().is_some_and(|after| rank <= *after) {
                        continue;
                    }
                    matched += 1;
                    best.insert(rank, trimmed(object, query.without_body));
                    if best.len() > limit {
                        best.pop_last();
                    }
                }
                next = page.next;
                if next.is_none() {
                    break;
                }
            }
        }
        let revision = match revision {
            Some(revision) => revision,
            None => self.revision().await?,
        };
        let (mut items, mut bytes, mut last) = (Vec::new(), 0, None);
        for (rank, object) in best {
            bytes += codec::size_of(&object);
            if bytes > self.settings.limits.page_bytes_max && !items.is_empty() {
                break;
            }
            items.push(Arc::new(object));
            last = Some(rank);
        }
        let remaining = matched - items.len() as u64;
        let place = last.filter(|_| remaining > 0).map(Place::After);
        let continue_token = place.map(|place| PageToken::new(query, revision, place).encode()).transpose()?;
        Ok(Page { items, continue_token, revision, remaining: Some(remaining) })
    }

    /// One answer of the server, of what it can select itself. `at`: as of that revision.
    pub(crate) async fn server_page(
        &self,
        selector: &Selector,
        resource: &Resource,
        limit: u32,
        next: Option<&str>,
        at: Option<Revision>,
    ) -> Result<ServerPage> {
        let what = format!("the list of {}", resource.gvk.kind);
        let limit = limit.max(1).to_string();
        let at = at.map(|r| r.to_string());
        let (labels, fields) = (label_selector(selector), field_selector(selector));
        let collection = resource.collection(selector.namespace.as_deref().unwrap_or_default());
        let uri = |next: Option<&str>| {
            let mut pairs = vec![("limit", limit.as_str())];
            pairs.extend(labels.as_deref().map(|l| ("labelSelector", l)));
            pairs.extend(fields.as_deref().map(|f| ("fieldSelector", f)));
            pairs.extend(next.map(|n| ("continue", n)));
            if let Some(at) = &at {
                pairs.extend([("resourceVersion", at.as_str()), ("resourceVersionMatch", "Exact")]);
            }
            format!("{collection}{}", wire::query(&pairs))
        };
        let text = match self.send_for_page(&what, uri, next).await {
            Err(StoreError::NotFound { .. }) => {
                // The definition went while we remembered it.
                self.kinds.forget(&resource.gvk);
                return Ok(ServerPage { objects: Vec::new(), revision: self.revision().await?, next: None });
            }
            other => other?,
        };
        let answer = parse_list(&what, &text)?;
        let objects =
            answer.items.iter().map(|item| wire::object(&what, &resource.gvk, item.get())).collect::<Result<_>>()?;
        let revision = wire::revision(&what, &answer.metadata.resource_version)?;
        Ok(ServerPage { objects, revision, next: answer.metadata.r#continue.filter(|text| !text.is_empty()) })
    }
}

/// Whether the whole selector shows an object, the server's part included.
pub(crate) fn shows(selector: &Selector, object: &Object) -> bool {
    let phase = if selector.phases.is_empty() { "".into() } else { codec::phase_of(object.status.as_deref()) };
    selector.matches(object, &phase)
}

fn trimmed(object: Object, without_body: bool) -> Object {
    if without_body { Object { body: codec::empty_object(), ..object } } else { object }
}

fn rank(object: &Object, order: Order) -> Rank {
    let meta = &object.metadata;
    match order {
        Order::Name => {
            Rank::Name(object.kind.clone(), object.api_version.clone(), meta.namespace.clone(), meta.name.clone())
        }
        Order::NewestFirst => Rank::Newest(-meta.creation_timestamp.map_or(0, |t| t.as_millis()), hash(&meta.uid)),
    }
}

/// The label requirements in Kubernetes' writing.
pub(crate) fn label_selector(selector: &Selector) -> Option<String> {
    let terms: Vec<String> = selector
        .labels
        .iter()
        .map(|requirement| match requirement {
            LabelRequirement::In(key, values) => format!("{key} in ({})", values.join(",")),
            LabelRequirement::NotIn(key, values) => format!("{key} notin ({})", values.join(",")),
            LabelRequirement::Exists(key) => key.clone(),
            LabelRequirement::NotExists(key) => format!("!{key}"),
        })
        .collect();
    (!terms.is_empty()).then(|| terms.join(","))
}

/// What every kind can be selected by.
pub(crate) fn field_selector(selector: &Selector) -> Option<String> {
    selector.name.as_ref().map(|name| {
        let escaped: String =
            name.chars().flat_map(|c| matches!(c, '\\' | ',' | '=').then_some('\\').into_iter().chain([c])).collect();
        format!("metadata.name={escaped}")
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn labels_are_written_as_kubernetes_reads_them() {
        let selector = Selector {
            labels: vec![
                LabelRequirement::In("a".into(), vec!["1".into(), "2".into()]),
                LabelRequirement::NotIn("b".into(), vec!["x".into()]),
                LabelRequirement::Exists("c/d".into()),
                LabelRequirement::NotExists("e".into()),
            ],
            name: Some("a,b".into()),
            ..Selector::default()
        };
        assert_eq!(label_selector(&selector).unwrap(), "a in (1,2),b notin (x),c/d,!e");
        assert_eq!(field_selector(&selector).unwrap(), r"metadata.name=a\,b");
        assert_eq!(label_selector(&Selector::default()), None);
    }
}
