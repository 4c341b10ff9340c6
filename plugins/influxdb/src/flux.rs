//! Queries in Flux (<https://docs.influxdata.com/influxdb/v2/api/>).

use colchis_sdk::http::{Request, Response};
use colchis_sdk::metric_provider::number;
use colchis_sdk::{Error, Result};
use provider_kit::refusal;
use serde::Deserialize;
use serde_json::{Value, json};

use crate::SERVICE;
use crate::config::Config;

/// The request.
pub(crate) fn request(config: &Config) -> Result<Request> {
    let profile = config.profile();
    let dialect = json!({"header": true, "delimiter": ",", "annotations": ["datatype", "default"]});
    Request::post(format!("{}/api/v2/query", config.base()?))
        .query("org", &profile.required("org", &config.org, "org")?)
        .header("accept", "application/csv")
        .header("authorization", format!("Token {}", profile.secret("authToken")?))
        .json(&json!({"type": "flux", "query": config.query.trim(), "dialect": dialect}))
}

/// A refusal.
#[derive(Deserialize)]
struct Refusal {
    #[serde(default)]
    code: String,
    #[serde(default)]
    message: String,
}

/// The values of an answer, or the error that it tells.
pub(crate) fn read(response: &Response) -> Result<Vec<Value>> {
    if response.status() != 200 {
        let Ok(refused) = response.json::<Refusal>() else { return Err(refusal::unreadable(response, SERVICE)) };
        if response.status() == 400 || refused.code == "invalid" {
            let message = format!("InfluxDB refuses the query: {}", refused.message);
            return Err(Error::invalid("query", message).with_code("bad-query"));
        }
        return Err(refusal::of(response, SERVICE, &refused.message, None));
    }
    let mut reader = csv::ReaderBuilder::new().has_headers(false).flexible(true).from_reader(response.body());
    let mut table = Table::default();
    let mut values = Vec::new();
    for record in reader.records() {
        let record = record.map_err(|_| refusal::unreadable(response, SERVICE))?;
        values.extend(table.take(&record, response)?);
    }
    Ok(values)
}

/// The table that is being read: annotations, then a header, then rows.
#[derive(Default)]
struct Table {
    types: Vec<String>,
    defaults: Vec<String>,
    header: Option<Header>,
}

/// Which columns matter.
#[derive(Default)]
struct Header {
    value: Option<usize>,
    error: Option<usize>,
}

impl Table {
    /// Takes a line. An annotation begins a table, and the first line behind it is the header.
    fn take(&mut self, record: &csv::StringRecord, response: &Response) -> Result<Option<Value>> {
        let first = record.get(0).unwrap_or_default();
        if first.starts_with('#') {
            if self.header.is_some() {
                *self = Self::default();
            }
            let cells = record.iter().map(str::to_owned).collect();
            match first {
                "#datatype" => self.types = cells,
                "#default" => self.defaults = cells,
                _ => {}
            }
            return Ok(None);
        }
        let Some(header) = &self.header else {
            let place = |name: &str| record.iter().position(|cell| cell == name);
            self.header = Some(Header { value: place("_value"), error: place("error") });
            return Ok(None);
        };
        if let (Some(at), None) = (header.error, header.value) {
            let said = record.get(at).unwrap_or_default();
            return Err(Error::permanent(format!("InfluxDB cannot answer the query: {said}")).with_code("query-failed"));
        }
        let Some(at) = header.value else {
            let message = "the query gives a table without a column `_value`; rename one to it";
            return Err(Error::invalid("query", message).with_code("no-column"));
        };
        let cell = record.get(at).ok_or_else(|| refusal::unreadable(response, SERVICE))?;
        let cell = match cell {
            "" => self.defaults.get(at).map_or("", String::as_str),
            cell => cell,
        };
        value(self.types.get(at).map_or("", String::as_str), cell)
    }
}

/// A cell as its type has it. An empty one is null, except of a text.
fn value(kind: &str, cell: &str) -> Result<Option<Value>> {
    let bad = || Error::permanent(format!("InfluxDB answers `{cell}`, which is no {kind}")).with_code("bad-answer");
    Ok(match kind {
        "string" => Some(Value::String(cell.to_owned())),
        _ if cell.is_empty() => None,
        "double" => Some(number(match cell {
            "NaN" => f64::NAN,
            "+Inf" | "Inf" => f64::INFINITY,
            "-Inf" => f64::NEG_INFINITY,
            cell => cell.parse().map_err(|_| bad())?,
        })),
        "long" => Some(Value::from(cell.parse::<i64>().map_err(|_| bad())?)),
        "unsignedLong" => Some(Value::from(cell.parse::<u64>().map_err(|_| bad())?)),
        "boolean" | "bool" => Some(Value::Bool(cell.parse().map_err(|_| bad())?)),
        _ => Some(Value::String(cell.to_owned())),
    })
}
