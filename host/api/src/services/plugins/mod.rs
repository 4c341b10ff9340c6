//! `Plugins`: the components in service, what others are, and calls by hand.

mod calls;
mod events;
mod files;
mod told;

use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::{Bytes, BytesMut};
use futures::{Stream, StreamExt, stream};
use model::violation::did_you_mean;
use plugin::{CallContext, Desk, ErrorClass, Kind, LogLine, ObjectRef};
use proto_gen::v1::plugins_server::Plugins;
use proto_gen::v1::*;
use serde_json::Value;
use tokio::sync::Semaphore;
use tonic::{Request, Response, Status, Streaming};

use crate::call::{self, Call};
use crate::failure::{Failure, Outcome};
use crate::gate::{Gate, Grant};
use crate::settings::Limits;
use crate::streams::{Answers, bounded};

/// Components that are looked at at once; further calls wait.
const INSPECTIONS_MAX: usize = 2;
/// Lines that are ready at once travel in one message, up to so many.
const LINES_PER_MESSAGE: usize = 256;
/// How long a call may take that names no time.
const CALL_TIMEOUT: Duration = Duration::from_secs(30);
/// The kind of the object that a call by hand is for; its name is the user's.
const BY_HAND: &str = "CallByHand";

/// The service.
#[derive(Clone)]
pub(crate) struct PluginsService {
    gate: Gate,
    inspections: Arc<Semaphore>,
}

impl PluginsService {
    pub(crate) fn new(gate: Gate) -> Self {
        Self { gate, inspections: Arc::new(Semaphore::new(INSPECTIONS_MAX)) }
    }

    /// Lets a call through, to the plugin that it names.
    fn pass(&self, call: &Call, name: &str) -> Outcome<Grant> {
        let grant = self.gate.pass_cluster(call)?;
        if name.is_empty() {
            return Err(Failure::field("name", "is required"));
        }
        call.about(|| subject(name));
        Ok(grant)
    }

    /// What a call to a plugin carries. It ends with the guard: when the caller has gone, and when the server stops.
    fn context(&self, call: &Call, asked_ms: u64) -> (CallContext, impl Sized) {
        let max = Duration::from_millis(self.gate.limits().deadline_max_ms);
        let timeout = if asked_ms == 0 { CALL_TIMEOUT } else { Duration::from_millis(asked_ms).min(max) };
        let object = ObjectRef { kind: BY_HAND.into(), namespace: "".into(), name: call.identity().user.clone() };
        let mut context = CallContext::new(object, timeout);
        context.cancel = self.gate.stopping().child_token();
        let guard = context.cancel.clone().drop_guard();
        (context, guard)
    }
}

#[tonic::async_trait]
impl Plugins for PluginsService {
    type StreamLogsStream = Answers<StreamPluginLogsResponse>;

    async fn list_plugins(
        &self,
        request: Request<ListPluginsRequest>,
    ) -> Result<Response<ListPluginsResponse>, Status> {
        let (call, request) = Call::of(request)?;
        let grant = self.gate.pass_cluster(&call)?;
        Ok(Response::new(page(grant.plugins(), &request, self.gate.limits())))
    }

    async fn get_plugin(&self, request: Request<GetPluginRequest>) -> Result<Response<GetPluginResponse>, Status> {
        let (call, GetPluginRequest { name }) = Call::of(request)?;
        let grant = self.pass(&call, &name)?;
        let (facts, numbers) = grant.plugins().report(&name).map_err(|error| of_plugin(&name, error))?;
        let (facts, numbers) = (Some(told::facts(facts)), Some(told::numbers(numbers)));
        Ok(Response::new(GetPluginResponse { name, facts, numbers }))
    }

    async fn inspect_plugin(
        &self,
        request: Request<Streaming<InspectPluginRequest>>,
    ) -> Result<Response<InspectPluginResponse>, Status> {
        let (call, messages) = Call::of(request)?;
        let grant = self.gate.pass_cluster(&call)?;
        // Before the bytes: whoever waits holds none of them.
        let place = self.inspections.acquire().await;
        let _place = place.map_err(|closed| Failure::internal("components cannot be looked at", closed))?;
        let component = component(messages, self.gate.limits()).await?;
        let facts = grant.plugins().inspect(component).await.map_err(|e| Failure::from(e).about("the component"))?;
        Ok(Response::new(InspectPluginResponse { facts: Some(told::facts(facts)) }))
    }

    async fn check_config(
        &self,
        request: Request<CheckPluginConfigRequest>,
    ) -> Result<Response<CheckPluginConfigResponse>, Status> {
        let (call, request) = Call::of(request)?;
        let CheckPluginConfigRequest { name, kind, config } = request;
        let grant = self.pass(&call, &name)?;
        let kind = kind_of(grant.plugins(), &name, &kind, |_| true)?;
        let config: Value = serde_json::from_slice(&config)
            .map_err(|error| Failure::field("config", format!("is no JSON document: {error}")))?;
        let (context, _guard) = self.context(&call, 0);
        let findings = grant.plugins().check_config(&name, kind, &context, &config).await;
        let findings = findings.map_err(|error| of_plugin(&name, error))?;
        let findings = findings.into_iter().map(told::finding).collect();
        Ok(Response::new(CheckPluginConfigResponse { findings, kind: kind.word().to_owned() }))
    }

