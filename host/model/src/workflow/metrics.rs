//! Metrics that a run or a node emits.

use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// A bucket's upper bound.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Amount(pub f64);

impl Serialize for Amount {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_f64(self.0)
    }
}

impl<'de> Deserialize<'de> for Amount {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        f64::deserialize(deserializer).map(Self)
    }
}

impl schemars::JsonSchema for Amount {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "Amount".into()
    }
    fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
        schemars::json_schema!({"type": "number"})
    }
    fn inline_schema() -> bool {
        true
    }
}

record! {
    /// Metrics that a run or a node emits.
    pub struct Metrics {
        /// For Prometheus.
        pub prometheus: Vec<Prometheus>,
    }

    /// One metric; one of `gauge`, `histogram` and `counter` is set.
    pub struct Prometheus {
        /// The metric's name.
        pub name: String,
        /// Labels.
        pub labels: Vec<MetricLabel>,
        /// What it measures, for people.
        pub help: String,
        /// The condition under which it is emitted.
        pub when: Option<String>,
        /// A value that goes up and down.
        pub gauge: Option<Gauge>,
        /// A distribution.
        pub histogram: Option<Histogram>,
        /// A value that only grows.
        pub counter: Option<Counter>,
    }

    /// A label of a metric.
    pub struct MetricLabel {
        /// Name.
        pub key: String,
        /// Value; may hold tags.
        pub value: String,
    }

    /// A value that goes up and down.
    pub struct Gauge {
        /// The value; may hold tags.
        pub value: String,
        /// Emitted while the node runs; only for durations.
        pub realtime: Option<bool>,
        /// What is done with the value; `Set` by default.
        pub operation: Option<GaugeOperation>,
    }

    /// A distribution.
    pub struct Histogram {
        /// The value; may hold tags.
        pub value: String,
        /// Upper bounds, rising.
        pub buckets: Vec<Amount>,
    }

    /// A value that only grows.
    pub struct Counter {
        /// By how much; may hold tags.
        pub value: String,
    }
}

words! {
    /// What is done with a gauge's value.
    #[derive(Default)]
    pub enum GaugeOperation {
        /// Replaces.
        #[default]
        Set = "Set",
        /// Adds.
        Add = "Add",
        /// Subtracts.
        Sub = "Sub",
    }
}
