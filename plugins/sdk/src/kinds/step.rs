//! Steps of workflows.
//!
//! A step that takes long is begun by [`Step::start`], which answers [`Progress::running`] with a token; [`Step::poll`] is asked with it until the step is over. A
//! server that was restarted meanwhile does not have the token: it calls [`Step::start`] again, for the same node.

use std::time::Duration;

use crate::export::{Checked, KindOf};
use crate::{Config, Error, Finding, Result, host};

/// A step.
pub trait Step {
    /// The template's `plugin` object: the part under this plugin's name, with tags filled in.
    type Config: Config;

    /// All that is wrong with a configuration that can be read, at once. Only looks: nothing outside is called.
    fn check(config: &Self::Config) -> Vec<Finding> {
        let _ = config;
        Vec::new()
    }

    /// Begins a step, and ends it where it can.
    fn start(config: Self::Config, request: &Request) -> Result<Progress>;

    /// Asks for one that was begun.
    fn poll(config: Self::Config, request: &Request, token: &str) -> Result<Progress> {
        let _ = (config, request, token);
        Err(Error::permanent("this step has nothing that goes on").with_code("no-poll"))
    }

    /// Ends one before its time. Asked twice, it does no harm.
    fn stop(config: Self::Config, request: &Request, token: &str) -> Result<Progress> {
        let _ = (config, request, token);
        Ok(Progress::failed("ended before it was over"))
    }
}

/// What a step is given.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Request {
    /// The namespace of the workflow.
    pub namespace: String,
    /// Its name.
    pub workflow: String,
    /// Its uid.
    pub workflow_uid: String,
    /// The node's id. With the workflow's uid, the same for the same step, always: a key for what must not be done twice.
    pub node: String,
    /// The template's name.
    pub template: String,
    /// Input parameters: names and values.
    pub parameters: Vec<(String, String)>,
    /// The names of the input artifacts.
    pub artifacts: Vec<String>,
}

impl Request {
    /// An input parameter's value.
    pub fn parameter(&self, name: &str) -> Option<&str> {
        self.parameters.iter().find(|(other, _)| other == name).map(|(_, value)| value.as_str())
    }
}

/// How a step stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Phase {
    /// It is under way.
    Running,
    /// It is over, and good.
    Succeeded,
    /// It is over, and not.
    Failed,
    /// It could not be done.
    Error,
}

/// How a step stands, and what it left.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Progress {
    /// How it stands.
    pub phase: Phase,
    /// For people.
    pub message: String,
    /// Output parameters, once it is over: names and values.
    pub parameters: Vec<(String, String)>,
    /// The step's result, once it is over.
    pub result: Option<String>,
    /// How much is done, of how much; 0 of 0 when that cannot be told.
    pub done: (u64, u64),
    /// When to ask again, while it is running.
    pub poll_after: Option<Duration>,
    /// What `poll` and `stop` are given: at most 64 KiB.
    pub token: Option<String>,
}

impl Progress {
    fn new(phase: Phase, message: String) -> Self {
        Self { phase, message, parameters: Vec::new(), result: None, done: (0, 0), poll_after: None, token: None }
    }

    /// Under way: asked for again after a time, with a token.
    pub fn running(token: impl Into<String>, poll_after: Duration) -> Self {
        Self { token: Some(token.into()), poll_after: Some(poll_after), ..Self::new(Phase::Running, String::new()) }
    }

    /// Over, and good.
    pub fn succeeded() -> Self {
        Self::new(Phase::Succeeded, String::new())
    }

    /// Over, and not.
    pub fn failed(message: impl Into<String>) -> Self {
        Self::new(Phase::Failed, message.into())
    }

    /// With a sentence for people.
    #[must_use]
    pub fn with_message(mut self, message: impl Into<String>) -> Self {
        self.message = message.into();
        self
    }

    /// With an output parameter.
    #[must_use]
    pub fn with_parameter(mut self, name: impl Into<String>, value: impl Into<String>) -> Self {
        self.parameters.push((name.into(), value.into()));
        self
    }

    /// With a result.
    #[must_use]
    pub fn with_result(mut self, result: impl Into<String>) -> Self {
        self.result = Some(result.into());
        self
    }

