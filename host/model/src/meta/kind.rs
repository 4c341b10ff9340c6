//! The table of kinds that the server knows.

use std::borrow::Cow;
use std::sync::LazyLock;

use super::{DecodeError, EncodeError, Object, ObjectMeta};

/// A kind of object that has a Rust type.
pub trait Kind: Sized {
    /// Group and version, such as `argoproj.io/v1alpha1`.
    const API_VERSION: &'static str;
    /// The kind, such as `Workflow`.
    const KIND: &'static str;
    /// The resource's name in addresses, such as `workflows`.
    const PLURAL: &'static str;
    /// False for cluster-wide kinds.
    const NAMESPACED: bool;
    /// What people type, such as `wf`.
    const SHORT_NAMES: &'static [&'static str];

    /// The object's metadata.
    fn metadata(&self) -> &ObjectMeta;
    /// The object's metadata, to change.
    fn metadata_mut(&mut self) -> &mut ObjectMeta;
    /// Reads the untyped form; the object's type was checked by the caller ([`Object::decode`] does).
    fn from_object(object: &Object) -> Result<Self, DecodeError>;
    /// Writes the untyped form.
    fn into_object(self) -> Result<Object, EncodeError>;
}

/// What the server does with the objects of a kind.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum KindRole {
    /// An engine or the server acts on it.
    Acts,
    /// It is stored and given back, without effect on the local runner.
    Kept,
    /// It is defined by a CustomResourceDefinition; stored and given back.
    Custom,
}

/// One row of the table of kinds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KindInfo {
    /// Group and version.
    pub api_version: Cow<'static, str>,
    /// The kind.
    pub kind: Cow<'static, str>,
    /// The resource's name in addresses.
    pub plural: Cow<'static, str>,
    /// The resource's name for one object, as `kubectl` prints it.
    pub singular: Cow<'static, str>,
    /// False for cluster-wide kinds.
    pub namespaced: bool,
    /// What people type.
    pub short_names: Cow<'static, [Cow<'static, str>]>,
    /// What the server does with its objects.
    pub role: KindRole,
}

impl KindInfo {
    /// The group; empty for the core group.
    pub fn group(&self) -> &str {
        self.api_version.split_once('/').map_or("", |(group, _)| group)
    }

    /// The version, such as `v1alpha1`.
    pub fn version(&self) -> &str {
        self.api_version.split_once('/').map_or(&self.api_version, |(_, version)| version)
    }

    /// Says whether `name` (a plural, singular, short name or kind, in any case) means this kind.
    pub fn is_called(&self, name: &str) -> bool {
        name.eq_ignore_ascii_case(&self.plural)
            || name.eq_ignore_ascii_case(&self.singular)
            || name.eq_ignore_ascii_case(&self.kind)
            || self.short_names.iter().any(|s| name.eq_ignore_ascii_case(s))
    }

    fn built_in(
        api_version: &'static str,
        kind: &'static str,
        plural: &'static str,
        namespaced: bool,
        short_names: &[&'static str],
        role: KindRole,
    ) -> Self {
        Self {
            api_version: api_version.into(),
            kind: kind.into(),
            plural: plural.into(),
            singular: kind.to_ascii_lowercase().into(),
            namespaced,
            short_names: short_names.iter().map(|s| Cow::Borrowed(*s)).collect(),
            role,
        }
    }

    fn of<K: Kind>() -> Self {
        Self::built_in(K::API_VERSION, K::KIND, K::PLURAL, K::NAMESPACED, K::SHORT_NAMES, KindRole::Acts)
    }
}

/// The kinds that the server knows by itself (those of CustomResourceDefinition objects come beside).
pub fn kinds() -> &'static [KindInfo] {
    static KINDS: LazyLock<Vec<KindInfo>> = LazyLock::new(|| {
        use crate::core::{ConfigMap, CustomResourceDefinition, Namespace, PersistentVolumeClaim, Secret};
        use crate::plugin::Plugin;
        use crate::workflow::{
            ClusterWorkflowTemplate, CronWorkflow, Workflow, WorkflowEventBinding, WorkflowTemplate,
        };
        const RBAC: &str = "rbac.authorization.k8s.io/v1";
        let kept = |api_version, kind, plural, namespaced, short: &[&'static str]| {
            KindInfo::built_in(api_version, kind, plural, namespaced, short, KindRole::Kept)
        };
        vec![
            KindInfo::of::<Workflow>(),
            KindInfo::of::<WorkflowTemplate>(),
            KindInfo::of::<ClusterWorkflowTemplate>(),
            KindInfo::of::<CronWorkflow>(),
            KindInfo::of::<WorkflowEventBinding>(),
            KindInfo::of::<ConfigMap>(),
            KindInfo::of::<Secret>(),
            KindInfo::of::<PersistentVolumeClaim>(),
            KindInfo::of::<CustomResourceDefinition>(),
            KindInfo::of::<Namespace>(),
            KindInfo::of::<Plugin>(),
            kept("v1", "ServiceAccount", "serviceaccounts", true, &["sa"]),
            kept(RBAC, "Role", "roles", true, &[]),
            kept(RBAC, "RoleBinding", "rolebindings", true, &[]),
            kept(RBAC, "ClusterRole", "clusterroles", false, &[]),
            kept(RBAC, "ClusterRoleBinding", "clusterrolebindings", false, &[]),
        ]
    });
    &KINDS
}

/// The kind with this type, if the server knows it.
pub fn find_kind(api_version: &str, kind: &str) -> Option<&'static KindInfo> {
    kinds().iter().find(|k| k.api_version == api_version && k.kind == kind)
}

/// The kind that a person means by `name`: a plural, singular or short name, with or without `.group`.
pub fn find_resource(name: &str) -> Option<&'static KindInfo> {
    let (short, group) = name.split_once('.').map_or((name, None), |(n, g)| (n, Some(g)));
    kinds().iter().find(|k| k.is_called(short) && group.is_none_or(|g| g == k.group()))
}

/// Implements [`Kind`] for a type with a `metadata` field that is not written while it is empty.
macro_rules! impl_kind {
    ($name:ident, $api_version:literal, $plural:literal, namespaced: $namespaced:literal, short: $short:expr $(, status: $status:ident)?) => {
        impl crate::meta::Kind for $name {
            const API_VERSION: &'static str = $api_version;
            const KIND: &'static str = stringify!($name);
            const PLURAL: &'static str = $plural;
            const NAMESPACED: bool = $namespaced;
            const SHORT_NAMES: &'static [&'static str] = &$short;

            fn metadata(&self) -> &crate::meta::ObjectMeta {
                &self.metadata
            }

            fn metadata_mut(&mut self) -> &mut crate::meta::ObjectMeta {
                &mut self.metadata
            }

            fn from_object(object: &crate::meta::Object) -> Result<Self, crate::meta::DecodeError> {
                let mut this: Self = object.decode_body()?;
                this.metadata = object.metadata.clone();
                $(this.$status = object.decode_status()?;)?
                Ok(this)
            }

            fn into_object(mut self) -> Result<crate::meta::Object, crate::meta::EncodeError> {
                let metadata = std::mem::take(&mut self.metadata);
                #[allow(unused_mut, unused_assignments)]
                let mut status = None;
                $(status = crate::meta::Object::encode_status(std::mem::take(&mut self.$status))?;)?
                crate::meta::Object::encode(Self::API_VERSION, Self::KIND, metadata, &self, status)
            }
        }
    };
}
pub(crate) use impl_kind;
