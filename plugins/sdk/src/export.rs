//! What [`export!`](crate::export!) makes: the description, and the adapters of the kinds.

use std::marker::PhantomData;

use crate::{About, Config, Finding, Result, config};

/// A plugin's own type, with its `about` and its kinds. Made by the macro.
pub trait Plugin {
    /// What it says about itself.
    fn about() -> About;

    /// The kinds that it is of.
    fn kinds() -> Vec<KindOf>;
}

/// A kind, and the functions of one implementation of it that the description needs.
#[derive(Clone, Copy)]
pub struct KindOf {
    /// Its name, as `metric-provider`.
    pub name: &'static str,
    /// The configuration's JSON Schema.
    pub schema: fn() -> String,
    check: Check,
}

type Check = fn(&str) -> Result<Vec<Finding>>;

/// What each kind's trait says about its configuration.
pub trait Checked {
    /// The configuration.
    type Config: Config;

    /// All that is wrong with one.
    fn check(config: &Self::Config) -> Vec<Finding>;
}

impl KindOf {
    /// Of a kind's name and an implementation.
    pub fn of<C: Checked>(name: &'static str) -> Self {
        Self { name, schema: config::schema::<C::Config>, check: check::<C> }
    }

    /// What is wrong with a configuration. One that cannot be read is a finding as well.
    pub fn check(&self, json: &str) -> Result<Vec<Finding>> {
        (self.check)(json)
    }
}

fn check<C: Checked>(json: &str) -> Result<Vec<Finding>> {
    Ok(match config::parse::<C::Config>(json) {
        Ok(config) => C::check(&config),
        Err(error) => vec![Finding::error(error.field().unwrap_or_default(), error.message())],
    })
}

/// Stands between an author's type and the functions of an interface.
pub struct Adapter<T>(PhantomData<T>);

#[cfg(target_family = "wasm")]
mod description {
    use super::{Adapter, Plugin};
    use crate::bindings::description::exports::colchis::plugin::description as wit;
    use crate::bindings::host::colchis::plugin::types::PluginError;
    use crate::host::{begin, error_into};
    use crate::{Capability, Error, Severity};

    impl<P: Plugin> wit::Guest for Adapter<P> {
        fn describe() -> Result<wit::Info, PluginError> {
            begin();
            let about = P::about();
            let kinds = P::kinds();
            let kinds =
                kinds.iter().map(|kind| wit::KindInfo { kind: kind_of(kind.name), config_schema: (kind.schema)() });
            let needs = about.all_needs().iter().map(|need| wit::Need {
                what: capability(&need.what),
                why: need.why.clone(),
                optional: need.optional,
            });
            Ok(wit::Info {
                name: about.name().to_owned(),
                version: about.version().to_owned(),
                summary: about.summary().to_owned(),
                kinds: kinds.collect(),
                needs: needs.collect(),
                extensions: Vec::new(),
            })
        }

        fn check_config(kind: wit::Kind, config: String) -> Result<Vec<wit::Finding>, PluginError> {
            begin();
            let name = name_of(&kind);
            let Some(kind) = P::kinds().into_iter().find(|kind| kind.name == name) else {
                return Err(error_into(
                    Error::not_found(format!("this plugin is no {name}")).with_code("no-such-kind"),
                ));
            };
            let findings = kind.check(&config).map_err(error_into)?;
            Ok(findings
                .into_iter()
                .map(|finding| wit::Finding {
                    severity: match finding.severity {
                        Severity::Error => wit::Severity::Error,
                        Severity::Warning => wit::Severity::Warning,
                    },
                    field: finding.field,
                    message: finding.message,
                })
                .collect())
        }
    }

    fn kind_of(name: &str) -> wit::Kind {
        match name {
            "metric-provider" => wit::Kind::MetricProvider,
            "manifest-renderer" => wit::Kind::ManifestRenderer,
            "event-source" => wit::Kind::EventSource,
            "trigger" => wit::Kind::Trigger,
            "step" => wit::Kind::Step,
            other => wit::Kind::Other(other.to_owned()),
        }
    }

