//! What Graphite answers (<https://graphite.readthedocs.io/en/stable/render_api.html>).

use colchis_sdk::http::Response;
use colchis_sdk::metric_provider::number;
use colchis_sdk::{Error, Result};
use provider_kit::refusal;
use serde::Deserialize;
use serde_json::Value;

/// What Graphite is called in errors.
const SERVICE: &str = "Graphite";

#[derive(Deserialize)]
struct Series {
    /// A value and its time in seconds.
    datapoints: Vec<(Option<f64>, f64)>,
}

/// The numbers of an answer, or the error that it tells.
pub(crate) fn read(response: &Response) -> Result<Vec<Value>> {
    if response.status() == 400 {
        let message = format!("Graphite refuses the query: {}", response.excerpt());
        return Err(Error::invalid("query", message).with_code("bad-query"));
    }
    if response.status() != 200 {
        return Err(refusal::of(response, SERVICE, &response.excerpt(), None));
    }
    let series: Vec<Series> = response.json().map_err(|_| refusal::unreadable(response, SERVICE))?;
    let values = series.iter().flat_map(|one| one.datapoints.iter().filter_map(|(value, _)| *value));
    Ok(values.map(number).collect())
}
