//! `colchis:metric-provider`.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use plugin::{CallContext, Kind, Measurement, MetricPhase, MetricProvider, MetricRequest, Result};
use serde_json::Value;

use super::{MESSAGE_BYTES_MAX, no_export, no_larger};
use crate::bindings::metric::exports::colchis::metric_provider::provider as wit;
use crate::bindings::metric::{Measuring, MeasuringIndices};
use crate::call::{Called, Ground};
use crate::convert;
use crate::instance::State;
use crate::loaded::Loaded;
use crate::told::Told;

/// The longest token (bytes).
const TOKEN_BYTES_MAX: usize = 64 << 10;
/// The most metadata (bytes).
const METADATA_BYTES_MAX: usize = 64 << 10;

/// A component that measures.
pub(crate) struct ComponentMetric {
    pub(crate) ground: Ground,
    pub(crate) loaded: Arc<Loaded>,
}

impl ComponentMetric {
    async fn call<T: Told>(
        &self,
        context: &CallContext,
        export: impl AsyncFnOnce(&mut wasmtime::Store<State>, Measuring) -> Called<T>,
    ) -> Result<T> {
        let none = || no_export(&self.loaded.shared.name, "metric provider");
        let indices: &MeasuringIndices = self.loaded.exports.metric.as_ref().ok_or_else(none)?;
        let call = self.ground.call(&self.loaded, Kind::MetricProvider, context, async |store, instance| {
            let measuring = indices.load(&mut *store, instance)?;
            export(store, measuring).await
        });
        call.await
    }

    fn request(&self, context: &CallContext, request: &MetricRequest) -> wit::MeasurementRequest {
        wit::MeasurementRequest {
            config: request.config.to_string(),
            metric: request.metric.clone(),
            namespace: context.object.namespace.to_string(),
            analysis_run: context.object.name.to_string(),
            started: request.started_ms,
            extensions: Vec::new(),
        }
    }
}

#[async_trait]
impl MetricProvider for ComponentMetric {
    async fn run(&self, call: &CallContext, request: &MetricRequest) -> Result<Measurement> {
        self.loaded.check(Kind::MetricProvider, &request.config)?;
        let request = self.request(call, request);
        let said = self.call(call, async |store, measuring: Measuring| {
            measuring.colchis_metric_provider_provider().call_run(store, &request).await
        });
        measurement(said.await?)
    }

    async fn resume(&self, call: &CallContext, request: &MetricRequest, token: &str) -> Result<Measurement> {
        self.loaded.check(Kind::MetricProvider, &request.config)?;
        let request = self.request(call, request);
        let said = self.call(call, async |store, measuring: Measuring| {
            measuring.colchis_metric_provider_provider().call_resume(store, &request, token).await
        });
        measurement(said.await?)
    }

    async fn terminate(&self, call: &CallContext, request: &MetricRequest, token: &str) -> Result<Measurement> {
        let request = self.request(call, request);
        let said = self.call(call, async |store, measuring: Measuring| {
            measuring.colchis_metric_provider_provider().call_terminate(store, &request, token).await
        });
        measurement(said.await?)
    }

    async fn metadata(&self, call: &CallContext, config: &Value) -> Result<Vec<(String, String)>> {
        self.loaded.check(Kind::MetricProvider, config)?;
        let config = config.to_string();
        let said = self.call(call, async |store, measuring: Measuring| {
            measuring.colchis_metric_provider_provider().call_metadata(store, &config).await
        });
        said.await
    }
}

fn measurement(said: wit::Measurement) -> Result<Measurement> {
    let phase = match said.phase {
        wit::Phase::Running => MetricPhase::Running,
        wit::Phase::Measured => MetricPhase::Measured,
        wit::Phase::Successful => MetricPhase::Successful,
        wit::Phase::Failed => MetricPhase::Failed,
        wit::Phase::Inconclusive | wit::Phase::Other(_) => MetricPhase::Inconclusive,
    };
    no_larger("the token", said.token.as_ref().map_or(0, String::len), TOKEN_BYTES_MAX)?;
    let bytes = said.metadata.iter().map(|(name, value)| name.len() + value.len()).sum();
    no_larger("the metadata", bytes, METADATA_BYTES_MAX)?;
    Ok(Measurement {
        phase,
        value: if said.value.is_empty() { Value::Null } else { convert::json("the value", &said.value)? },
        message: convert::cut(said.message, MESSAGE_BYTES_MAX),
        resume_after: said.resume_after.map(Duration::from_millis),
        token: said.token,
        metadata: said.metadata,
    })
}