    async fn call_plugin(&self, request: Request<CallPluginRequest>) -> Result<Response<CallPluginResponse>, Status> {
        let (call, request) = Call::of(request)?;
        let CallPluginRequest { name, kind, function, request, timeout_ms } = request;
        let grant = self.pass(&call, &name)?;
        if function.is_empty() {
            return Err(Failure::field("function", "is required").into());
        }
        let kind = kind_of(grant.plugins(), &name, &kind, |kind| calls::functions(kind).contains(&&*function))?;
        if !calls::functions(kind).contains(&&*function) {
            return Err(no_function(kind, &function).into());
        }
        let (context, _guard) = self.context(&call, timeout_ms);
        let begin = Instant::now();
        let answer = calls::call((grant.plugins(), grant.fetch()), &name, kind, &function, &context, &request).await;
        let answer = Bytes::from(answer.map_err(|failure| failure.about(subject(&name)))?.to_string());
        let (size, max) = (answer.len() as u64, self.gate.limits().message_bytes_max);
        if size > max {
            return Err(Failure::too_large("the answer", "message_bytes_max", max, size).into());
        }
        let took_ms = begin.elapsed().as_secs_f64() * 1_000.0;
        Ok(Response::new(CallPluginResponse { answer, kind: kind.word().to_owned(), took_ms }))
    }

    async fn stream_logs(
        &self,
        request: Request<StreamPluginLogsRequest>,
    ) -> Result<Response<Self::StreamLogsStream>, Status> {
        let (call, request) = Call::of(request)?;
        let grant = self.pass(&call, &request.name)?;
        let lines = lines(grant.plugins(), request).await?;
        let messages = lines
            .ready_chunks(LINES_PER_MESSAGE)
            .map(|lines| Ok(StreamPluginLogsResponse { lines: lines.into_iter().map(told::line).collect() }));
        Ok(Response::new(bounded(&self.gate, &call, messages)))
    }
}

/// What errors and audit lines call a plugin.
fn subject(name: &str) -> String {
    format!("plugin {name}")
}

fn of_plugin(name: &str, error: plugin::PluginError) -> Failure {
    Failure::from(error).about(subject(name))
}

/// A token is the name that the page before ended with.
fn page(plugins: &dyn Desk, request: &ListPluginsRequest, limits: &Limits) -> ListPluginsResponse {
    let mut names = plugins.names();
    names.retain(|name| **name > *request.continue_token);
    let limit = limits.page(request.limit) as usize;
    let more = names.len() > limit;
    names.truncate(limit);
    let continue_token = if more { names.last().map(ToString::to_string).unwrap_or_default() } else { String::new() };
    let rows = names.iter().filter_map(|name| match plugins.report(name) {
        // It was taken out of service a moment ago.
        Err(error) if error.class == ErrorClass::NotFound => None,
        report => Some(told::summary(name, report)),
    });
    ListPluginsResponse { plugins: rows.collect(), continue_token }
}

/// All of a component.
async fn component(mut messages: Streaming<InspectPluginRequest>, limits: &Limits) -> Outcome<Bytes> {
    let mut component = BytesMut::new();
    while let Some(InspectPluginRequest { chunk }) = call::next(&mut messages).await? {
        let size = component.len() as u64 + chunk.len() as u64;
        if size > limits.component_bytes_max {
            return Err(Failure::too_large("the component", "component_bytes_max", limits.component_bytes_max, size));
        }
        component.extend_from_slice(&chunk);
    }
    match component.is_empty() {
        true => Err(Failure::field("chunk", "a component's bytes are required")),
        false => Ok(component.freeze()),
    }
}

/// The kind that a request means: the one it names, or the only one of the plugin that fits.
fn kind_of(plugins: &dyn Desk, name: &str, asked: &str, fits: impl Fn(Kind) -> bool) -> Outcome<Kind> {
    let words = Kind::ALL.map(Kind::word);
    if !asked.is_empty() {
        return Kind::ALL.into_iter().find(|kind| kind.word() == asked).ok_or_else(|| {
            let failure = Failure::field("kind", format!("`{asked}` is none of {}", words.join(", ")));
            did_you_mean(asked, words).into_iter().fold(failure, Failure::hint)
        });
    }
    let info = plugins.info(name).map_err(|error| of_plugin(name, error))?;
    let mut fitting = info.kinds.iter().map(|info| info.kind).filter(|kind| fits(*kind));
    match (fitting.next(), fitting.next(), info.kinds.as_slice()) {
        (Some(kind), None, _) => Ok(kind),
        // It does not fit, and why is told by what it is asked for.
        (None, _, [only]) => Ok(only.kind),
        (found, ..) => {
            let is: Vec<&str> = info.kinds.iter().map(|info| info.kind.word()).collect();
            let why = if found.is_some() { "which of them is meant?" } else { "none of them has that function" };
            Err(Failure::field("kind", format!("the plugin {name} is a {}: {why}", is.join(", a "))))
        }
    }
}

fn no_function(kind: Kind, function: &str) -> Failure {
    let has = calls::functions(kind);
    let failure = Failure::field("function", format!("`{function}`: a {} has {}", kind.word(), has.join(", ")));
    did_you_mean(function, has.iter().copied()).into_iter().fold(failure, Failure::hint)
}

/// The lines that a request asks for.
async fn lines(plugins: &dyn Desk, request: StreamPluginLogsRequest) -> Outcome<stream::BoxStream<'static, LogLine>> {
    let level = request.level();
    let read = |follow| -> Outcome<_> {
        let lines = plugins.logs(&request.name, follow).map_err(|error| of_plugin(&request.name, error))?;
        Ok(lines.filter(move |line| futures::future::ready(told::matters(line.level, level))))
    };
    let Some(tail) = request.tail_lines else { return Ok(read(request.follow)?.boxed()) };
    // Counted first: of a log that is followed nobody can say which line is the last.
    let there = count(read(false)?).await;
    Ok(read(request.follow)?.skip(there.saturating_sub(tail as usize)).boxed())
}

async fn count<T>(items: impl Stream<Item = T>) -> usize {
    items.fold(0_usize, |count, _| futures::future::ready(count + 1)).await
}
