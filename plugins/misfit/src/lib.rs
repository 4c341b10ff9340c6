//! Says wrong things about itself: for the tests of `colchis plugin test`. It is not shipped.
//!
//! Must not know: what is expected to be found about it.

use std::borrow::Cow;

use colchis_sdk::metric_provider::{Measurement, MetricProvider, Request as Measured};
use colchis_sdk::step::{Progress, Request, Step};
use colchis_sdk::{About, Capability, Result};
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Deserializer, de::IgnoredAny};

/// A configuration whose schema takes more than objects.
#[derive(Debug)]
pub struct NoSchema;

/// A configuration that is read whatever it is.
#[derive(Debug)]
pub struct Anything;

impl<'de> Deserialize<'de> for NoSchema {
    fn deserialize<D: Deserializer<'de>>(from: D) -> std::result::Result<Self, D::Error> {
        IgnoredAny::deserialize(from).map(|_| Self)
    }
}

impl<'de> Deserialize<'de> for Anything {
    fn deserialize<D: Deserializer<'de>>(from: D) -> std::result::Result<Self, D::Error> {
        IgnoredAny::deserialize(from).map(|_| Self)
    }
}

impl JsonSchema for NoSchema {
    fn schema_name() -> Cow<'static, str> {
        "NoSchema".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({"title": "anything at all"})
    }
}

impl JsonSchema for Anything {
    fn schema_name() -> Cow<'static, str> {
        "Anything".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({"type": "object", "properties": {"count": {"type": "integer"}, "size": {"minimum": 1}}})
    }
}

/// The plugin.
#[derive(Debug)]
pub struct Misfit;

impl MetricProvider for Misfit {
    type Config = NoSchema;

    fn run(_: NoSchema, _: &Measured) -> Result<Measurement> {
        Ok(Measurement::of(1))
    }
}

impl Step for Misfit {
    type Config = Anything;

    fn start(_: Anything, _: &Request) -> Result<Progress> {
        Ok(Progress::succeeded())
    }
}

colchis_sdk::export! {
    about: About::new("misfit", "one", "").needs(Capability::State, ""),
    metric_provider: Misfit,
    step: Misfit,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_takes_everything() {
        let config = colchis_sdk::parse::<Anything>(r#"{"count": "many"}"#).unwrap();
        assert!(Misfit::start(config, &Request::default()).is_ok());
    }
}
