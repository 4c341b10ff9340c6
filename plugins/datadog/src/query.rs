//! What is asked of Datadog (<https://docs.datadoghq.com/api/latest/metrics/>).

use colchis_sdk::Result;
use colchis_sdk::http::Request;
use provider_kit::{address, time};
use serde_json::{Value, json};

use crate::config::{ApiVersion, Config};

/// The site that is asked where none is named.
const ADDRESS: &str = "https://api.datadoghq.com";

/// The name of a query that users gave none.
const UNNAMED: &str = "query";

/// The request.
pub(crate) fn request(config: &Config, namespace: &str, now_ms: u64) -> Result<Request> {
    let profile = config.profile(namespace);
    let site = profile.setting("address", &config.address)?;
    let base = address::base(site.as_deref().unwrap_or(ADDRESS));
    let from_ms = now_ms.saturating_sub(time::millis(time::duration("interval", &config.interval)?));
    let request = match config.api_version {
        ApiVersion::V1 => Request::get(format!("{base}/api/v1/query"))
            .query("from", &(from_ms / 1000).to_string())
            .query("to", &(now_ms / 1000).to_string())
            .query("query", config.query.trim()),
        ApiVersion::V2 => {
            Request::post(format!("{base}/api/v2/query/scalar")).json(&scalar(config, from_ms, now_ms))?
        }
    };
    Ok(request
        .header("accept", "application/json")
        .header("dd-api-key", profile.secret("api-key")?)
        .header("dd-application-key", profile.secret("app-key")?)
        .timeout(time::duration("requestTimeout", &config.request_timeout)?))
}

/// The body of a request for numbers. Without a formula the one query's own name is the formula.
fn scalar(config: &Config, from_ms: u64, to_ms: u64) -> Value {
    let aggregator = config.aggregator.unwrap_or_default();
    let one = |name: &str, query: &str| json!({"data_source": "metrics", "name": name, "query": query.trim(), "aggregator": aggregator});
    let queries: Vec<Value> = if config.queries.is_empty() {
        vec![one(UNNAMED, &config.query)]
    } else {
        config.queries.iter().map(|(name, query)| one(name, query)).collect()
    };
    let only = config.queries.keys().next().map_or(UNNAMED, String::as_str);
    let formula = Some(config.formula.trim()).filter(|formula| !formula.is_empty()).unwrap_or(only);
    json!({"data": {"type": "scalar_request", "attributes": {
        "from": from_ms, "to": to_ms, "queries": queries, "formulas": [{"formula": formula}],
    }}})
}