    fn name_of(kind: &wit::Kind) -> &str {
        match kind {
            wit::Kind::MetricProvider => "metric-provider",
            wit::Kind::ManifestRenderer => "manifest-renderer",
            wit::Kind::EventSource => "event-source",
            wit::Kind::Trigger => "trigger",
            wit::Kind::Step => "step",
            wit::Kind::Other(name) => name,
        }
    }

    fn capability(what: &Capability) -> wit::Capability {
        match what {
            Capability::Http(host) => wit::Capability::Http(host.clone()),
            Capability::Endpoint(place) => wit::Capability::Endpoint(place.clone()),
            Capability::Secret(name) => wit::Capability::Secret(name.clone()),
            Capability::Reveal(name) => wit::Capability::Reveal(name.clone()),
            Capability::State => wit::Capability::State,
            Capability::Blobs => wit::Capability::Blobs,
            Capability::Lookup => wit::Capability::Lookup,
        }
    }
}

/// Makes a component of types that implement the traits of kinds: `about` first, then each kind and its type.
///
/// ```
/// # use colchis_sdk::{Result, about};
/// # use colchis_sdk::metric_provider::{Measurement, MetricProvider, Request};
/// # #[derive(serde::Deserialize, schemars::JsonSchema)]
/// # struct Nothing {}
/// # struct Always;
/// # impl MetricProvider for Always {
/// #     type Config = Nothing;
/// #     fn run(_: Nothing, _: &Request) -> Result<Measurement> { Ok(Measurement::of(1)) }
/// # }
/// colchis_sdk::export! {
///     about: about!("always", "Measures 1"),
///     metric_provider: Always,
/// }
/// ```
///
/// Kinds: `metric_provider`, `manifest_renderer`, `event_subscriber`, `event_receiver`, `trigger`, `step`.
#[macro_export]
macro_rules! export {
    (about: $about:expr, $($kind:ident: $implementation:ty),+ $(,)?) => {
        /// The component, as the macro `export!` made it.
        #[doc(hidden)]
        pub struct __Plugin;

        impl $crate::export::Plugin for __Plugin {
            fn about() -> $crate::About {
                $about
            }

            fn kinds() -> ::std::vec::Vec<$crate::export::KindOf> {
                ::std::vec![$($crate::$kind::__kind::<$implementation>()),+]
            }
        }

        #[cfg(target_family = "wasm")]
        const _: () = {
            type Described = $crate::export::Adapter<__Plugin>;
            $crate::bindings::description::export_description!(Described with_types_in $crate::bindings::description);
        };
        $(
            #[cfg(target_family = "wasm")]
            const _: () = {
                type Exported = $crate::export::Adapter<$implementation>;
                $crate::__export_kind!($kind Exported);
            };
        )+
    };
}

/// The macro that `wit_bindgen` made for a kind.
#[doc(hidden)]
#[macro_export]
macro_rules! __export_kind {
    (metric_provider $exported:ident) => {
        $crate::bindings::metric_provider::export_metric_provider!($exported with_types_in $crate::bindings::metric_provider);
    };
    (manifest_renderer $exported:ident) => {
        $crate::bindings::manifest_renderer::export_manifest_renderer!($exported with_types_in $crate::bindings::manifest_renderer);
    };
    (event_subscriber $exported:ident) => {
        $crate::bindings::event_subscriber::export_event_subscriber!($exported with_types_in $crate::bindings::event_subscriber);
    };
    (event_receiver $exported:ident) => {
        $crate::bindings::event_receiver::export_event_receiver!($exported with_types_in $crate::bindings::event_receiver);
    };
    (trigger $exported:ident) => {
        $crate::bindings::trigger::export_trigger!($exported with_types_in $crate::bindings::trigger);
    };
    (step $exported:ident) => {
        $crate::bindings::step::export_step!($exported with_types_in $crate::bindings::step);
    };
}