    /// With how much is done, of how much.
    #[must_use]
    pub fn with_done(mut self, done: u64, total: u64) -> Self {
        self.done = (done, total);
        self
    }
}

/// An input artifact: a file, or a folder.
#[derive(Debug)]
pub struct Artifact(host::Artifact);

impl Artifact {
    /// Opens an input artifact of the template.
    pub fn open(name: &str) -> Result<Self> {
        host::Artifact::open(name).map(Self)
    }

    /// Files in it, by path; the empty path is the artifact itself when it is a file.
    pub fn paths(&self) -> Result<Vec<String>> {
        self.0.paths()
    }

    /// A file's size in bytes.
    pub fn size(&self, path: &str) -> Result<u64> {
        self.0.size(path)
    }

    /// Up to `length` bytes of a file from `offset` on; fewer at the end.
    pub fn read(&self, path: &str, offset: u64, length: u32) -> Result<Vec<u8>> {
        self.0.read(path, offset, length)
    }
}

/// An output artifact that is being written. Dropped before [`ArtifactWriter::finish`], it never was.
#[derive(Debug)]
pub struct ArtifactWriter(host::ArtifactWriter);

impl ArtifactWriter {
    /// Begins an output artifact of the template.
    pub fn create(name: &str) -> Result<Self> {
        host::ArtifactWriter::create(name).map(Self)
    }

    /// Adds bytes to a file; the empty path is the artifact itself.
    pub fn write(&mut self, path: &str, bytes: &[u8]) -> Result<()> {
        self.0.write(path, bytes)
    }

    /// It is complete.
    pub fn finish(self) -> Result<()> {
        self.0.finish()
    }
}

/// Adds to the step's log.
pub fn output(text: impl AsRef<[u8]>) {
    host::step_output(text.as_ref());
}

struct StepOf<T>(std::marker::PhantomData<T>);

impl<T: Step> Checked for StepOf<T> {
    type Config = T::Config;

    fn check(config: &T::Config) -> Vec<Finding> {
        T::check(config)
    }
}

#[doc(hidden)]
pub fn __kind<T: Step>() -> KindOf {
    KindOf::of::<StepOf<T>>("step")
}

#[cfg(target_family = "wasm")]
mod component {
    use super::{Phase, Progress, Request, Step};
    use crate::bindings::host::colchis::plugin::types::PluginError;
    use crate::bindings::step::exports::colchis::step::step as wit;
    use crate::export::Adapter;
    use crate::host::{begin, error_into, millis};
    use crate::{Result, config};

    impl<T: Step> wit::Guest for Adapter<T> {
        fn start(request: wit::StepRequest) -> Result<wit::Progress, PluginError> {
            begin();
            let (json, request) = parts(request);
            answer(config::parse(&json).and_then(|config| T::start(config, &request)))
        }

        fn poll(request: wit::StepRequest, token: String) -> Result<wit::Progress, PluginError> {
            begin();
            let (json, request) = parts(request);
            answer(config::parse(&json).and_then(|config| T::poll(config, &request, &token)))
        }

        fn stop(request: wit::StepRequest, token: String) -> Result<wit::Progress, PluginError> {
            begin();
            let (json, request) = parts(request);
            answer(config::parse(&json).and_then(|config| T::stop(config, &request, &token)))
        }
    }

    fn parts(request: wit::StepRequest) -> (String, Request) {
        let wit::StepRequest {
            config, namespace, workflow, workflow_uid, node, template, parameters, artifacts, ..
        } = request;
        (config, Request { namespace, workflow, workflow_uid, node, template, parameters, artifacts })
    }

    fn answer(progress: Result<Progress>) -> Result<wit::Progress, PluginError> {
        let progress = progress.map_err(error_into)?;
        Ok(wit::Progress {
            phase: match progress.phase {
                Phase::Running => wit::Phase::Running,
                Phase::Succeeded => wit::Phase::Succeeded,
                Phase::Failed => wit::Phase::Failed,
                Phase::Error => wit::Phase::Error,
            },
            message: progress.message,
            parameters: progress.parameters,
            result: progress.result,
            done: progress.done.0,
            total: progress.done.1,
            poll_after: progress.poll_after.map(millis),
            token: progress.token,
            extensions: Vec::new(),
        })
    }
}
