//! One call: who makes it, what it is, until when, about what.

use std::sync::{Arc, OnceLock};

use proto_gen::Rpc;
use tokio::time::Instant;
use tonic::{Request, Streaming};

use crate::access::{Identity, Rule, rule};
use crate::failure::{Failure, Outcome};

/// One call. Made by the layer for each request that it let through.
#[derive(Clone)]
pub(crate) struct Call(Arc<Inner>);

struct Inner {
    rpc: Rpc,
    identity: Identity,
    deadline: Option<Instant>,
    subject: OnceLock<String>,
    dry_run: OnceLock<()>,
}

impl Call {
    pub(crate) fn new(rpc: Rpc, identity: Identity, deadline: Option<Instant>) -> Self {
        Self(Arc::new(Inner { rpc, identity, deadline, subject: OnceLock::new(), dry_run: OnceLock::new() }))
    }

    pub(crate) fn rpc(&self) -> Rpc {
        self.0.rpc
    }

    pub(crate) fn rule(&self) -> Rule {
        rule(self.0.rpc)
    }

    pub(crate) fn identity(&self) -> &Identity {
        &self.0.identity
    }

    /// When the caller stops waiting.
    pub(crate) fn deadline(&self) -> Option<Instant> {
        self.0.deadline
    }

    /// Says what the call is about, for the audit line; the first word stays.
    pub(crate) fn about(&self, subject: impl FnOnce() -> String) {
        self.0.subject.get_or_init(subject);
    }

    pub(crate) fn subject(&self) -> &str {
        self.0.subject.get().map_or("", String::as_str)
    }

    /// Nothing will be stored.
    pub(crate) fn set_dry_run(&self) {
        self.0.dry_run.get_or_init(|| ());
    }

    pub(crate) fn is_dry_run(&self) -> bool {
        self.0.dry_run.get().is_some()
    }

    /// The call that a request belongs to.
    pub(crate) fn of<T>(request: Request<T>) -> Outcome<(Self, T)> {
        let (_, mut extensions, message) = request.into_parts();
        match extensions.remove::<Self>() {
            Some(call) => Ok((call, message)),
            // Without the layer there is no identity, and without an identity nothing is done.
            None => Err(Failure::internal("the request was not authenticated", "the layer is missing")),
        }
    }
}

/// The next message of a client's stream.
pub(crate) async fn next<T>(messages: &mut Streaming<T>) -> Outcome<Option<T>> {
    messages.message().await.map_err(crate::layer::shaped)
}
