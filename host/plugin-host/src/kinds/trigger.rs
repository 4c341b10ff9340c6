//! `colchis:trigger`.

use std::sync::Arc;

use async_trait::async_trait;
use plugin::{CallContext, Executed, Kind, PolicyState, Result, Trigger, TriggerRequest};
use serde_json::Value;

use super::{MESSAGE_BYTES_MAX, no_export, no_larger};
use crate::bindings::trigger::exports::colchis::trigger::action as wit;
use crate::bindings::trigger::{Acting, ActingIndices};
use crate::call::{Called, Ground};
use crate::convert;
use crate::instance::State;
use crate::loaded::Loaded;
use crate::told::Told;

/// The largest answer of the other side that is kept (bytes).
const ANSWER_BYTES_MAX: usize = 1 << 20;

/// A component that does something.
pub(crate) struct ComponentTrigger {
    pub(crate) ground: Ground,
    pub(crate) loaded: Arc<Loaded>,
}

impl ComponentTrigger {
    async fn call<T: Told>(
        &self,
        context: &CallContext,
        export: impl AsyncFnOnce(&mut wasmtime::Store<State>, Acting) -> Called<T>,
    ) -> Result<T> {
        let none = || no_export(&self.loaded.shared.name, "trigger");
        let indices: &ActingIndices = self.loaded.exports.trigger.as_ref().ok_or_else(none)?;
        let call = self.ground.call(&self.loaded, Kind::Trigger, context, async |store, instance| {
            let acting = indices.load(&mut *store, instance)?;
            export(store, acting).await
        });
        call.await
    }
}

#[async_trait]
impl Trigger for ComponentTrigger {
    async fn resolve(&self, call: &CallContext, request: &TriggerRequest) -> Result<Value> {
        let request = asked(call, request);
        let said = self.call(call, async |store, acting: Acting| {
            acting.colchis_trigger_action().call_resolve(store, &request).await
        });
        convert::json("the configuration", &said.await?)
    }

    async fn execute(
        &self,
        call: &CallContext,
        request: &TriggerRequest,
        payload: &Value,
        idempotency_key: &str,
    ) -> Result<Executed> {
        self.loaded.check(Kind::Trigger, &request.config)?;
        let (request, payload) = (asked(call, request), payload.to_string());
        let said = self.call(call, async |store, acting: Acting| {
            acting.colchis_trigger_action().call_execute(store, &request, &payload, idempotency_key).await
        });
        let said = said.await?;
        no_larger("the answer", said.answer.len(), ANSWER_BYTES_MAX)?;
        let answer = if said.answer.is_empty() { Value::Null } else { convert::json("the answer", &said.answer)? };
        Ok(Executed { message: convert::cut(said.message, MESSAGE_BYTES_MAX), answer })
    }

    async fn check_policy(
        &self,
        call: &CallContext,
        request: &TriggerRequest,
        policy: &Value,
        executed: &Executed,
    ) -> Result<PolicyState> {
        let (request, policy) = (asked(call, request), policy.to_string());
        let executed = wit::Executed {
            message: executed.message.clone(),
            answer: executed.answer.to_string(),
            extensions: Vec::new(),
        };
        let said = self.call(call, async |store, acting: Acting| {
            acting.colchis_trigger_action().call_check_policy(store, &request, &policy, &executed).await
        });
        Ok(match said.await? {
            wit::PolicyState::Met => PolicyState::Met,
            wit::PolicyState::Pending | wit::PolicyState::Other(_) => PolicyState::Pending,
            wit::PolicyState::Violated(why) => PolicyState::Violated(convert::cut(why, MESSAGE_BYTES_MAX)),
        })
    }
}

fn asked(context: &CallContext, request: &TriggerRequest) -> wit::TriggerRequest {
    wit::TriggerRequest {
        config: request.config.to_string(),
        namespace: context.object.namespace.to_string(),
        sensor: context.object.name.to_string(),
        name: request.name.clone(),
        extensions: Vec::new(),
    }
}
