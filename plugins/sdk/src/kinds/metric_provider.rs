//! Metric providers: measure something for an analysis.
//!
//! A measurement that takes long is begun by [`MetricProvider::run`], which answers [`Measurement::running`] with a token; [`MetricProvider::resume`] is asked with it
//! until the measurement is over, so that a plugin is never kept waiting.

use std::time::Duration;

use serde::Serialize;
use serde_json::Value;

use crate::export::{Checked, KindOf};
use crate::{Config, Error, Finding, Result};

/// A metric provider.
pub trait MetricProvider {
    /// What users write below the provider's name, with arguments filled in.
    type Config: Config;

    /// All that is wrong with a configuration that can be read, at once. Only looks: nothing outside is called.
    fn check(config: &Self::Config) -> Vec<Finding> {
        let _ = config;
        Vec::new()
    }

    /// Begins a measurement, and ends it where it can.
    fn run(config: Self::Config, request: &Request) -> Result<Measurement>;

    /// Asks for one that was begun.
    fn resume(config: Self::Config, request: &Request, token: &str) -> Result<Measurement> {
        let _ = (config, request, token);
        Err(Error::permanent("this provider has no measurements that go on").with_code("no-resume"))
    }

    /// Ends one that nobody needs any more. Asked twice, it does no harm.
    fn terminate(config: Self::Config, request: &Request, token: &str) -> Result<Measurement> {
        let _ = (config, request, token);
        Ok(Measurement::inconclusive("ended before it was over"))
    }

    /// What is kept with the run, once: for example the query that was asked.
    fn metadata(config: Self::Config) -> Result<Vec<(String, String)>> {
        let _ = config;
        Ok(Vec::new())
    }
}

/// For whom is measured.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Request {
    /// The metric's name.
    pub metric: String,
    /// The namespace of the analysis run.
    pub namespace: String,
    /// Its name.
    pub analysis_run: String,
    /// When the measurement was begun, in milliseconds since 1970; the same in all its calls.
    pub started_ms: u64,
}

/// How a measurement stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Phase {
    /// It is under way.
    Running,
    /// There is a value. Whether it is good is decided by the conditions of the metric.
    Measured,
    /// It is over, and the provider itself says that it is good.
    Successful,
    /// It is over, and the provider itself says that it is bad.
    Failed,
    /// It is over, and cannot be told.
    Inconclusive,
}

/// A measurement.
#[derive(Debug, Clone, PartialEq)]
pub struct Measurement {
    /// How it stands.
    pub phase: Phase,
    /// The value, which conditions know as `result`; `null` while there is none.
    pub value: Value,
    /// For people: why it stands so.
    pub message: String,
    /// When to ask again, while it is running.
    pub resume_after: Option<Duration>,
    /// What `resume` and `terminate` are given: at most 64 KiB.
    pub token: Option<String>,
    /// What is kept with the measurement: names and values.
    pub metadata: Vec<(String, String)>,
}

impl Measurement {
    fn new(phase: Phase, value: Value, message: String) -> Self {
        Self { phase, value, message, resume_after: None, token: None, metadata: Vec::new() }
    }

    /// A value, judged by the conditions of the metric. What is not JSON is `null`; for numbers that may be infinite or none, see [`number`].
    pub fn of(value: impl Serialize) -> Self {
        Self::new(Phase::Measured, serde_json::to_value(value).unwrap_or_default(), String::new())
    }

    /// Under way: asked for again after a time, with a token.
    pub fn running(token: impl Into<String>, resume_after: Duration) -> Self {
        let mut running = Self::new(Phase::Running, Value::Null, String::new());
        running.token = Some(token.into());
        running.resume_after = Some(resume_after);
        running
    }

    /// Over and good, whatever the conditions say.
    pub fn successful(message: impl Into<String>) -> Self {
        Self::new(Phase::Successful, Value::Null, message.into())
    }

    /// Over and bad, whatever the conditions say.
    pub fn failed(message: impl Into<String>) -> Self {
        Self::new(Phase::Failed, Value::Null, message.into())
    }

    /// Over, and it cannot be told.
    pub fn inconclusive(message: impl Into<String>) -> Self {
        Self::new(Phase::Inconclusive, Value::Null, message.into())
    }

    /// With a value.
    #[must_use]
    pub fn with_value(mut self, value: impl Serialize) -> Self {
        self.value = serde_json::to_value(value).unwrap_or_default();
        self
    }

    /// With a sentence for people.
    #[must_use]
    pub fn with_message(mut self, message: impl Into<String>) -> Self {
        self.message = message.into();
        self
    }

