//! Spans of runs, nodes and effects, sent to a collector by OTLP.

use opentelemetry::KeyValue;
use opentelemetry::trace::TracerProvider as _;
use opentelemetry_otlp::tonic_types::metadata::MetadataMap;
use opentelemetry_otlp::tonic_types::transport::ClientTlsConfig;
use opentelemetry_otlp::{ExporterBuildError, SpanExporter, WithExportConfig, WithHttpConfig, WithTonicConfig};
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::runtime::Tokio;
use opentelemetry_sdk::trace::span_processor_with_async_runtime::BatchSpanProcessor;
use opentelemetry_sdk::trace::{Sampler, SdkTracerProvider};
use tracing_subscriber::filter::LevelFilter;
use tracing_subscriber::{Layer, Registry};

use crate::config::{Otlp, OtlpProtocol};

/// Traces cannot be sent.
#[derive(Debug, thiserror::Error)]
pub enum TraceError {
    /// The exporter cannot be made.
    #[error("otlp.endpoint {endpoint}: no traces can be sent there")]
    Exporter {
        /// The collector.
        endpoint: String,
        /// Why.
        #[source]
        source: ExporterBuildError,
    },
    /// A header is not one.
    #[error("otlp.headers: `{name}` is not a header that can be sent")]
    Header {
        /// Its name; its value is never told.
        name: String,
    },
}

/// Sends spans until it is shut down.
#[derive(Debug)]
pub struct Traces {
    provider: SdkTracerProvider,
}

impl Traces {
    /// Begins to send. Must be called within the async runtime that carries the batches.
    ///
    /// # Errors
    /// The endpoint or a header cannot be used.
    pub fn start(otlp: &Otlp) -> Result<(Self, Box<dyn Layer<Registry> + Send + Sync>), TraceError> {
        let exporter = exporter(otlp)?;
        let provider = SdkTracerProvider::builder()
            .with_resource(
                Resource::builder()
                    .with_service_name("colchis")
                    .with_attribute(KeyValue::new("service.version", env!("CARGO_PKG_VERSION")))
                    .build(),
            )
            .with_sampler(Sampler::ParentBased(Box::new(Sampler::TraceIdRatioBased(otlp.sample_ratio))))
            .with_span_processor(BatchSpanProcessor::builder(exporter, Tokio).build())
            .build();
        let layer =
            tracing_opentelemetry::layer().with_tracer(provider.tracer("colchis")).with_filter(LevelFilter::INFO);
        Ok((Self { provider }, Box::new(layer)))
    }

    /// Sends what is left. Blocks for a few seconds at most.
    pub fn stop(&self) {
        if let Err(error) = self.provider.shutdown() {
            tracing::warn!(%error, "the last traces could not be sent");
        }
    }
}

fn exporter(otlp: &Otlp) -> Result<SpanExporter, TraceError> {
    let wrong = |source| TraceError::Exporter { endpoint: otlp.endpoint.clone(), source };
    match otlp.protocol {
        OtlpProtocol::Grpc => {
            let mut headers = hyper::HeaderMap::new();
            for (name, value) in &otlp.headers {
                let parsed = (
                    hyper::header::HeaderName::try_from(name.as_str()),
                    hyper::header::HeaderValue::try_from(value.as_str()),
                );
                let (Ok(key), Ok(value)) = parsed else { return Err(TraceError::Header { name: name.clone() }) };
                headers.insert(key, value);
            }
            let mut builder = SpanExporter::builder()
                .with_tonic()
                .with_endpoint(&otlp.endpoint)
                .with_metadata(MetadataMap::from_headers(headers));
            if otlp.endpoint.starts_with("https://") {
                builder = builder.with_tls_config(ClientTlsConfig::new().with_enabled_roots());
            }
            builder.build().map_err(wrong)
        }
        OtlpProtocol::Http => SpanExporter::builder()
            .with_http()
            .with_endpoint(format!("{}/v1/traces", otlp.endpoint.trim_end_matches('/')))
            .with_headers(otlp.headers.iter().cloned().collect())
            .build()
            .map_err(wrong),
    }
}
