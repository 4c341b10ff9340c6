//! Which kind a request means: the built-in ones and those that CustomResourceDefinition objects define.

use std::borrow::Cow;

use model::core::CustomResourceDefinition;
use model::meta::{Kind as _, KindInfo, kinds};
use model::workflow::{ClusterWorkflowTemplate, CronWorkflow, Workflow, WorkflowTemplate};
use proto_gen::v1::Fault;
use store::objects::{Gvk, ListQuery, Objects, Selector};
use tonic::Code;

use crate::failure::{Failure, Outcome};

/// CustomResourceDefinitions looked at, at most.
const DEFINITIONS_MAX: u32 = 500;

/// A kind, as far as the api needs to know it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct KindRef {
    pub(crate) api_version: Cow<'static, str>,
    pub(crate) kind: Cow<'static, str>,
    pub(crate) plural: Cow<'static, str>,
    pub(crate) singular: Cow<'static, str>,
    pub(crate) short_names: Vec<Cow<'static, str>>,
    pub(crate) namespaced: bool,
    pub(crate) custom: bool,
}

impl KindRef {
    const fn built_in(api_version: &'static str, kind: &'static str, plural: &'static str, namespaced: bool) -> Self {
        Self {
            api_version: Cow::Borrowed(api_version),
            kind: Cow::Borrowed(kind),
            plural: Cow::Borrowed(plural),
            singular: Cow::Borrowed(""),
            short_names: Vec::new(),
            namespaced,
            custom: false,
        }
    }

    pub(crate) fn gvk(&self) -> Gvk {
        Gvk::new(&*self.api_version, &*self.kind)
    }

    pub(crate) fn is_secret(&self) -> bool {
        self.kind == "Secret" && self.api_version == "v1"
    }

    fn group(&self) -> &str {
        self.api_version.split_once('/').map_or("", |(group, _)| group)
    }

    fn is_called(&self, name: &str) -> bool {
        let (short, group) = name.split_once('.').map_or((name, None), |(short, group)| (short, Some(group)));
        let names = [&self.kind, &self.plural, &self.singular];
        let called = names.into_iter().chain(&self.short_names).any(|known| known.eq_ignore_ascii_case(short));
        called && group.is_none_or(|group| group == self.group())
    }
}

impl From<&KindInfo> for KindRef {
    fn from(info: &KindInfo) -> Self {
        Self {
            api_version: info.api_version.clone(),
            kind: info.kind.clone(),
            plural: info.plural.clone(),
            singular: info.singular.clone(),
            short_names: info.short_names.to_vec(),
            namespaced: info.namespaced,
            custom: false,
        }
    }
}

macro_rules! known {
    ($($name:ident: $kind:ty;)*) => { $(
        pub(crate) const $name: KindRef =
            KindRef::built_in(<$kind>::API_VERSION, <$kind>::KIND, <$kind>::PLURAL, <$kind>::NAMESPACED);
    )* };
}

known! {
    WORKFLOW: Workflow;
    WORKFLOW_TEMPLATE: WorkflowTemplate;
    CLUSTER_WORKFLOW_TEMPLATE: ClusterWorkflowTemplate;
    CRON_WORKFLOW: CronWorkflow;
}

/// The kinds of a store.
pub(crate) struct Kinds<'a>(pub(crate) &'a dyn Objects);

impl Kinds<'_> {
    /// The kind called `name` (its kind, plural, singular or short name), of an API version if one is given.
    pub(crate) async fn find(&self, api_version: &str, name: &str) -> Outcome<KindRef> {
        if name.is_empty() {
            return Err(Failure::field("kind", "is required"));
        }
        let fits = |kind: &KindRef| kind.is_called(name) && (api_version.is_empty() || kind.api_version == api_version);
        let built_in =
            kinds().iter().find(|info| info.kind == name || info.is_called(name.split('.').next().unwrap_or(name)));
        if let Some(kind) = built_in.map(KindRef::from).filter(fits) {
            return Ok(kind);
        }
        let all = self.all().await?;
        if let Some(kind) = all.iter().find(|kind| fits(kind)) {
            return Ok(kind.clone());
        }
        let what = if api_version.is_empty() { name.to_owned() } else { format!("{name} ({api_version})") };
        let failure =
            Failure::new(Code::NotFound, "UnknownKind", Fault::Caller, format!("the server knows no kind {what}"))
                .about(name);
        let near = all.iter().flat_map(|kind| [(&kind.kind, kind), (&kind.plural, kind)]);
        let near = near
            .map(|(text, kind)| (strsim::damerau_levenshtein(&text.to_lowercase(), &name.to_lowercase()), kind))
            .min_by_key(|(distance, _)| *distance)
            .filter(|(distance, _)| *distance <= 3);
        Err(match near {
            Some((_, kind)) => failure.hint(format!("did you mean {} ({})?", kind.kind, kind.api_version)),
            None => failure.hint("ListKinds tells all of them; others are defined by a CustomResourceDefinition"),
        })
    }

    /// All kinds, by API version and kind.
    pub(crate) async fn all(&self) -> Outcome<Vec<KindRef>> {
        let mut all: Vec<KindRef> = kinds().iter().map(KindRef::from).collect();
        let gvk = Gvk::new(CustomResourceDefinition::API_VERSION, CustomResourceDefinition::KIND);
        let query = ListQuery { selector: Selector::of(gvk), limit: Some(DEFINITIONS_MAX), ..ListQuery::default() };
        for object in self.0.list(&query).await?.items {
            // One definition that cannot be read does not hide the others.
            let Ok(definition) = object.decode::<CustomResourceDefinition>() else { continue };
            all.extend(definition.kinds().map(|info| KindRef { custom: true, ..KindRef::from(&info) }));
        }
        all.sort_by(|a, b| (&a.api_version, &a.kind).cmp(&(&b.api_version, &b.kind)));
        Ok(all)
    }
}