    /// With something that is kept with it.
    #[must_use]
    pub fn with_metadata(mut self, name: impl Into<String>, value: impl Into<String>) -> Self {
        self.metadata.push((name.into(), value.into()));
        self
    }
}

/// A number as a value of a measurement. JSON has no NaN and no infinity: these are the texts `NaN`, `+Inf` and `-Inf`, so that they neither vanish nor look like a
/// number that was measured.
pub fn number(number: f64) -> Value {
    match serde_json::Number::from_f64(number) {
        Some(number) => Value::Number(number),
        None if number.is_nan() => Value::String("NaN".to_owned()),
        None if number > 0.0 => Value::String("+Inf".to_owned()),
        None => Value::String("-Inf".to_owned()),
    }
}

impl<T: MetricProvider> Checked for MetricProviderOf<T> {
    type Config = T::Config;

    fn check(config: &T::Config) -> Vec<Finding> {
        T::check(config)
    }
}

/// Tells the description of one kind from those of others that the same type may implement.
struct MetricProviderOf<T>(std::marker::PhantomData<T>);

#[doc(hidden)]
pub fn __kind<T: MetricProvider>() -> KindOf {
    KindOf::of::<MetricProviderOf<T>>("metric-provider")
}

#[cfg(target_family = "wasm")]
mod component {
    use super::{Measurement, MetricProvider, Phase, Request};
    use crate::bindings::host::colchis::plugin::types::PluginError;
    use crate::bindings::metric_provider::exports::colchis::metric_provider::provider as wit;
    use crate::export::Adapter;
    use crate::host::{begin, error_into, millis};
    use crate::{Result, config};

    impl<T: MetricProvider> wit::Guest for Adapter<T> {
        fn run(request: wit::MeasurementRequest) -> Result<wit::Measurement, PluginError> {
            begin();
            let (json, request) = parts(request);
            answer(config::parse(&json).and_then(|config| T::run(config, &request)))
        }

        fn resume(request: wit::MeasurementRequest, token: String) -> Result<wit::Measurement, PluginError> {
            begin();
            let (json, request) = parts(request);
            answer(config::parse(&json).and_then(|config| T::resume(config, &request, &token)))
        }

        fn terminate(request: wit::MeasurementRequest, token: String) -> Result<wit::Measurement, PluginError> {
            begin();
            let (json, request) = parts(request);
            answer(config::parse(&json).and_then(|config| T::terminate(config, &request, &token)))
        }

        fn metadata(config: String) -> Result<Vec<(String, String)>, PluginError> {
            begin();
            config::parse(&config).and_then(T::metadata).map_err(error_into)
        }
    }

    fn parts(request: wit::MeasurementRequest) -> (String, Request) {
        let wit::MeasurementRequest { config, metric, namespace, analysis_run, started, .. } = request;
        (config, Request { metric, namespace, analysis_run, started_ms: started })
    }

    fn answer(measurement: Result<Measurement>) -> Result<wit::Measurement, PluginError> {
        let measurement = measurement.map_err(error_into)?;
        Ok(wit::Measurement {
            phase: match measurement.phase {
                Phase::Running => wit::Phase::Running,
                Phase::Measured => wit::Phase::Measured,
                Phase::Successful => wit::Phase::Successful,
                Phase::Failed => wit::Phase::Failed,
                Phase::Inconclusive => wit::Phase::Inconclusive,
            },
            value: measurement.value.to_string(),
            message: measurement.message,
            resume_after: measurement.resume_after.map(millis),
            token: measurement.token,
            metadata: measurement.metadata,
            extensions: Vec::new(),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_that_json_does_not_have_are_texts() {
        for (given, expected) in [
            (1.5, "1.5"),
            (3.0, "3.0"),
            (f64::NAN, "\"NaN\""),
            (f64::INFINITY, "\"+Inf\""),
            (f64::NEG_INFINITY, "\"-Inf\""),
        ] {
            assert_eq!(number(given).to_string(), expected);
        }
    }

    #[test]
    fn a_measurement_is_said_in_a_line() {
        let running = Measurement::running("job-7", Duration::from_secs(5)).with_message("queued");
        assert_eq!(
            (running.phase, running.token.as_deref(), &running.value),
            (Phase::Running, Some("job-7"), &Value::Null)
        );
        let measured = Measurement::of([1, 2]).with_metadata("query", "up");
        assert_eq!((measured.phase, measured.value.to_string().as_str()), (Phase::Measured, "[1,2]"));
        assert_eq!(measured.metadata, [("query".to_owned(), "up".to_owned())]);
    }
}
