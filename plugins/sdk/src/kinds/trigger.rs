//! Triggers: do something when events came in.

use serde_json::Value;

use crate::export::{Checked, KindOf};
use crate::{Config, Finding, Result};

/// A trigger.
pub trait Trigger {
    /// What users write below the trigger's name, with parameters filled in.
    type Config: Config;

    /// All that is wrong with a configuration that can be read, at once. Only looks: nothing outside is called.
    fn check(config: &Self::Config) -> Vec<Finding> {
        let _ = config;
        Vec::new()
    }

    /// What the configuration means, before parameters of events are filled in: with what it refers to fetched. Answers it as it was given unless written otherwise.
    fn resolve(config: Value, request: &Request) -> Result<Value> {
        let _ = request;
        Ok(config)
    }

    /// Does it. The key is the same when it is done again because nobody knows whether it was done; the payload is what parameters made of the events.
    fn execute(config: Self::Config, request: &Request, payload: Value, idempotency_key: &str) -> Result<Executed>;

    /// Whether what was done is as the trigger's policy wants it.
    fn check_policy(
        config: Self::Config,
        request: &Request,
        policy: Value,
        executed: &Executed,
    ) -> Result<PolicyState> {
        let _ = (config, request, policy, executed);
        Ok(PolicyState::Met)
    }
}

/// For whom it is done.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Request {
    /// The namespace of the sensor.
    pub namespace: String,
    /// Its name.
    pub sensor: String,
    /// The trigger's name.
    pub name: String,
}

/// What was done.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Executed {
    /// For people: one sentence, without the values of secrets.
    pub message: String,
    /// What the other side answered: what [`Trigger::check_policy`] looks at.
    pub answer: Value,
}

impl Executed {
    /// With a sentence and what was answered.
    pub fn new(message: impl Into<String>, answer: impl Into<Value>) -> Self {
        Self { message: message.into(), answer: answer.into() }
    }
}

/// How an execution stands against its policy.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum PolicyState {
    /// As the policy wants it.
    Met,
    /// Not yet: asked again with back-off.
    Pending,
    /// Otherwise than the policy wants it, for good: why.
    Violated(String),
}

struct TriggerOf<T>(std::marker::PhantomData<T>);

impl<T: Trigger> Checked for TriggerOf<T> {
    type Config = T::Config;

    fn check(config: &T::Config) -> Vec<Finding> {
        T::check(config)
    }
}

#[doc(hidden)]
pub fn __kind<T: Trigger>() -> KindOf {
    KindOf::of::<TriggerOf<T>>("trigger")
}

#[cfg(target_family = "wasm")]
mod component {
    use super::{Executed, PolicyState, Request, Trigger};
    use crate::bindings::host::colchis::plugin::types::PluginError;
    use crate::bindings::trigger::exports::colchis::trigger::action as wit;
    use crate::export::Adapter;
    use crate::host::{begin, error_into};
    use crate::{Result, config};

    impl<T: Trigger> wit::Guest for Adapter<T> {
        fn resolve(request: wit::TriggerRequest) -> Result<String, PluginError> {
            begin();
            let (json, request) = parts(request);
            let config = config::document(&json, "the configuration").map_err(error_into)?;
            T::resolve(config, &request).map(|config| config.to_string()).map_err(error_into)
        }

        fn execute(request: wit::TriggerRequest, payload: String, key: String) -> Result<wit::Executed, PluginError> {
            begin();
            let (json, request) = parts(request);
            let done = || T::execute(config::parse(&json)?, &request, config::document(&payload, "the payload")?, &key);
            let Executed { message, answer } = done().map_err(error_into)?;
            Ok(wit::Executed { message, answer: answer.to_string(), extensions: Vec::new() })
        }

        fn check_policy(
            request: wit::TriggerRequest,
            policy: String,
            executed: wit::Executed,
        ) -> Result<wit::PolicyState, PluginError> {
            begin();
            let (json, request) = parts(request);
            let state = || {
                let policy = config::document(&policy, "the policy")?;
                let answer = config::document(&executed.answer, "the answer")?;
                let executed = Executed { message: executed.message.clone(), answer };
                T::check_policy(config::parse(&json)?, &request, policy, &executed)
            };
            Ok(match state().map_err(error_into)? {
                PolicyState::Met => wit::PolicyState::Met,
                PolicyState::Pending => wit::PolicyState::Pending,
                PolicyState::Violated(why) => wit::PolicyState::Violated(why),
            })
        }
    }

    fn parts(request: wit::TriggerRequest) -> (String, Request) {
        let wit::TriggerRequest { config, namespace, sensor, name, .. } = request;
        (config, Request { namespace, sensor, name })
    }
}
