//! `colchis:event-source/receiver`.

use std::sync::Arc;

use async_trait::async_trait;
use plugin::{CallContext, Endpoint, ErrorClass, Incoming, Kind, Outcome, Outgoing, PluginError, Receiver, Result};
use serde_json::Value;

use super::events::{self, Said};
use super::{no_export, no_larger};
use crate::bindings::receiver::exports::colchis::event_source::receiver as wit;
use crate::bindings::receiver::{Receiving, ReceivingIndices};
use crate::call::{Called, Ground};
use crate::instance::State;
use crate::loaded::Loaded;
use crate::told::Told;

/// The largest answer to a request, its headers included (bytes).
const ANSWER_BYTES_MAX: usize = 1 << 20;
/// Endpoints of one source (`endpoints_max`).
const ENDPOINTS_MAX: usize = 64;

/// A component to which events come as requests.
pub(crate) struct ComponentReceiver {
    pub(crate) ground: Ground,
    pub(crate) loaded: Arc<Loaded>,
}

impl ComponentReceiver {
    async fn call<T: Told>(
        &self,
        context: &CallContext,
        export: impl AsyncFnOnce(&mut wasmtime::Store<State>, Receiving) -> Called<T>,
    ) -> Result<T> {
        let loaded = &self.loaded;
        let none = || no_export(&loaded.shared.name, "event source of this way");
        let indices: &ReceivingIndices = loaded.exports.receiver.as_ref().ok_or_else(none)?;
        let call = self.ground.call(loaded, Kind::EventSource, context, async |store, instance| {
            let receiving = indices.load(&mut *store, instance)?;
            export(store, receiving).await
        });
        call.await
    }
}

#[async_trait]
impl Receiver for ComponentReceiver {
    async fn endpoints(&self, call: &CallContext, config: &Value, name: &str) -> Result<Vec<Endpoint>> {
        self.loaded.check(Kind::EventSource, config)?;
        let config = config.to_string();
        let said = self.call(call, async |store, receiving: Receiving| {
            receiving.colchis_event_source_receiver().call_endpoints(store, &config, name).await
        });
        let said = said.await?;
        match said.iter().find(|endpoint| !endpoint.path.starts_with('/')) {
            Some(wrong) => Err(bad(format!("the path {:?} does not begin with /", wrong.path))),
            None if said.len() > ENDPOINTS_MAX => Err(bad(format!("more than endpoints_max ({ENDPOINTS_MAX})"))),
            None => Ok(said.into_iter().map(|e| Endpoint { path: e.path, methods: e.methods }).collect()),
        }
    }

    async fn on_request(&self, call: &CallContext, config: &Value, name: &str, request: Incoming) -> Result<Outcome> {
        self.loaded.check(Kind::EventSource, config)?;
        let max = self.loaded.shared.limits.payload_bytes_max;
        if request.body.len() > max {
            let message = format!("the request has {} bytes, more than payload_bytes_max ({max})", request.body.len());
            return Err(PluginError::new(ErrorClass::Permanent, "too-large", message));
        }
        let (config, request) = (config.to_string(), asked(request));
        let said = self.call(call, async |store, receiving: Receiving| {
            receiving.colchis_event_source_receiver().call_on_request(store, &config, name, &request).await
        });
        outcome(said.await?, max)
    }
}

fn bad(why: String) -> PluginError {
    PluginError::new(ErrorClass::Permanent, "bad-answer", format!("the endpoints that the plugin gave: {why}"))
}

fn asked(request: Incoming) -> wit::Incoming {
    wit::Incoming {
        method: request.method,
        path: request.path,
        headers: request.headers,
        body: request.body,
        remote_address: request.remote_address,
        extensions: Vec::new(),
    }
}

fn outcome(said: wit::Outcome, data_bytes_max: usize) -> Result<Outcome> {
    let answer = said.answer;
    let bytes = answer.headers.iter().map(|(name, value)| name.len() + value.len()).sum::<usize>() + answer.body.len();
    no_larger("the answer", bytes, ANSWER_BYTES_MAX)?;
    if !(200..=599).contains(&answer.status) {
        return Err(bad(format!("{} is no status of an answer", answer.status)));
    }
    let events = said.events.into_iter().map(|event| Said {
        id: event.id,
        kind: event.type_,
        time: event.time,
        content_type: event.content_type,
        data: event.data,
        extensions: event.extensions,
    });
    Ok(Outcome {
        events: events::taken(events, data_bytes_max)?,
        answer: Outgoing { status: answer.status, headers: answer.headers, body: answer.body },
    })
}
