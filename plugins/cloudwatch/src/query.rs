//! What is asked of CloudWatch (<https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/API_GetMetricData.html>), in AWS's JSON 1.0 protocol.

use colchis_sdk::Result;
use colchis_sdk::http::Request;
use colchis_sdk::secrets::{self, AwsRequest};
use serde_json::{Map, Value, json};

use crate::config::{Config, MetricDataQuery};

/// AWS's name of the operation.
const TARGET: &str = "GraniteServiceVersion20100801.GetMetricData";

/// AWS's name of the service, for signatures.
const SERVICE: &str = "monitoring";

/// The signed request of one page.
pub(crate) fn request(config: &Config, begun_ms: u64, now_ms: u64, token: Option<&str>) -> Result<Request> {
    let region = config.region()?;
    let queries: Vec<Value> = config.metric_data_queries.iter().map(query).collect();
    let mut body = json!({"StartTime": begun_ms / 1000, "EndTime": now_ms / 1000, "MetricDataQueries": queries});
    if let (Some(token), Some(fields)) = (token, body.as_object_mut()) {
        fields.insert("NextToken".to_owned(), json!(token));
    }
    let request = Request::post(config.url(&region))
        .header("content-type", "application/x-amz-json-1.0")
        .header("x-amz-target", TARGET)
        .json(&body)?;
    let signed = secrets::sign_aws(
        config.credentials(),
        &AwsRequest {
            method: request.method().to_owned(),
            url: request.url().to_owned(),
            headers: request.all_headers().to_vec(),
            body: request.body_bytes().to_vec(),
            service: SERVICE.to_owned(),
            region,
        },
    )?;
    // The host's name is signed and sent in any case; a request may not name it a second time.
    let signed = signed.into_iter().filter(|(name, _)| !name.eq_ignore_ascii_case("host"));
    Ok(request.header("accept", "application/json").headers(signed))
}

/// A query with AWS's names. What was not written is not sent.
fn query(query: &MetricDataQuery) -> Value {
    let mut out = Map::new();
    out.insert("Id".to_owned(), json!(query.id));
    if !query.expression.trim().is_empty() {
        out.insert("Expression".to_owned(), json!(query.expression.trim()));
    }
    if !query.label.is_empty() {
        out.insert("Label".to_owned(), json!(query.label));
    }
    if let Some(stat) = &query.metric_stat {
        let dimensions = stat.metric.dimensions.iter().map(|one| json!({"Name": one.name, "Value": one.value}));
        let dimensions: Vec<Value> = dimensions.collect();
        let mut metric = json!({"Namespace": stat.metric.namespace, "MetricName": stat.metric.metric_name});
        if let (false, Some(fields)) = (dimensions.is_empty(), metric.as_object_mut()) {
            fields.insert("Dimensions".to_owned(), Value::Array(dimensions));
        }
        let mut inner = json!({"Metric": metric, "Period": stat.period.seconds(), "Stat": stat.stat.trim()});
        if let (false, Some(fields)) = (stat.unit.is_empty(), inner.as_object_mut()) {
            fields.insert("Unit".to_owned(), json!(stat.unit));
        }
        out.insert("MetricStat".to_owned(), inner);
    }
    if let Some(period) = query.period.as_ref().and_then(crate::Period::seconds) {
        out.insert("Period".to_owned(), json!(period));
    }
    if let Some(returned) = query.return_data {
        out.insert("ReturnData".to_owned(), json!(returned));
    }
    Value::Object(out)
}
