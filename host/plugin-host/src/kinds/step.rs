//! `colchis:step`.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use plugin::{CallContext, Kind, Result, Step, StepFiles, StepPhase, StepProgress, StepRequest};

use super::{MESSAGE_BYTES_MAX, no_export, no_larger};
use crate::bindings::step::exports::colchis::step::step as wit;
use crate::bindings::step::{Stepping, SteppingIndices};
use crate::call::{Called, Ground};
use crate::convert;
use crate::instance::State;
use crate::loaded::Loaded;

/// The longest token (bytes).
const TOKEN_BYTES_MAX: usize = 64 << 10;

/// A component that is a step.
pub(crate) struct ComponentStep {
    pub(crate) ground: Ground,
    pub(crate) loaded: Arc<Loaded>,
}

impl ComponentStep {
    async fn call(
        &self,
        context: &CallContext,
        files: Option<&Arc<dyn StepFiles>>,
        export: impl AsyncFnOnce(&mut wasmtime::Store<State>, Stepping) -> Called<wit::Progress>,
    ) -> Result<StepProgress> {
        let none = || no_export(&self.loaded.shared.name, "step");
        let indices: &SteppingIndices = self.loaded.exports.step.as_ref().ok_or_else(none)?;
        let call = self.ground.call(&self.loaded, Kind::Step, context, async |store, instance| {
            store.data_mut().lent.files = files.cloned();
            let stepping = indices.load(&mut *store, instance)?;
            export(store, stepping).await
        });
        progress(call.await?)
    }
}

#[async_trait]
impl Step for ComponentStep {
    async fn start(
        &self,
        call: &CallContext,
        request: &StepRequest,
        files: &Arc<dyn StepFiles>,
    ) -> Result<StepProgress> {
        self.loaded.check(Kind::Step, &request.config)?;
        let request = asked(call, request);
        let export =
            async |store: &mut _, stepping: Stepping| stepping.colchis_step_step().call_start(store, &request).await;
        self.call(call, Some(files), export).await
    }

    async fn poll(
        &self,
        call: &CallContext,
        request: &StepRequest,
        files: &Arc<dyn StepFiles>,
        token: &str,
    ) -> Result<StepProgress> {
        self.loaded.check(Kind::Step, &request.config)?;
        let request = asked(call, request);
        let export = async |store: &mut _, stepping: Stepping| {
            stepping.colchis_step_step().call_poll(store, &request, token).await
        };
        self.call(call, Some(files), export).await
    }

    async fn stop(&self, call: &CallContext, request: &StepRequest, token: &str) -> Result<StepProgress> {
        let request = asked(call, request);
        let export = async |store: &mut _, stepping: Stepping| {
            stepping.colchis_step_step().call_stop(store, &request, token).await
        };
        self.call(call, None, export).await
    }
}

fn asked(context: &CallContext, request: &StepRequest) -> wit::StepRequest {
    wit::StepRequest {
        config: request.config.to_string(),
        namespace: context.object.namespace.to_string(),
        workflow: context.object.name.to_string(),
        workflow_uid: request.workflow_uid.clone(),
        node: request.node.clone(),
        template: request.template.clone(),
        parameters: request.parameters.clone(),
        artifacts: request.artifacts.clone(),
        extensions: Vec::new(),
    }
}

fn progress(said: wit::Progress) -> Result<StepProgress> {
    no_larger("the token", said.token.as_ref().map_or(0, String::len), TOKEN_BYTES_MAX)?;
    Ok(StepProgress {
        phase: match said.phase {
            wit::Phase::Running => StepPhase::Running,
            wit::Phase::Succeeded => StepPhase::Succeeded,
            wit::Phase::Failed => StepPhase::Failed,
            wit::Phase::Error | wit::Phase::Other(_) => StepPhase::Error,
        },
        message: convert::cut(said.message, MESSAGE_BYTES_MAX),
        parameters: said.parameters,
        result: said.result,
        progress: (said.done, said.total),
        poll_after: said.poll_after.map(Duration::from_millis),
        token: said.token,
    })
}
