//! The `http` template: one request, through the one guarded way out.

use std::time::Duration;

use base64::Engine as _;
use bytes::Bytes;
use egress::Limits;
use engine_workflow::{LeafStart, Outputs};
use expr::{Env, Expression, MapScope, Value};
use http::{HeaderMap, HeaderName, HeaderValue, Method};
use model::workflow::HttpTemplate;

use super::{Failure, RunFacts};
use crate::requests::HttpCall;
use crate::workflows::Workflows;

/// How long a request may take when the template does not say.
const TIMEOUT: Duration = Duration::from_secs(30);
/// Bytes of an answer (`http_body_bytes_max`).
const BODY_BYTES_MAX: u64 = 16 << 20;
pub(super) async fn run(
    workflows: &Workflows,
    run: &RunFacts,
    start: &LeafStart,
    template: &HttpTemplate,
) -> Result<Outputs, Failure> {
    let method = template.method.as_deref().filter(|m| !m.is_empty()).unwrap_or("GET").to_uppercase();
    let method = Method::from_bytes(method.as_bytes())
        .map_err(|_| Failure::error(format!("http.method: {method:?} is no method")))?;
    let headers = headers(workflows, run, template).await?;
    let body = body(template)?;
    if template.insecure_skip_verify {
        return Err(Failure::error(
            "http.insecureSkipVerify: this server always checks certificates; give it the CA in its egress settings instead",
        ));
    }
    let total = match template.timeout_seconds {
        Some(seconds) if seconds > 0 => Duration::from_secs(seconds.unsigned_abs()),
        _ => TIMEOUT,
    };
    let limits = Limits { idle: total, total: Some(total), body_bytes_max: Some(BODY_BYTES_MAX) };
    let inputs = start.template.inputs.parameters.iter();
    let call = HttpCall {
        workflow: run.name.to_string(),
        node: start.name.to_string(),
        template: start.template.name.to_string(),
        parameters: inputs.filter_map(|p| Some((p.name.to_string(), p.value.as_ref()?.to_string()))).collect(),
        method,
        url: template.url.to_string(),
        headers,
        body,
        limits,
    };
    let sent = workflows.requests.send(call).await;
    let answer = sent.map_err(|e| Failure::error(format!("http: {e}")).transient(e.transient))?;
    let status = answer.status;
    let answered: Vec<(String, Vec<String>)> = answered_headers(&answer.headers);
    let bytes = answer.body;
    let text = String::from_utf8_lossy(&bytes).into_owned();
    let good = match template.success_condition.as_deref().filter(|c| !c.is_empty()) {
        Some(condition) => holds(condition, template, status, &answered, &text)?,
        None => (200..300).contains(&status),
    };
    let outputs = Outputs { result: Some(text.as_str().into()), ..Outputs::default() };
    if good {
        return Ok(outputs);
    }
    let shown: String = text.chars().take(200).collect();
    let message = match &template.success_condition {
        Some(condition) if !condition.is_empty() => {
            format!(
                "received non-matching response: status {status}: successCondition {condition:?} is not true: {shown}"
            )
        }
        _ => format!("received non-2xx response: status {status}: {shown}"),
    };
    Err(Failure { outputs, ..Failure::failed(message).transient(status >= 500 || status == 429) })
}

async fn headers(workflows: &Workflows, run: &RunFacts, template: &HttpTemplate) -> Result<HeaderMap, Failure> {
    let mut out = HeaderMap::new();
    for header in &template.headers {
        let bad = |what: &str| Failure::error(format!("http.headers: {:?}: {what}", header.name));
        let name = HeaderName::from_bytes(header.name.as_bytes()).map_err(|_| bad("this is no name of a header"))?;
        let secret = header.value_from.as_ref().and_then(|v| v.secret_key_ref.as_ref());
        let mut value = match secret {
            Some(reference) => {
                let found = workflows.secret(&run.namespace, &reference.name, &reference.key).await;
                let found = found.map_err(|e| bad(&e))?;
                HeaderValue::from_bytes(found.reveal())
                    .map_err(|_| bad("the secret's value cannot stand in a header"))?
            }
            None => HeaderValue::from_str(header.value.as_deref().unwrap_or_default())
                .map_err(|_| bad("the value cannot stand in a header"))?,
        };
        value.set_sensitive(secret.is_some());
        out.append(name, value);
    }
    Ok(out)
}

fn body(template: &HttpTemplate) -> Result<Bytes, Failure> {
    if let Some(bytes) = template.body_from.as_ref().and_then(|f| f.bytes.as_ref()) {
        let decoded = base64::engine::general_purpose::STANDARD.decode(bytes.trim());
        return decoded.map(Bytes::from).map_err(|e| Failure::error(format!("http.bodyFrom.bytes: not base64: {e}")));
    }
    Ok(Bytes::from(template.body.clone().unwrap_or_default()))
}

fn answered_headers(headers: &HeaderMap) -> Vec<(String, Vec<String>)> {
    let mut out: Vec<(String, Vec<String>)> = Vec::new();
    for name in headers.keys() {
        let values = headers.get_all(name).iter().map(|v| String::from_utf8_lossy(v.as_bytes()).into_owned()).collect();
        out.push((canonical(name.as_str()), values));
    }
    out
}

/// The headers of the request that a condition may see: those from secrets are left out.
fn asked_headers(template: &HttpTemplate) -> Vec<(String, Vec<String>)> {
    let mut out: Vec<(String, Vec<String>)> = Vec::new();
    for header in template.headers.iter().filter(|h| h.value_from.is_none()) {
        let (name, value) = (canonical(&header.name), header.value.as_deref().unwrap_or_default().to_owned());
        match out.iter_mut().find(|(known, _)| *known == name) {
            Some((_, values)) => values.push(value),
            None => out.push((name, vec![value])),
        }
    }
    out
}

/// A header's name as Go writes it, which is how conditions name it.
fn canonical(name: &str) -> String {
    let capital = |part: &str| {
        let mut chars = part.chars();
        chars.next().map(|c| c.to_ascii_uppercase().to_string() + chars.as_str()).unwrap_or_default()
    };
    name.to_ascii_lowercase().split('-').map(capital).collect::<Vec<_>>().join("-")
}

fn holds(
    condition: &str,
    template: &HttpTemplate,
    status: u16,
    headers: &[(String, Vec<String>)],
    body: &str,
) -> Result<bool, Failure> {
    let bad = |e: &dyn std::fmt::Display| Failure::error(format!("http.successCondition: {e}"));
    let map = |headers: &[(String, Vec<String>)]| {
        let fields = headers.iter().map(|(k, v)| (k.clone(), serde_json::Value::from(v.clone())));
        Value::from(&serde_json::Value::Object(fields.collect()))
    };
    let mut scope = MapScope::new();
    scope.insert("response.statusCode", Value::from(i64::from(status)));
    scope.insert("response.body", Value::from(body));
    scope.insert("response.headers", map(headers));
    scope.insert("request.headers", map(&asked_headers(template)));
    scope.insert("request.method", Value::from(template.method.as_deref().unwrap_or("GET")));
    scope.insert("request.url", Value::from(template.url.as_str()));
    scope.insert("request.body", Value::from(template.body.as_deref().unwrap_or_default()));
    let expression = Expression::parse(condition).map_err(|e| bad(&e))?;
    expression.eval_bool(&mut Env::new(&scope)).map_err(|e| bad(&e))
}
