//! Queries in InfluxQL (<https://docs.influxdata.com/influxdb/v1/tools/api/#query-http-endpoint>).

use colchis_sdk::http::{Request, Response};
use colchis_sdk::{Error, Result, secrets};
use provider_kit::refusal;
use serde::Deserialize;
use serde_json::Value;

use crate::SERVICE;
use crate::config::Config;

/// The request. A server that asks nobody for a token is asked without one.
pub(crate) fn request(config: &Config) -> Result<Request> {
    let profile = config.profile();
    let mut form = vec![("db", config.database.trim()), ("q", config.query.trim()), ("epoch", "ms")];
    if !config.retention_policy.trim().is_empty() {
        form.push(("rp", config.retention_policy.trim()));
    }
    let request = Request::post(format!("{}/query", config.base()?)).header("accept", "application/json").form(&form);
    if let Some(user) = profile.secret_if_granted("username")? {
        let password = profile.secret("password")?;
        return Ok(
            request.header("authorization", format!("Basic {}", secrets::base64(&format!("{user}:{password}"))?))
        );
    }
    Ok(match profile.secret_if_granted("authToken")? {
        Some(token) => request.header("authorization", format!("Token {token}")),
        None => request,
    })
}

#[derive(Deserialize)]
struct Answer {
    #[serde(default)]
    results: Vec<Statement>,
    error: Option<String>,
}

#[derive(Deserialize)]
struct Statement {
    #[serde(default)]
    series: Vec<Series>,
    error: Option<String>,
    /// There is more than the server gives at once.
    #[serde(default)]
    partial: bool,
}

#[derive(Deserialize)]
struct Series {
    columns: Vec<String>,
    #[serde(default)]
    values: Vec<Vec<Value>>,
    #[serde(default)]
    partial: bool,
}

/// The values of an answer, or the error that it tells.
pub(crate) fn read(response: &Response) -> Result<Vec<Value>> {
    let Ok(answer) = response.json::<Answer>() else { return Err(refusal::unreadable(response, SERVICE)) };
    if let Some(said) = answer.error {
        if response.status() == 400 {
            let message = format!("InfluxDB refuses the query: {said}");
            return Err(Error::invalid("query", message).with_code("bad-query"));
        }
        return Err(refusal::of(response, SERVICE, &said, None));
    }
    if response.status() != 200 {
        return Err(refusal::of(response, SERVICE, &response.excerpt(), None));
    }
    let mut values = Vec::new();
    for statement in answer.results {
        if let Some(said) = statement.error {
            return Err(failed(&said));
        }
        if statement.partial || statement.series.iter().any(|series| series.partial) {
            let message = "the query finds more than InfluxDB answers at once; aggregate it, or set a LIMIT";
            return Err(Error::invalid("query", message).with_code("too-much"));
        }
        values.extend(statement.series.into_iter().flat_map(Series::numbers));
    }
    Ok(values)
}

/// A statement that failed, in an answer that is otherwise good.
fn failed(said: &str) -> Error {
    let message = format!("InfluxDB cannot answer the query: {said}");
    if said.starts_with("database not found") || said.starts_with("retention policy not found") {
        return Error::not_found(message).with_code("query-failed").at("database");
    }
    if said.contains("timeout") || said.contains("max-concurrent-queries") {
        return Error::unavailable(message).with_code("query-unavailable");
    }
    Error::permanent(message).with_code("query-failed")
}

impl Series {
    /// All that was measured, row by row.
    fn numbers(self) -> Vec<Value> {
        let times: Vec<bool> = self.columns.iter().map(|name| name == "time").collect();
        let cells = self.values.into_iter().flat_map(|row| {
            let times = &times;
            row.into_iter()
                .enumerate()
                .filter(|(at, cell)| times.get(*at) == Some(&false) && !cell.is_null())
                .collect::<Vec<_>>()
        });
        cells.map(|(_, cell)| cell).collect()
    }
}
